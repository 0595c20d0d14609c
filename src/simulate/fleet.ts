import { createRing } from '../ring/ring.ts'
import { FleetCache } from './fleet-cache.ts'
import { type FleetInput, type FleetPlan, fleetPlanOf } from './fleet-plan.ts'
import { seededRandom } from './virtual-time.ts'

/** What a fleet saw while one host was away, and after. */
export interface FleetReport {
  /** Reads of the whole fleet. */
  readonly reads: number
  /** Reads that found nothing. */
  readonly misses: number
  /** Reads that returned a value which had been replaced already. */
  readonly staleReads: number
  /** `staleReads` over `reads`. */
  readonly staleShare: number
  /** How long the oldest of those values had been replaced. */
  readonly longestStaleMs: number
  /** From the end of the last outage to the last stale read; 0 when there was none after it. */
  readonly staleUntilMs: number
  /** From the first process that has the host back to the last. */
  readonly splitMs: number
}

/** What one process thinks of the host that fails: out from `fromMs` to `toMs`. */
interface Absence {
  readonly fromMs: number
  readonly toMs: number
}

/**
 * Counts what goes stale when the processes of a fleet eject a host, and take it back, each at its
 * own time: between the first and the last of them the ring is split, and what one writes another
 * does not read. Virtual time; the same seed gives the same counts.
 *
 * @throws MintringError MINTRING_BAD_ARGUMENT for numbers that are invalid.
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
  /** By process: its absences, in order. */
  readonly #absences: readonly (readonly Absence[])[]
  /** By process: what it has to tell the host when it has it back. */
  readonly #journals: Set<number>[]
  readonly #returns: { readonly atMs: number; readonly process: number }[]
  /** By key: the version that is true, and when it became so. */
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
    // One host more than the ring has: the gutter.
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

  /** A process that the network does not cut off never ejects the host. */
  #absencesOfOne(): readonly Absence[] {
    const { outages, cutShare, detectMs, retryTimeoutMs } = this.#plan
    return outages.flatMap(({ fromMs, toMs }) => {
      if (this.#random() >= cutShare) return []
      const ejectedMs = fromMs + this.#random() * detectMs
      // Probes come at a phase of their own, with up to a tenth of jitter.
      return [{ fromMs: ejectedMs, toMs: toMs + this.#random() * retryTimeoutMs * 1.1 }]
    })
  }

  /** Who has the host back by now, and tells it what it missed first. */
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

  /** Where a process has the key now; -1 for nowhere. */
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
    // Stale since the version after the one that was read.
    const staleMs = nowMs - this.#changedMs[key]![version + 1]!
    this.#staleReads++
    this.#longestStaleMs = Math.max(this.#longestStaleMs, staleMs)
    this.#lastStaleMs = nowMs
  }

  /** The truth changes, and the process that changed it tells the cache, where it sees the key. */
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

  /** Whether the process saw the host go or return within `precautionsMs`. */
  #sawTrouble(process: number, nowMs: number): boolean {
    const { precautionsMs, detectMs } = this.#plan
    return this.#absences[process]!.some(({ fromMs, toMs }) => {
      const isGoing = nowMs >= fromMs - detectMs && nowMs < fromMs + precautionsMs
      return isGoing || (nowMs >= toMs && nowMs < toMs + precautionsMs)
    })
  }

  /** What is not stored at home is noted, to be deleted there and here once home is back. */
  #store(process: number, place: number, key: number, nowMs: number): void {
    if (place !== this.#homes[key]) this.#journals[process]!.add(key)
    if (place < 0) return
    const { ttlMs, gutterTtlMs, hosts } = this.#plan
    const lifeMs = place === hosts ? Math.min(ttlMs, gutterTtlMs) : ttlMs
    this.#cache.set(place, key, this.#versions[key]!, nowMs + lifeMs)
  }
}
