import { MintringError } from '../errors.ts'
import type { Clock } from './clock.ts'
import type { Lease } from './finding.ts'
import type { Bypass, Flight } from './flight.ts'
import { Pace, type Terms } from './loading.ts'
import type { Elected } from './path.ts'
import type { Policy, RefillDefaults, RefillPolicy } from './policy.ts'
import { resolvePolicy } from './policy.ts'
import type { Read } from './read.ts'
import { Recent } from './recent.ts'
import type { Tags } from './tags/names.ts'
import type { Wait } from './wait.ts'

/** How long a key is remembered after its last use, at least. */
const MEMORY_MS = 60_000
const MAX_KEYS = 10_000
const MAX_DISTINCT = 256

/** A policy as written, and as parsed. */
interface Agreed {
  readonly given: RefillPolicy
  readonly policy: Policy
  readonly pace: Pace
}

/** The last election of a key: there is no reason to try again before its time. */
export interface Sight {
  /** Whether it was to mark the value: until its tags come, a page has the same lease. */
  readonly isToMark: boolean
  /** That of the item which a read found. */
  readonly lease: Lease
  readonly elected: Promise<Elected>
  /** Infinity while the election is under way, as is the next. */
  untilMs: number
  /** The same for callers who wait: they want to know soon when the load failed. */
  waitingUntilMs: number
}

/** Refreshes of one key: one runs, and at most one waits for it to end. */
export interface Refreshes {
  readonly running: Promise<unknown>
  next: Promise<unknown> | undefined
}

/** All that a process knows of one key, and has under way for it. */
export interface Slot extends Agreed, Terms {
  /** The last read, which may be joined until its bytes have left. */
  read: Read<Slot> | undefined
  /** The load that callers of this process may share. */
  flight: Flight | undefined
  /** The load without the cache that they may share. */
  bypass: Bypass | undefined
  /** The poller of those who wait for another process. */
  wait: Wait<Slot> | undefined
  sight: Sight | undefined
  refreshes: Refreshes | undefined
  /** The versions for which this process last marked the value, and until when that holds. */
  marked: { readonly digest: string | undefined; readonly untilMs: number } | undefined
}

/**
 * The keys in use. One policy per key: two that disagree on when a value is stale would refill it
 * for each other without end. A key that was forgotten starts anew: what it had under way ends by
 * itself, and is shared no more.
 */
export class Slots {
  readonly #slots: Recent<Slot>
  /** Resolved before: callers write their policies as literals, a new object each call. */
  #resolved: Agreed[] = []
  readonly #defined = new Map<string, Policy>()
  #defaults: RefillDefaults

  constructor(clock: Clock, defaults: RefillDefaults) {
    this.#slots = new Recent(clock, MEMORY_MS, MAX_KEYS)
    this.#defaults = defaults
  }

  get size(): number {
    return this.#slots.size
  }

  get defaults(): RefillDefaults {
    return this.#defaults
  }

  /** Throws MINTRING_BAD_POLICY for a policy that cannot hold, or a second one for this key. */
  of(key: string, given: RefillPolicy): Slot {
    const known = this.#slots.get(key)
    if (known !== undefined) {
      if (saysSame(known.given, given)) return known
      if (!meansSame(known.policy, this.resolve(given))) throw conflict()
      return known
    }
    const agreed = this.#resolve(given)
    const defined = this.#defined.get(key)
    if (defined !== undefined && !meansSame(defined, agreed.policy)) throw conflict()
    const slot = newSlot(key, agreed)
    this.#slots.set(key, slot)
    return slot
  }

  /** As of(), for a key that a definition names: remembered as long as the client lives. */
  define(key: string, given: RefillPolicy): void {
    const { policy } = this.of(key, given)
    const before = this.#defined.get(key)
    if (before !== undefined && !meansSame(before, policy)) throw conflict()
    if (this.#defined.size < MAX_KEYS) this.#defined.set(key, policy)
  }

  /** What is known of a key, if it is in use. */
  get(key: string): Slot | undefined {
    return this.#slots.get(key)
  }

  /** What this key was last asked with, if that is still remembered. */
  policyOf(key: string): Policy | undefined {
    return this.#slots.get(key)?.policy ?? this.#defined.get(key)
  }

  resolve(given: RefillPolicy): Policy {
    return this.#resolve(given).policy
  }

  /** New defaults give old words a new meaning: what was agreed on is forgotten. */
  setDefaults(defaults: RefillDefaults): void {
    this.#defaults = defaults
    this.clear()
  }

  clear(): void {
    this.#slots.clear()
    this.#defined.clear()
    this.#resolved = []
  }

  #resolve(given: RefillPolicy): Agreed {
    const before = this.#resolved.find((agreed) => saysSame(agreed.given, given))
    if (before !== undefined) return before
    const policy = resolvePolicy(given, this.#defaults)
    // A copy: the caller may write other numbers into the same object.
    const tags = Array.isArray(given.tags) ? [...given.tags] : given.tags
    const agreed = { given: { ...given, tags }, policy, pace: new Pace() }
    if (this.#resolved.length >= MAX_DISTINCT) this.#resolved = []
    this.#resolved.push(agreed)
    return agreed
  }
}

function newSlot(key: string, { given, policy, pace }: Agreed): Slot {
  return {
    key,
    given,
    policy,
    pace,
    read: undefined,
    flight: undefined,
    bypass: undefined,
    wait: undefined,
    sight: undefined,
    refreshes: undefined,
    marked: undefined,
    lastError: undefined,
    failed: undefined,
    tagSet: undefined,
  }
}

/** Word for word: spelled out, because it runs on every read. */
function saysSame(a: RefillPolicy, b: RefillPolicy): boolean {
  return (
    a.ttl === b.ttl &&
    a.staleWhileRevalidate === b.staleWhileRevalidate &&
    a.staleIfError === b.staleIfError &&
    a.lease === b.lease &&
    a.earlyRefresh === b.earlyRefresh &&
    a.jitter === b.jitter &&
    a.staleTimeoutMs === b.staleTimeoutMs &&
    a.loaderTimeoutMs === b.loaderTimeoutMs &&
    a.waitTimeoutMs === b.waitTimeoutMs &&
    a.onWaitTimeout === b.onWaitTimeout &&
    a.errorBackoff === b.errorBackoff &&
    a.negativeTtl === b.negativeTtl &&
    a.sharedValues === b.sharedValues &&
    a.placeholder === b.placeholder &&
    (a.tags === b.tags || saysSameTags(a.tags, b.tags))
  )
}

/** Any two functions do: callers write them anew for each call. */
function saysSameTags(a: Tags | undefined, b: Tags | undefined): boolean {
  if (!Array.isArray(a) || !Array.isArray(b))
    return typeof a === 'function' && typeof b === 'function'
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** `'5m'` and 300 are the same policy. */
function meansSame(a: Policy, b: Policy): boolean {
  return Object.entries(a).every(([name, value]) => value === b[name as keyof Policy])
}

/** Without the key: errors end in logs, and keys can be personal. */
function conflict(): MintringError {
  return new MintringError(
    'MINTRING_BAD_POLICY',
    'The key is in use with another refill policy: one key, one policy. ' +
      'For a lifetime per value, call setTtl() in the loader.',
  )
}

/** Detaches the load under way: its callers keep it, new ones do not join. */
export function detach(slot: Slot): void {
  slot.read = undefined
  slot.flight = undefined
  slot.bypass = undefined
  slot.wait = undefined
  slot.sight = undefined
  slot.failed = undefined
}
