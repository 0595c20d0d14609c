import { insteadOf, insteadOfOptions, NO_OBJECT, wrongNameIn } from '../arguments.ts'
import { secondsIn } from '../duration.ts'
import { MintringError } from '../errors.ts'
import { MAX_RELATIVE_TTL_SECONDS } from '../protocol/limits.ts'
import { escaped, kindOf, nameShown } from '../secrets.ts'
import { NO_TAGS, type Tags, tagText } from '../tags/names.ts'

/** Whole seconds, or a whole number with a unit: `'5m'`. */
export type Seconds = number | `${number}${'s' | 'm' | 'h' | 'd' | 'w'}`

/** What a caller gets after it waited `waitTimeoutMs` for another client. */
export type OnWaitTimeout = 'load' | 'undefined' | 'throw'

/** How one key is cached. All processes and all callers of a key must use the same policy. */
export interface RefillPolicy {
  /** How long a value is fresh. */
  readonly ttl: Seconds
  /** How long after its ttl a value is served stale while one client refills it. Default 60. */
  readonly staleWhileRevalidate?: Seconds | undefined
  /**
   * How long after its ttl a value is served when the loader fails. Default: as
   * staleWhileRevalidate.
   */
  readonly staleIfError?: Seconds | undefined
  /**
   * How long a refill holds the lease without a sign of life; then another takes over. Default 10,
   * at least 2.
   */
  readonly lease?: Seconds | undefined
  /**
   * How long before the end of its ttl a value is refilled. `'auto'`: the measured duration of
   * loads, at most half of the ttl. Default 0.
   */
  readonly earlyRefresh?: Seconds | 'auto' | undefined
  /** The maximum share of the ttl that is randomly subtracted, 0 to 0.5. Default 0.05. */
  readonly jitter?: number | undefined
  /** How long a caller waits for the fresh value before it gets the stale one, in ms. Default 0. */
  readonly staleTimeoutMs?: number | undefined
  /** After how many ms the loader is aborted. Default 30,000. */
  readonly loaderTimeoutMs?: number | undefined
  /** How long a caller waits for another client that loads a missing key, in ms. Default 5,000. */
  readonly waitTimeoutMs?: number | undefined
  /**
   * What a caller gets when waitTimeoutMs has passed: the result of its own load, which is not
   * stored, `undefined`, or an error.
   */
  readonly onWaitTimeout?: OnWaitTimeout | undefined
  /** How long the fleet waits after a failed load before the next attempt. Default 5. */
  readonly errorBackoff?: Seconds | undefined
  /** How long a `null` is cached. Default false: not at all. */
  readonly negativeTtl?: Seconds | false | undefined
  /**
   * Whether concurrent callers share one object instead of decoding one each, which saves time. A
   * change by one caller is then visible to the others. Default false.
   */
  readonly sharedValues?: boolean | undefined
  /**
   * Where the placeholder of a missing value is: `inline` under the key itself, `sidecar` under
   * another key, so that nginx may read this one. Default `inline`.
   */
  readonly placeholder?: 'inline' | 'sidecar' | undefined
  /**
   * The tags of the value, such as `['product:17']`: invalidateTags() with one of them makes it
   * stale. A function returns the tags of the loaded value. Default: none.
   */
  readonly tags?: Tags | undefined
}

/** A checked policy with all defaults, in numbers. */
export interface Policy {
  readonly ttlSeconds: number
  readonly staleWhileRevalidateSeconds: number
  readonly staleIfErrorSeconds: number
  /** How long an item outlives its ttl: the longer of the two above. */
  readonly graceSeconds: number
  readonly leaseSeconds: number
  /** How long before its end a value is refilled; the maximum if it is measured. */
  readonly earlyRefreshSeconds: number
  /** Whether the duration of loads determines the time of an early refresh. */
  readonly isEarlyMeasured: boolean
  readonly jitter: number
  readonly staleTimeoutMs: number
  readonly loaderTimeoutMs: number
  readonly waitTimeoutMs: number
  readonly onWaitTimeout: OnWaitTimeout
  readonly errorBackoffSeconds: number
  /** How long `null` is cached; 0: not at all. */
  readonly negativeTtlSeconds: number
  readonly isShared: boolean
  readonly isSidecar: boolean
  /** The tags of every value, in the form of tagText(); undefined for no tags. */
  readonly tagText: string | undefined
}

