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

/** How long a process may take to connect to a host that is back, in milliseconds. */
const CONNECT_MS = 500

/** An ejection of a failing host by one process, from `fromMs` to `toMs`. */
interface Absence {
  readonly fromMs: number
  readonly toMs: number
}

/** A copy that a process stored away from the key's own host. */
interface Copy {
  readonly key: number
  readonly place: number
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
  /** By the failing hosts that are out, as bits: the fallback host of each key. */
  readonly #fallbacks: readonly Uint16Array[]
  /** By failing host and process: when the process ejected the host and took it back, in order. */
  readonly #absences: readonly (readonly (readonly Absence[])[])[]
  /** By process: the copies to delete, on both hosts, when the key's own host returns. */
  readonly #journals: readonly Map<string, Copy>[]
  /** Keys with a notice on a fallback host: a process that saw home as down changed them there. */
  readonly #notices = new Set<number>()
  readonly #returns: { readonly atMs: number; readonly process: number; readonly host: number }[]
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
    const ring = createRing(Array.from({ length: plan.hosts }, (_, i) => `host${i}:11211`))
    const names = Array.from({ length: plan.keys }, (_, i) => `key:${i}`)
    this.#homes = Uint16Array.from(names, (name) => ring.indexOf(name))
    this.#fallbacks = Array.from({ length: 2 ** plan.hostsOut }, (_, out) => {
      const live = Uint8Array.from({ length: plan.hosts }, (_, host) => 1 - ((out >> host) & 1))
      // The gutter host, which is not on the ring, has the index after the last host.
      const placeOf = (name: string): number =>
        plan.failover === 'gutter' ? plan.hosts : ring.indexOfLive(name, live)
      return Uint16Array.from(names, placeOf)
    })
    this.#absences = Array.from({ length: plan.hostsOut }, () =>
      Array.from({ length: plan.processes }, () => this.#absencesOfOne()),
    )
    this.#journals = Array.from({ length: plan.processes }, () => new Map<string, Copy>())
    this.#returns = this.#absences
      .flatMap((ofHost, host) =>
        ofHost.flatMap((all, process) => all.map(({ toMs }) => ({ atMs: toMs, process, host }))),
      )
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
    const backMs = this.#absences.flat().flatMap((absences) => absences.at(-1)?.toMs ?? [])
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
   * Takes hosts back in each process whose time has come. The process first deletes the keys in its
   * journal from the host, and their copies.
   */
  #returnUntil(nowMs: number): void {
    for (let next = this.#returns[0]; next !== undefined; next = this.#returns[0]) {
      if (next.atMs > nowMs) return
      this.#returns.shift()
      const { process, host } = next
      const journal = this.#journals[process]!
      if (this.#plan.onReturn === 'flush') this.#cache.flush(host)
      for (const [name, { key, place }] of journal) {
        if (this.#homes[key] !== host) continue
        journal.delete(name)
        if (!this.#plan.journal) continue
        this.#cache.delete(host, key)
        if (place >= 0) this.#cache.delete(place, key)
      }
    }
  }

  /** Returns the host on which a process now looks for the key; -1 if there is none. */
  #placeOf(process: number, key: number, nowMs: number): number {
    const home = this.#homes[key]!
    if (!this.#isAway(process, home, nowMs)) return home
    if (this.#plan.failover === 'miss') return -1
    let out = 0
    for (let host = 0; host < this.#plan.hostsOut; host++) {
      if (this.#isAway(process, host, nowMs)) out |= 1 << host
    }
    return this.#fallbacks[out]![key]!
  }

  #isAway(process: number, host: number, nowMs: number): boolean {
    const absences = this.#absences[host]?.[process]
    return absences?.some(({ fromMs, toMs }) => nowMs >= fromMs && nowMs < toMs) === true
  }

  #read(process: number, key: number, nowMs: number): void {
    this.#reads++
    const place = this.#placeOf(process, key, nowMs)
    // A notice is there until one process has deleted the key on its own host.
    if (this.#isChecking(process, place, key, nowMs) && this.#notices.delete(key)) {
      this.#cache.delete(place, key)
    }
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
    const home = this.#homes[key]!
    if (place >= 0 && place !== home && this.#plan.journal) this.#notices.add(key)
    const isCautious = place === home && home < this.#plan.hostsOut
    if (isCautious && this.#plan.failover === 'rehash' && this.#sawTrouble(process, home, nowMs)) {
      this.#cache.delete(this.#fallbacks[1 << home]![key]!, key)
    }
  }

  /** Returns whether the process saw the host fail or return within the last `precautionsMs`. */
  #sawTrouble(process: number, host: number, nowMs: number): boolean {
    const { precautionsMs, detectMs } = this.#plan
    return this.#absences[host]![process]!.some(({ fromMs, toMs }) => {
      const isGoing = nowMs >= fromMs - detectMs && nowMs < fromMs + precautionsMs
      return isGoing || (nowMs >= toMs && nowMs < toMs + precautionsMs)
    })
  }

  /**
   * Whether a process checks for a notice of a key before it reads the key's own host: for some
   * time after it took the host back.
   */
  #isChecking(process: number, place: number, key: number, nowMs: number): boolean {
    const home = this.#homes[key]!
    if (place !== home || home >= this.#plan.hostsOut) return false
    const { precautionsMs, retryTimeoutMs } = this.#plan
    return this.#absences[home]![process]!.some(({ fromMs, toMs }) => {
      const splitMs = 2 * retryTimeoutMs + (toMs - fromMs) / 5 + CONNECT_MS
      return nowMs >= toMs && nowMs < toMs + Math.min(splitMs, precautionsMs)
    })
  }

  /**
   * Stores a value. If it is not on the key's own host, the journal records the key: the process
   * deletes it on both hosts when that host returns.
   */
  #store(process: number, place: number, key: number, nowMs: number): void {
    if (place !== this.#homes[key]) this.#journals[process]!.set(`${key} ${place}`, { key, place })
    if (place < 0) return
    const { ttlMs, gutterTtlMs, hosts } = this.#plan
    const lifeMs = place === hosts ? Math.min(ttlMs, gutterTtlMs) : ttlMs
    this.#cache.set(place, key, this.#versions[key]!, nowMs + lifeMs)
  }
}
