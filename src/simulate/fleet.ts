import { createRing } from '../ring/ring.ts'
import { FleetCache } from './fleet-cache.ts'
import { type FleetInput, type FleetPlan, fleetPlanOf } from './fleet-plan.ts'
import { seededRandom } from './virtual-time.ts'

/** What the reads of a fleet returned during the outages of a host, and after. */
export interface FleetReport {
  /** Reads of the whole fleet. */
  readonly reads: number
  /** Reads that were misses. */
  readonly misses: number
  /** Reads that returned an outdated value. */
  readonly staleReads: number
  /** `staleReads` divided by `reads`. */
  readonly staleShare: number
  /**
   * The age of the most outdated value: the longest time between its replacement and a read of it.
   */
  readonly longestStaleMs: number
  /** Time from the end of the last outage to the last stale read; 0 if there was none after it. */
  readonly staleUntilMs: number
  /** Time from the first process that takes the host back to the last. */
  readonly splitMs: number
}

/** An ejection of the failing host by one process, from `fromMs` to `toMs`. */
interface Absence {
  readonly fromMs: number
  readonly toMs: number
}

/**
 * Counts the stale reads that follow because each process ejects a host, and takes it back, at its
 * own time. Between the first and the last process the ring is split: some processes do not read
 * what others write. Runs in virtual time; the same seed gives the same counts.
 *
 * @throws MintringError MINTRING_BAD_ARGUMENT for invalid numbers.
 */
export function fleet(input: FleetInput = {}): FleetReport {
  return new Fleet(fleetPlanOf(input)).run()
}

class Fleet {
  readonly #plan: FleetPlan
  readonly #random: () => number
  readonly #cache: FleetCache
  readonly #homes: Uint16Array
  readonly #fallbacks: Uint16Array
  /** By process: when it ejected the failing host and when it took the host back, in order. */
  readonly #absences: readonly (readonly Absence[])[]
  /** By process: the keys to delete from the host when it returns. */
  readonly #journals: Set<number>[]
  readonly #returns: { readonly atMs: number; readonly process: number }[]
  /** By key: the current version, and when each version was written. */
  readonly #versions: Uint32Array
  readonly #changedMs: number[][]
  #reads = 0
  #misses = 0
  #staleReads = 0
  #longestStaleMs = 0
  #lastStaleMs = 0

