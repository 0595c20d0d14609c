import { types } from 'node:util'
import type { Item, Place } from './store.ts'
import type { Look } from './tags/look.ts'
import type { Tail } from './tags/tail.ts'

/** What a read finds. */
export type Verdict = 'fresh' | 'stale' | 'absent'

/**
 * Who may refill. `won`: this read may. `lost`: another has the lease. `open`: no client was
 * elected yet, and an election takes a command of its own. `none`: no refill is due, or possible.
 */
export type Election = 'won' | 'lost' | 'open' | 'none'

/**
 * The right to refill one key, held by one process: good for one store, as long as the CAS id at
 * `place` is still `cas`. It never changes while the holder works, and was read before its loader
 * began: so a store that succeeds is newer than every invalidation that had returned.
 */
export interface Lease {
  readonly place: Place
  readonly cas: string
  /** What the CAS id is of: a value, the empty item left by a miss, or the lock beside the key. */
  readonly on: 'item' | 'placeholder' | 'lock'
  /** What is left of the life of a placeholder or a lock; -1 = unknown. */
  readonly leftSeconds: number
}

/** Whether two leases are of the very same item, so that nothing was stored or marked between. */
export function isSameLease(one: Lease | undefined, { cas, place }: Lease): boolean {
  return one !== undefined && one.cas === cas && one.place === place
}

/** What the holder of a lease tells the others. */
export type Trouble =
  | 'none'
  /** Its loader has taken longer than others wait. */
  | 'slow'
  /** The last load of this key failed. */
  | 'failing'

/**
 * Why a value is stale: its ttl ended, a tag of it has another version or cannot be read, or it was
 * invalidated itself.
 */
export type StaleBecause = 'ttl' | 'tag' | 'invalidated'

/** A read, judged. */
export interface Finding {
  readonly verdict: Verdict
  readonly election: Election
  /** The value when there is one; a promise when decoding has to wait. */
  readonly value: unknown
  /** The value once more, for another caller: callers never share what can be changed. */
  again(): unknown
  /** Seconds until the value is stale; -1 = never. */
  readonly freshForSeconds: number
  /** Seconds since it became stale, or was invalidated. */
  readonly staleForSeconds: number
  /** The lease that was won, or the one that another has. */
  readonly lease: Lease
  readonly trouble: Trouble
  /** There is something, but this client cannot read it. */
  readonly isUnreadable: boolean
  /** Seconds the item has left; -1 = no end. */
  readonly leftSeconds: number
  /** Of a stale value, where it can be proven. */
  readonly staleBecause?: StaleBecause | undefined
  /** What the value carries of its tags. */
  readonly tail: Tail | undefined
  /** The tags as they were looked at, after the caller came and before any load. */
  readonly look?: Look | undefined
  /** Fresh by its ttl: a mark has to elect who refills it. */
  readonly isToMark?: boolean
}

/** What a server started with `-C` tells: it keeps no CAS ids, so nothing can be stored safely. */
export const NO_CAS = '0'

/** Stands for a value whose bytes say nothing to this client. */
export const UNREADABLE: unique symbol = Symbol('unreadable')

/** The value, a promise of it, or UNREADABLE. */
export function readValue(item: Item): unknown {
  try {
    const value = item.decode()
    if (types.isPromise(value)) {
      // Marks the rejection as handled: there may be no awaiter.
      value.catch(() => {})
      return value
    }
    return value === undefined ? UNREADABLE : value
  } catch {
    return UNREADABLE
  }
}

/** Whether callers may get the very same value: none of them can change it. */
export function isImmutable(value: unknown): boolean {
  return value === null || (typeof value !== 'object' && typeof value !== 'function')
}

/** The same finding without its value: it cannot be read, which is as good as absent. */
export function withoutValue(finding: Finding): Finding {
  const { election, lease } = finding
  const isOpen = election === 'none' && lease.cas !== NO_CAS
  return {
    ...finding,
    verdict: 'absent',
    election: isOpen ? 'open' : election,
    value: undefined,
    again: nothing,
    isUnreadable: true,
  }
}

/** For findings without a value. */
export function nothing(): undefined {
  return undefined
}
