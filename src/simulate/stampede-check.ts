import type { RefillEntry } from '../refill/finding.ts'
import type { Policy } from '../refill/policy.ts'
import type { VirtualTime } from './virtual-time.ts'

/** The tick of memcached's clock in milliseconds. */
const TICK_MS = 1_000

/** A completed write: a read that begins later must not return an older value as fresh. */
interface Written {
  readonly version: number
  readonly atMs: number
}

/** A read in progress. */
export interface ReadCheck {
  readonly key: string
  readonly startMs: number
  /** The newest version whose invalidation had completed when the read began. */
  readonly newest: number
  /** The version in the cache when the read began, stale or not; undefined if there was none. */
  readonly held: number | undefined
}

/** Checks every read and every store, and records violations of the guarantees. */
export class StampedeCheck {
  readonly violations: string[] = []
  readonly #time: VirtualTime
  readonly #policy: Policy
  readonly #latencyMs: number
  readonly #written = new Map<string, Written[]>()
  readonly #goneMs = new Map<string, number>()

  constructor(time: VirtualTime, policy: Policy, latencyMs: number) {
    this.#time = time
    this.#policy = policy
    this.#latencyMs = latencyMs
  }

  /** Records that an invalidation, set or delete after the write of that version has completed. */
  written(key: string, version: number): void {
    const all = this.#written.get(key) ?? []
    all.push({ version, atMs: this.#time.nowMs })
    this.#written.set(key, all)
  }

  /** Records that the cache lost the key: a read must then wait for a load. */
  gone(key: string): void {
    this.#goneMs.set(key, this.#time.nowMs)
  }

  readBegins(key: string, held: number | undefined): ReadCheck {
    const newest = this.#written.get(key)?.at(-1)?.version ?? 0
    return { key, startMs: this.#time.nowMs, newest, held }
  }

  readEnds(read: ReadCheck, entry: RefillEntry): void {
    const version = entry.value as number
    const isCurrent = entry.state === 'fresh' || entry.state === 'miss'
    if (isCurrent && version < read.newest) {
      const { key, newest } = read
      this.#violated(`${key}: version ${version} is ${entry.state} after ${newest} was written`)
    }
    if (entry.state === 'stale') this.#staleEnds(read, version, entry.staleFor ?? 0)
  }

  #staleEnds({ key, startMs, held }: ReadCheck, version: number, staleForSeconds: number): void {
    const { staleTimeoutMs, staleWhileRevalidateSeconds, graceSeconds } = this.#policy
    const tookMs = this.#time.nowMs - startMs
    const wasThere = held === version && (this.#goneMs.get(key) ?? -1) < startMs
    const isPrompt = wasThere && staleForSeconds < staleWhileRevalidateSeconds
    if (isPrompt && tookMs > staleTimeoutMs + 4 * this.#latencyMs) {
      this.#violated(`${key}: reading a stale value took ${Math.round(tookMs)} ms`)
    }
    const superseded = this.#written.get(key)?.find((write) => write.version > version)
    const goneMs = (superseded?.atMs ?? startMs) + graceSeconds * 1000 + TICK_MS
    if (startMs > goneMs + 4 * this.#latencyMs) {
      this.#violated(`${key}: version ${version} is stale for longer than it may`)
    }
  }

  /** Records a violation if a store replaced a value by an older one. */
  replaced(key: string, before: number, after: number): void {
    if (after < before) this.#violated(`${key}: version ${after} replaced ${before}`)
  }

  #violated(what: string): void {
    this.violations.push(`at ${Math.round(this.#time.nowMs)} ms ${what}`)
  }
}
