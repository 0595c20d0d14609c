import { MintringError } from '../errors.ts'
import type { Clock } from './clock.ts'
import type { Policy, RefillDefaults, RefillPolicy } from './policy.ts'
import { resolvePolicy } from './policy.ts'
import type { KeyRecord } from './reads.ts'
import { Recent } from './recent.ts'

/** How long a key's policy is remembered after its last use, at least. */
const MEMORY_MS = 60_000
const MAX_KEYS = 10_000
const MAX_DISTINCT = 256

/** What somebody wrote, and what it means. */
interface Agreed {
  readonly given: RefillPolicy
  readonly policy: Policy
}

interface AgreedKey extends Agreed, KeyRecord {}

/**
 * One policy per key: two that disagree on when a value is stale would refill it for each other
 * without end. Remembers what each key in use was asked with; the same words are resolved once.
 */
export class Policies {
  readonly #keys: Recent<AgreedKey>
  /** Resolved before: callers write their policies as literals, a new object each call. */
  #resolved: Agreed[] = []
  readonly #defined = new Map<string, Policy>()
  #defaults: RefillDefaults

  constructor(clock: Clock, defaults: RefillDefaults) {
    this.#keys = new Recent(clock, MEMORY_MS, MAX_KEYS)
    this.#defaults = defaults
  }

  get size(): number {
    return this.#keys.size
  }

  /** Throws MINTRING_BAD_POLICY for a policy that cannot hold, or a second one for this key. */
  of(key: string, given: RefillPolicy): KeyRecord {
    const agreed = this.#keys.get(key)
    if (agreed !== undefined) {
      if (saysSame(agreed.given, given)) return agreed
      if (!meansSame(agreed.policy, this.resolve(given))) throw conflict(key)
      return agreed
    }
    const fresh = this.#resolve(given)
    const defined = this.#defined.get(key)
    if (defined !== undefined && !meansSame(defined, fresh.policy)) throw conflict(key)
    const { given: words, policy } = fresh
    const agreedKey: AgreedKey = { given: words, policy, read: undefined }
    this.#keys.set(key, agreedKey)
    return agreedKey
  }

  /** As of(), for a key that a definition names: remembered as long as the client lives. */
  define(key: string, given: RefillPolicy): void {
    const { policy } = this.of(key, given)
    const before = this.#defined.get(key)
    if (before !== undefined && !meansSame(before, policy)) throw conflict(key)
    if (this.#defined.size < MAX_KEYS) this.#defined.set(key, policy)
  }

  /** What is remembered of a key. */
  recordOf(key: string): KeyRecord | undefined {
    return this.#keys.get(key)
  }

  /** What this key was last asked with, if that is still remembered. */
  known(key: string): Policy | undefined {
    return this.#keys.get(key)?.policy ?? this.#defined.get(key)
  }

  resolve(given: RefillPolicy): Policy {
    return this.#resolve(given).policy
  }

  forget(key: string): void {
    this.#keys.delete(key)
  }

  get defaults(): RefillDefaults {
    return this.#defaults
  }

  /** New defaults give old words a new meaning: what was agreed on is forgotten. */
  setDefaults(defaults: RefillDefaults): void {
    this.#defaults = defaults
    this.clear()
  }

  clear(): void {
    this.#keys.clear()
    this.#defined.clear()
    this.#resolved = []
  }

  #resolve(given: RefillPolicy): Agreed {
    const before = this.#resolved.find((agreed) => saysSame(agreed.given, given))
    if (before !== undefined) return before
    const policy = resolvePolicy(given, this.#defaults)
    // A copy: the caller may write other numbers into the same object.
    const agreed = { given: { ...given }, policy }
    if (this.#resolved.length >= MAX_DISTINCT) this.#resolved = []
    this.#resolved.push(agreed)
    return agreed
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
    a.placeholder === b.placeholder
  )
}

/** `'5m'` and 300 are the same policy. */
function meansSame(a: Policy, b: Policy): boolean {
  return Object.entries(a).every(([name, value]) => value === b[name as keyof Policy])
}

function conflict(key: string): MintringError {
  return new MintringError(
    'MINTRING_BAD_POLICY',
    `The key ${JSON.stringify(key)} is in use with another refill policy: one key, one policy. ` +
      'For a lifetime per value, call setTtl() in the loader.',
  )
}