  constructor(plan: FleetPlan) {
    this.#plan = plan
    this.#random = seededRandom(plan.seed)
    this.#cache = new FleetCache(plan.hosts + 1)
    const servers = Array.from({ length: plan.hosts }, (_, i) => `host${i}:11211`)
    const ring = createRing(servers)
    const live = new Uint8Array(plan.hosts).fill(1)
    live[0] = 0
    const names = Array.from({ length: plan.keys }, (_, i) => `key:${i}`)
    this.#homes = Uint16Array.from(names, (name) => ring.indexOf(name))
    // The gutter host, which is not on the ring, has the index after the last host.
    this.#fallbacks = Uint16Array.from(names, (name) =>
      plan.failover === 'gutter' ? plan.hosts : ring.indexOfLive(name, live),
    )
    this.#absences = Array.from({ length: plan.processes }, () => this.#absencesOfOne())
    this.#journals = Array.from({ length: plan.processes }, () => new Set<number>())
    this.#returns = this.#absences
      .flatMap((absences, process) => absences.map(({ toMs }) => ({ atMs: toMs, process })))
      .sort((a, b) => a.atMs - b.atMs)
    this.#versions = new Uint32Array(plan.keys)
    this.#changedMs = Array.from({ length: plan.keys }, () => [0])
  }

  run(): FleetReport {
    const { readsPerSecond, writesPerSecond, endMs, processes, keys } = this.#plan
    const perSecond = readsPerSecond + writesPerSecond
    let nowMs = 0
    while (perSecond > 0) {
      nowMs += (-Math.log(1 - this.#random()) * 1_000) / perSecond
      if (nowMs > endMs) break
      this.#returnUntil(nowMs)
      const process = Math.floor(this.#random() * processes)
      const key = Math.floor(this.#random() * keys)
      if (this.#random() * perSecond < writesPerSecond) this.#write(process, key, nowMs)
      else this.#read(process, key, nowMs)
    }
    return this.#report()
  }

  #report(): FleetReport {
    const healedMs = this.#plan.outages.at(-1)!.toMs
    const backMs = this.#absences.flatMap((absences) => absences.at(-1)?.toMs ?? [])
    const first = backMs.reduce((least, ms) => Math.min(least, ms), Number.POSITIVE_INFINITY)
    const last = backMs.reduce((most, ms) => Math.max(most, ms), 0)
    return {
      reads: this.#reads,
      misses: this.#misses,
      staleReads: this.#staleReads,
      staleShare: this.#reads === 0 ? 0 : this.#staleReads / this.#reads,
      longestStaleMs: this.#longestStaleMs,
      staleUntilMs: Math.max(0, this.#lastStaleMs - healedMs),
      splitMs: backMs.length === 0 ? 0 : last - first,
    }
  }

  /** Only processes that the outage cuts off eject the host. */
  #absencesOfOne(): readonly Absence[] {
    const { outages, cutShare, detectMs, retryTimeoutMs } = this.#plan
    return outages.flatMap(({ fromMs, toMs }) => {
      if (this.#random() >= cutShare) return []
      const ejectedMs = fromMs + this.#random() * detectMs
      // Each process probes at its own times, with up to a tenth of jitter.
      return [{ fromMs: ejectedMs, toMs: toMs + this.#random() * retryTimeoutMs * 1.1 }]
    })
  }

  /**
   * Takes the host back in each process whose time has come. The process first deletes the keys in
   * its journal from the host.
   */
  #returnUntil(nowMs: number): void {
    for (let next = this.#returns[0]; next !== undefined; next = this.#returns[0]) {
      if (next.atMs > nowMs) return
      this.#returns.shift()
      const journal = this.#journals[next.process]!
      if (this.#plan.onReturn === 'flush') this.#cache.flush(0)
      for (const key of this.#plan.journal ? journal : []) {
        this.#cache.delete(0, key)
        this.#cache.delete(this.#fallbacks[key]!, key)
      }
      journal.clear()
    }
  }

  /** Returns the host on which a process now looks for the key; -1 if there is none. */
  #placeOf(process: number, key: number, nowMs: number): number {
    const home = this.#homes[key]!
    if (home !== 0 || !this.#isAway(process, nowMs)) return home
    return this.#plan.failover === 'miss' ? -1 : this.#fallbacks[key]!
  }

  #isAway(process: number, nowMs: number): boolean {
    return this.#absences[process]!.some(({ fromMs, toMs }) => nowMs >= fromMs && nowMs < toMs)
  }

  #read(process: number, key: number, nowMs: number): void {
    this.#reads++
    const place = this.#placeOf(process, key, nowMs)
    const version = place < 0 ? undefined : this.#cache.get(place, key, nowMs)
    if (version === undefined) {
      this.#misses++
      this.#store(process, place, key, nowMs)
      return
    }
    if (version === this.#versions[key]) return
    // A version is stale from the time at which the next version was written.
    const staleMs = nowMs - this.#changedMs[key]![version + 1]!
    this.#staleReads++
    this.#longestStaleMs = Math.max(this.#longestStaleMs, staleMs)
    this.#lastStaleMs = nowMs
  }

  /**
   * Writes a new version to the origin, then to the cache, on the host where this process looks for
   * the key.
   */
  #write(process: number, key: number, nowMs: number): void {
    this.#versions[key]!++
    this.#changedMs[key]!.push(nowMs)
    const place = this.#placeOf(process, key, nowMs)
    this.#store(process, place, key, nowMs)
    const isCautious = place === 0 && this.#plan.failover === 'rehash'
    if (isCautious && this.#sawTrouble(process, nowMs)) {
      this.#cache.delete(this.#fallbacks[key]!, key)
    }
  }

  /** Returns whether the process saw the host fail or return within the last `precautionsMs`. */
  #sawTrouble(process: number, nowMs: number): boolean {
    const { precautionsMs, detectMs } = this.#plan
    return this.#absences[process]!.some(({ fromMs, toMs }) => {
      const isGoing = nowMs >= fromMs - detectMs && nowMs < fromMs + precautionsMs
      return isGoing || (nowMs >= toMs && nowMs < toMs + precautionsMs)
    })
  }

  /**
   * Stores a value. If it is not on the key's own host, the journal records the key: the process
   * deletes it on both hosts when that host returns.
   */
  #store(process: number, place: number, key: number, nowMs: number): void {
    if (place !== this.#homes[key]) this.#journals[process]!.add(key)
    if (place < 0) return
    const { ttlMs, gutterTtlMs, hosts } = this.#plan
    const lifeMs = place === hosts ? Math.min(ttlMs, gutterTtlMs) : ttlMs
    this.#cache.set(place, key, this.#versions[key]!, nowMs + lifeMs)
  }
}
