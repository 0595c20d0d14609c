import type { Pauses } from './abort.ts'
import type { ChangePlan } from './change-traffic.ts'
import { FleetPhases } from './fleet-phases.ts'
import { MovedKeysTally, SimulatedKey } from './moved-keys.ts'
import { Popularity } from './popularity.ts'
import { seededRandom } from './virtual-time.ts'

/** Points of the curves. */
const STEPS = 180
const EXTRA_AFTER_MS = [1_000, 10_000, 60_000, 600_000, 900_000]
/** Loads and writes that are counted in seconds. */
const MAX_EVENTS = 20_000_000

/** What the origin and the cache see of one way to change the servers. */
export interface ChangeCost {
  /** Loads per second, by step. */
  readonly loadsPerSecond: readonly number[]
  /** Loads beyond those without any change, up to some moments. */
  readonly extraLoads: readonly {
    /** The time since the change, in milliseconds. */
    readonly withinMs: number
    /** Loads in that time beyond those without a change. */
    readonly loads: number
  }[]
  /** Values that were copied to their new home. */
  readonly copied: number
  /** Reads of values that had been replaced, as many as there are on average. */
  readonly staleReads: number
}

/** What a change of servers costs over time, with handover and without. */
export interface ChangeOverTime {
  /** How many keys were looked at. */
  readonly keys: number
  /** The fraction of them whose server changes. */
  readonly moved: number
  /** How long values live, so that the hit ratio is the given one; undefined: for ever. */
  readonly valueLifeMs: number | undefined
  /** Loads per second without any change. */
  readonly beforePerSecond: number
  /** The length of a step. */
  readonly stepMs: number
  /** Every process reads new homes as soon as it learns of the change. */
  readonly withoutHandover: ChangeCost
  /** The change is announced, then values move. */
  readonly withHandover: ChangeCost
}

/** Whether that many loads and writes can be counted in seconds. */
export function isCountable(plan: ChangePlan): boolean {
  const { requestsPerSecond, hitRatio, writesPerSecond, durationMs } = plan
  const perSecond = requestsPerSecond * (1 - hitRatio) + writesPerSecond
  return (perSecond * durationMs) / 1_000 <= MAX_EVENTS
}

/**
 * Follows every key that moves through the change, in virtual time. Keys that stay load as ever:
 * they are not followed. Memory grows with the processes, never with keys or requests.
 */
export async function costOfChange(
  keys: number,
  isMoved: (rank: number) => boolean,
  plan: ChangePlan,
  pauses: Pauses,
): Promise<ChangeOverTime> {
  const { requestsPerSecond, hitRatio, durationMs } = plan
  const popularity = new Popularity(keys, plan.zipf)
  const lifeMs = popularity.lifeMsFor(hitRatio, requestsPerSecond)
  const without = new Run({ ...plan, announceMs: 0, handoverMs: 0 }, lifeMs)
  const withIt = new Run(plan, lifeMs)
  let moved = 0
  for (let rank = 0; rank < keys; rank++) {
    let work = 1
    if (isMoved(rank)) {
      moved++
      const share = popularity.shareOf(rank)
      work += without.follow(rank, share) + withIt.follow(rank, share)
    }
    pauses.keys++
    if (pauses.isDue(work)) await pauses.take()
  }
  const beforePerSecond = requestsPerSecond * (1 - hitRatio)
  return {
    keys,
    moved: moved / keys,
    valueLifeMs: lifeMs === Number.POSITIVE_INFINITY ? undefined : lifeMs,
    beforePerSecond,
    stepMs: durationMs / STEPS,
    withoutHandover: without.cost(beforePerSecond),
    withHandover: withIt.cost(beforePerSecond),
  }
}

/** One way to change the servers. */
class Run {
  readonly #plan: ChangePlan
  readonly #lifeMs: number
  readonly #fleet: FleetPhases
  readonly #tally: MovedKeysTally
  readonly #momentsMs: readonly number[]

  constructor(plan: ChangePlan, lifeMs: number) {
    const { durationMs } = plan
    const momentsMs = EXTRA_AFTER_MS.filter((ms) => ms < durationMs)
    this.#momentsMs = [...momentsMs, durationMs]
    this.#plan = plan
    this.#lifeMs = lifeMs
    this.#fleet = new FleetPhases(plan)
    this.#tally = new MovedKeysTally(STEPS, durationMs / STEPS, this.#momentsMs)
  }

  /** Answers how much work that was. */
  follow(rank: number, share: number): number {
    const { requestsPerSecond, writesPerSecond, durationMs, seed } = this.#plan
    const traffic = {
      readsPerMs: (share * requestsPerSecond) / 1_000,
      writesPerMs: (share * writesPerSecond) / 1_000,
      lifeMs: this.#lifeMs,
      durationMs,
    }
    // Seeds that are neighbours give streams that are alike: a multiplier spreads them.
    const random = seededRandom(seed + Math.imul(rank + 1, 0x9e3779b1))
    const key = new SimulatedKey(this.#fleet, traffic, this.#tally, random)
    key.run()
    return key.steps
  }

  cost(beforePerSecond: number): ChangeCost {
    const { extraLoads, extraUntil, copied, staleReads } = this.#tally
    const perSecond = (STEPS * 1_000) / this.#plan.durationMs
    return {
      loadsPerSecond: [...extraLoads].map((extra) => beforePerSecond + extra * perSecond),
      extraLoads: this.#momentsMs.map((withinMs, i) => ({ withinMs, loads: extraUntil[i]! })),
      copied,
      staleReads,
    }
  }
}
