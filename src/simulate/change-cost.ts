import type { Pauses } from './abort.ts'
import type { ChangePlan } from './change-traffic.ts'
import { FleetPhases } from './fleet-phases.ts'
import { MovedKeysTally, SimulatedKey } from './moved-keys.ts'
import { Popularity } from './popularity.ts'
import { seededRandom } from './virtual-time.ts'

/** The number of points of the curves. */
const STEPS = 180
const EXTRA_AFTER_MS = [1_000, 10_000, 60_000, 600_000, 900_000]
/** The limit on simulated loads and writes: this many take seconds. */
const MAX_EVENTS = 20_000_000

/** The load on the origin and the effects on the cache of one way to change the servers. */
export interface ChangeCost {
  /** Loads per second at each step. */
  readonly loadsPerSecond: readonly number[]
  /** Additional loads compared with no change, counted up to several times after the change. */
  readonly extraLoads: readonly {
    /** The time since the change, in milliseconds. */
    readonly withinMs: number
    /** Additional loads within `withinMs`. */
    readonly loads: number
  }[]
  /** Values that were copied to their new host. */
  readonly copied: number
  /** The expected number of reads that returned an outdated value. */
  readonly staleReads: number
}

/** What a change of servers costs over time, with handover and without. */
export interface ChangeOverTime {
  /** The number of keys. */
  readonly keys: number
  /** The fraction of keys whose server changes. */
  readonly moved: number
  /** The lifetime of values that results in the given hit ratio; undefined if they never expire. */
  readonly valueLifeMs: number | undefined
  /** Loads per second without a change. */
  readonly beforePerSecond: number
  /** The length of a step in milliseconds. */
  readonly stepMs: number
  /** The cost if every process uses the new servers as soon as it learns of the change. */
  readonly withoutHandover: ChangeCost
  /** The cost if the change is announced first and values then move. */
  readonly withHandover: ChangeCost
}

/** Returns whether the loads and writes of this plan can be simulated within seconds. */
export function isCountable(plan: ChangePlan): boolean {
  const { requestsPerSecond, hitRatio, writesPerSecond, durationMs } = plan
  const perSecond = requestsPerSecond * (1 - hitRatio) + writesPerSecond
  return (perSecond * durationMs) / 1_000 <= MAX_EVENTS
}

/**
 * Simulates every key that moves, in virtual time. Keys that stay are skipped: their loads do not
 * change. Memory grows with the number of processes, not with keys or requests.
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

/** The simulation of one way to change the servers. */
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

  /** Simulates one key. Returns how many steps that took. */
  follow(rank: number, share: number): number {
    const { requestsPerSecond, writesPerSecond, durationMs, seed } = this.#plan
    const traffic = {
      readsPerMs: (share * requestsPerSecond) / 1_000,
      writesPerMs: (share * writesPerSecond) / 1_000,
      lifeMs: this.#lifeMs,
      durationMs,
    }
    // Similar seeds give similar random streams, so the multiplier spreads the seeds.
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
