import type { Policy } from './policy.ts'
import type { Item, Place } from './store.ts'

/** What a read finds. */
export type Verdict = 'fresh' | 'stale' | 'absent'

/**
 * Who may refill. `won`: this read may. `lost`: another has the lease. `open`: nobody was elected
 * yet, and trying takes a command of its own. `none`: nobody has to.
 */
export type Election = 'won' | 'lost' | 'open' | 'none'

/**
 * The right to refill one key, held by one process: good for one store, as long as the item's CAS
 * id is still `cas` at `place`.
 */
export interface Lease {
  readonly place: Place
  readonly cas: string
  /**
   * `item`: on a value. `placeholder`: on the empty item left by a miss. `lock`: beside the key.
   */
  readonly on: 'item' | 'placeholder' | 'lock'
  /** Seconds after which the server forgets it unless it is renewed; -1 = never. */
  readonly endsInSeconds: number
}

/** A read, judged. */
export interface Finding {
  readonly verdict: Verdict
  readonly election: Election
  /** The value when there is one; a promise when decoding has to wait. */
  readonly value: unknown
  /** Seconds until the value is stale; -1 = never. */
  readonly freshForSeconds: number
  /** Seconds since it became stale, or was invalidated. */
  readonly staleForSeconds: number
  /** The lease that was won, or the one that another has. */
  readonly lease: Lease
}

/** Every value of ours has this flag: an empty body is no placeholder then. */
const WRITTEN_FLAG = 1

/** An empty item that stands for a value which is being loaded. */
export function isPlaceholder(item: Item): boolean {
  const isEmpty = item.size === 0 && (item.flags & WRITTEN_FLAG) === 0
  return isEmpty && (item.won || item.lost || item.stale)
}

/** A value nobody has to care for: what nearly every read finds. */
export function isPlainlyFresh(item: Item, policy: Policy): boolean {
  if (!item.found || item.won || item.lost || item.stale) return false
  return item.ttlSeconds > policy.graceSeconds || item.ttlSeconds === -1
}

/**
 * Judges the answer to `mg key N R v f t c`. The item outlives its ttl by the policy's grace, so
 * the seconds it has left are the clock: no process needs one of its own. A value that cannot be
 * decoded is as good as none.
 */
export function judge(item: Item, policy: Policy): Finding {
  const { ttlSeconds } = item
  const isEmpty = !item.found || isPlaceholder(item)
  const value = isEmpty ? UNREADABLE : readValue(item, item.flags, 0)
  const isStale = item.stale || (ttlSeconds !== -1 && ttlSeconds <= policy.graceSeconds)
  const verdict = value === UNREADABLE ? 'absent' : isStale ? 'stale' : 'fresh'
  return {
    verdict,
    election: electionOf(item, verdict),
    value: value === UNREADABLE ? undefined : value,
    freshForSeconds: ttlSeconds === -1 ? -1 : Math.max(0, ttlSeconds - policy.graceSeconds),
    staleForSeconds: Math.max(0, policy.graceSeconds - Math.max(ttlSeconds, 0)),
    lease: {
      place: item.place(),
      cas: item.cas,
      on: isEmpty ? 'placeholder' : 'item',
      endsInSeconds: isEmpty ? ttlSeconds : -1,
    },
  }
}

/** Stands for a value whose bytes say nothing to this client. */
export const UNREADABLE: unique symbol = Symbol('unreadable')

/** The value, a promise of it, or UNREADABLE. */
export function readValue(item: Item, flags: number, from: number): unknown {
  try {
    const value = item.decode(flags, from)
    // Whoever wants the value awaits it; nobody may.
    if (value instanceof Promise) value.catch(() => {})
    return value
  } catch {
    return UNREADABLE
  }
}

/** What a server started with `-C` tells: it keeps no CAS ids, so nothing can be stored safely. */
export const NO_CAS = '0'

function electionOf(item: Item, verdict: Verdict): Election {
  if (item.cas === NO_CAS) return 'none'
  if (item.won) return 'won'
  if (item.lost) return 'lost'
  return verdict === 'fresh' ? 'none' : 'open'
}