/** The options of a policy except the ttl, which has no default. */
export type RefillDefaults = Omit<RefillPolicy, 'ttl'>

/** The defaults for what neither the policy nor the client's behaviors set. */
export const defaultRefillPolicy: Required<Omit<RefillDefaults, 'staleIfError' | 'tags'>> = {
  staleWhileRevalidate: 60,
  lease: 10,
  earlyRefresh: 0,
  jitter: 0.05,
  staleTimeoutMs: 0,
  loaderTimeoutMs: 30_000,
  waitTimeoutMs: 5_000,
  onWaitTimeout: 'load',
  errorBackoff: 5,
  negativeTtl: false,
  sharedValues: false,
  placeholder: 'inline',
}

/** The valid names in a call's options: those of a policy and of the caller. */
const NAMES: ReadonlySet<string> = new Set([
  ...Object.keys(defaultRefillPolicy),
  'ttl',
  'staleIfError',
  'tags',
  'signal',
  'timeoutMs',
  'waitUntil',
])

/** memcached's clock ticks once a second, so a lease of 1 could end at once. */
const MIN_LEASE_SECONDS = 2
const MAX_LEASE_SECONDS = 86_400
const MAX_TIMER_MS = 2 ** 31 - 1
/**
 * Checks a policy and returns it in numbers. Throws MINTRING_BAD_POLICY for an invalid one:
 * fractions, a lease under 2, earlyRefresh ≥ ttl, windows over 30 days, a loaderTimeoutMs below the
 * staleTimeoutMs.
 */
export function resolvePolicy(given: RefillPolicy, defaults: RefillDefaults = {}): Policy {
  checkNames(given)
  const said = { ...defaultRefillPolicy, ...known(defaults), ...known(given) }
  const ttlSeconds = seconds('ttl', said.ttl, 1)
  const staleWhileRevalidateSeconds = seconds('staleWhileRevalidate', said.staleWhileRevalidate, 0)
  const staleIfErrorSeconds =
    said.staleIfError === undefined
      ? staleWhileRevalidateSeconds
      : seconds('staleIfError', said.staleIfError, 0)
  const graceSeconds = Math.max(staleWhileRevalidateSeconds, staleIfErrorSeconds)
  const isEarlyMeasured = said.earlyRefresh === 'auto'
  const earlyRefreshSeconds = isEarlyMeasured
    ? Math.floor(ttlSeconds / 2)
    : seconds('earlyRefresh', said.earlyRefresh, 0)
  const policy: Policy = {
    ttlSeconds,
    staleWhileRevalidateSeconds,
    staleIfErrorSeconds,
    graceSeconds,
    leaseSeconds: seconds('lease', said.lease, MIN_LEASE_SECONDS, MAX_LEASE_SECONDS),
    earlyRefreshSeconds,
    isEarlyMeasured,
    jitter: number('jitter', said.jitter, 0, 0.5),
    staleTimeoutMs: milliseconds('staleTimeoutMs', said.staleTimeoutMs, 0),
    loaderTimeoutMs: milliseconds('loaderTimeoutMs', said.loaderTimeoutMs, 1),
    waitTimeoutMs: milliseconds('waitTimeoutMs', said.waitTimeoutMs, 0),
    onWaitTimeout: choice('onWaitTimeout', said.onWaitTimeout, ['load', 'undefined', 'throw']),
    errorBackoffSeconds: seconds('errorBackoff', said.errorBackoff, 0, MAX_LEASE_SECONDS),
    negativeTtlSeconds:
      said.negativeTtl === false ? 0 : seconds('negativeTtl', said.negativeTtl, 1),
    isShared: choice('sharedValues', said.sharedValues, [true, false]),
    isSidecar: choice('placeholder', said.placeholder, ['inline', 'sidecar']) === 'sidecar',
    tagText: given.tags === undefined ? undefined : textOf(given.tags),
  }
  checkTogether(policy)
  return policy
}

function textOf(tags: Tags): string {
  return typeof tags === 'function' ? NO_TAGS : tagText(tags)
}

