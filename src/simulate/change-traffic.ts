import type { ArgumentRule } from './arguments.ts'

/** The traffic of a fleet during a change of servers, and how the fleet makes the change. */
export interface ChangeTraffic {
  /** Requests per second of the whole fleet. */
  readonly requestsPerSecond: number
  /**
   * Hits divided by requests before the change, 0 to 1. It determines the lifetime of values: with
   * it, popular keys are nearly always cached and rare ones seldom.
   */
  readonly hitRatio: number
  /** Writes per second of the whole fleet. Default 0. */
  readonly writesPerSecond?: number | undefined
  /**
   * Zipf's exponent: how much more often popular keys are requested than rare ones. Default 0.99.
   */
  readonly zipf?: number | undefined
  /** Number of processes. Default 100. */
  readonly processes?: number | undefined
  /**
   * Time from the first process that learns of the change to the last, in milliseconds; processes
   * learn of it at even intervals. Default 10,000.
   */
  readonly learnMs?: number | undefined
  /** How long the change is announced, in milliseconds. Default 60,000. */
  readonly announceMs?: number | undefined
  /** How long values move, in milliseconds. Default 600,000. */
  readonly handoverMs?: number | undefined
  /**
   * How long to simulate, from the moment the first process learns of the change, in milliseconds.
   * Default 900,000.
   */
  readonly durationMs?: number | undefined
  /** Seed of the random numbers: the same seed gives the same counts. Default 1. */
  readonly seed?: number | undefined
}

/** ChangeTraffic with all defaults filled in. */
export type ChangePlan = { readonly [Name in keyof ChangeTraffic]-?: number }

const DAY_MS = 86_400_000
const TIME: ArgumentRule = { min: 0, max: 30 * DAY_MS }

/** The allowed values of the fields of ChangeTraffic. */
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

/** Fills in the defaults. `refuse` creates the error for arguments that contradict each other. */
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
