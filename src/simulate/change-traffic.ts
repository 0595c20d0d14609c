import type { ArgumentRule } from './arguments.ts'

/** The traffic of a fleet while its servers change, and how the fleet changes them. */
export interface ChangeTraffic {
  /** Requests of the whole fleet. */
  readonly requestsPerSecond: number
  /**
   * Hits over requests before the change, 0 to 1. It decides how long values live: popular keys are
   * nearly always there, and rare ones seldom.
   */
  readonly hitRatio: number
  /** Writes of the whole fleet; 0 by default. */
  readonly writesPerSecond?: number | undefined
  /** Zipf's exponent: how much more popular keys are asked for than rare ones; 0.99 by default. */
  readonly zipf?: number | undefined
  /** Processes of the fleet; 100 by default. */
  readonly processes?: number | undefined
  /** From the first process that learns of the change to the last, evenly; 10,000 by default. */
  readonly learnMs?: number | undefined
  /** How long the change is announced; 60,000 by default. */
  readonly announceMs?: number | undefined
  /** How long values move; 600,000 by default. */
  readonly handoverMs?: number | undefined
  /** How long the fleet is watched, from the first process that learns; 900,000 by default. */
  readonly durationMs?: number | undefined
  /** The same seed gives the same counts; 1 by default. */
  readonly seed?: number | undefined
}

/** The same with everything filled in. */
export type ChangePlan = { readonly [Name in keyof ChangeTraffic]-?: number }

const DAY_MS = 86_400_000
const TIME: ArgumentRule = { min: 0, max: 30 * DAY_MS }

/** What each of its arguments may be. */
export const trafficRules: Readonly<Record<keyof ChangeTraffic, ArgumentRule>> = {
  requestsPerSecond: { min: 0, max: Number.MAX_SAFE_INTEGER },
  hitRatio: { min: 0, max: 1 },
  writesPerSecond: { min: 0, max: 1_000_000 },
  zipf: { min: 0, max: 3 },
  processes: { min: 1, max: 10_000, isWhole: true },
  learnMs: TIME,
  announceMs: TIME,
  handoverMs: { min: 1, max: 30 * DAY_MS },
  durationMs: { min: 1_000, max: 30 * DAY_MS },
  seed: { min: 0, max: Number.MAX_SAFE_INTEGER, isWhole: true },
}

const DEFAULTS: Omit<ChangePlan, 'requestsPerSecond' | 'hitRatio'> = {
  writesPerSecond: 0,
  zipf: 0.99,
  processes: 100,
  learnMs: 10_000,
  announceMs: 60_000,
  handoverMs: 600_000,
  durationMs: 900_000,
  seed: 1,
}

/** Fills in the defaults. `refuse` throws what does not fit together. */
export function planOfTraffic(traffic: ChangeTraffic, refuse: (why: string) => Error): ChangePlan {
  const names = Object.keys(trafficRules) as (keyof ChangeTraffic)[]
  const said = names.filter((name) => traffic[name] !== undefined)
  const given = Object.fromEntries(said.map((name) => [name, traffic[name]!]))
  const plan = { ...DEFAULTS, ...given } as ChangePlan
  if (plan.handoverMs < plan.announceMs) {
    const { handoverMs, announceMs } = plan
    throw refuse(`handoverMs (${handoverMs}) must not be shorter than announceMs (${announceMs})`)
  }
  return plan
}