/** Checks what a caller of invalidate() says about a key. Throws MINTRING_BAD_POLICY. */
export function checkGrace(given: Partial<RefillPolicy>, defaults: RefillDefaults): void {
  const { ttl } = given
  if (ttl !== undefined) resolvePolicy({ ...given, ttl }, defaults)
  else resolvePolicy({ ...given, earlyRefresh: 0, ttl: 1 }, { ...defaults, earlyRefresh: 0 })
}

/**
 * Returns a policy that says how long an invalidated value may be stale, and whether there may be a
 * lock beside it. The first of the sources that says something decides.
 */
export function resolveGrace(...sources: readonly RefillDefaults[]): Policy {
  const said = sources.map(({ staleWhileRevalidate, staleIfError, placeholder }) => {
    return known({ staleWhileRevalidate, staleIfError, placeholder })
  })
  return resolvePolicy(Object.assign({ ttl: 1 }, ...said.reverse()))
}

/** Checks a ttl that a loader sets. Throws MINTRING_BAD_POLICY. */
export function checkTtl(ttl: Seconds): number {
  return seconds('ttl', ttl, 1)
}

/** Throws MINTRING_BAD_POLICY for unknown names: a misspelt one would otherwise go unnoticed. */
export function checkNames(given: RefillDefaults): void {
  const wrong = wrongNameIn(given, NAMES)
  if (wrong === NO_OBJECT) throw noPolicy(given)
  if (wrong !== undefined) {
    throw bad(`there is no '${nameShown(wrong)}'${insteadOf(wrong, NAMES)}`)
  }
}

function noPolicy(given: unknown): MintringError {
  return bad(`it must be an object, such as { ttl: 60 }, not ${insteadOfOptions(given)}`)
}

function checkTogether(policy: Policy): void {
  const { ttlSeconds, earlyRefreshSeconds, loaderTimeoutMs, staleTimeoutMs } = policy
  if (earlyRefreshSeconds >= ttlSeconds) {
    throw bad(`earlyRefresh (${earlyRefreshSeconds}) must be below ttl (${ttlSeconds})`)
  }
  if (policy.graceSeconds + earlyRefreshSeconds + 1 > MAX_RELATIVE_TTL_SECONDS) {
    throw bad('the stale windows and earlyRefresh together must stay under 30 days')
  }
  if (loaderTimeoutMs < staleTimeoutMs) {
    throw bad(
      `loaderTimeoutMs (${loaderTimeoutMs}) must not be below staleTimeoutMs (${staleTimeoutMs})`,
    )
  }
}

/** Returns the options that are set; an explicit undefined counts as not set. */
function known<Given extends object>(given: Given): Given {
  const said = Object.entries(given).filter(([, value]) => value !== undefined)
  return Object.fromEntries(said) as Given
}

function seconds(name: string, given: unknown, min: number, max = Number.MAX_SAFE_INTEGER): number {
  const value = typeof given === 'string' ? secondsIn(given) : given
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) {
    return value as number
  }
  if (name === 'ttl' && given === undefined) throw bad('it needs a ttl, such as { ttl: 60 }')
  const bound = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `${min} to ${max}`
  const instead = typeof given === 'string' && /^\d+$/.test(given) ? `: write ${given}` : ''
  throw bad(
    `${name} must be whole seconds (${bound}) or such as '5m', not ${show(given)}${instead}`,
  )
}

function milliseconds(name: string, given: unknown, min: number): number {
  if (!Number.isInteger(given)) {
    throw bad(`${name} must be whole milliseconds, such as 5000, not ${show(given)}`)
  }
  return number(name, given, min, MAX_TIMER_MS)
}

function number(name: string, given: unknown, min: number, max: number): number {
  if (typeof given === 'number' && given >= min && given <= max) return given
  throw bad(`${name} must be ${min} to ${max}, not ${show(given)}`)
}

function choice<Choice extends string | boolean>(
  name: string,
  given: unknown,
  all: readonly Choice[],
): Choice {
  if (all.includes(given as Choice)) return given as Choice
  throw bad(`${name} must be ${all.map((one) => show(one)).join(' or ')}, not ${show(given)}`)
}

function show(given: unknown): string {
  if (typeof given === 'string') return `'${escaped(given, 32)}'`
  return typeof given === 'number' || typeof given === 'boolean' ? String(given) : kindOf(given)
}

function bad(why: string): MintringError {
  return new MintringError('MINTRING_BAD_POLICY', `Bad refill policy: ${why}`)
}
