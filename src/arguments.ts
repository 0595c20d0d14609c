import { MintringError, unreadableOptions } from './errors.ts'
import { didYouMean } from './ring/suggest.ts'
import { kindOf, nameShown } from './secrets.ts'

/** The set of option names that an operation accepts. */
export type OptionNames = ReadonlySet<string>

/** The options that every operation accepts. */
export const OPERATION_OPTIONS: OptionNames = new Set(['signal', 'timeoutMs'])

/**
 * Maps names that other clients use for our options to ours. Names are in lower case, without
 * underscores. Units differ between clients, so the message shows ours.
 */
const ELSEWHERE: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ttl:
      'ttl ttls ttlseconds ttlms lifetime lifespan life expire expires expirein expiresin ' +
      'expireat expiresat expiry expiration exptime exp ex px exat pxat maxage age seconds ' +
      'time duration',
    timeoutMs:
      'timeout timeoutms requesttimeout requesttimeoutms deadline deadlinems commandtimeout ' +
      'maxwait maxtimeout timeoutmillis',
    prefix: 'keyprefix namespace keynamespace',
    perSecond: 'rate ratelimit rps qps maxpersecond',
    concurrency: 'parallel parallelism limit batchsize workers',
    signal: 'signal abort abortsignal controller abortcontroller cancel canceltoken',
    initial: 'init initialvalue default defaultvalue start startat',
    staleWhileRevalidate:
      'swr grace graceperiod graced stale stalettl staletime stalefor maxstale stalems',
    staleIfError: 'sie staleonerror servestaleonerror failsafe',
    lease: 'lock lockms locktimeout lockttl locktime leasetime leasems leasetimeout leasettl',
    loaderTimeoutMs: 'loadertimeout loadtimeout factorytimeout hardtimeout fetchtimeout',
    staleTimeoutMs: 'softtimeout staletimeout',
    earlyRefresh: 'earlyexpiration refreshthreshold refreshahead prefetch beta xfetch',
    negativeTtl: 'cachenull nullttl negative cacheundefined cachemisses',
    tags: 'tag surrogatekeys cachetags',
    loader: 'load fetch fetcher fetchmethod factory getter fn func handler',
    key: 'keys name id cachekey',
    drainMs: 'drain graceful gracems',
  }).flatMap(([ours, theirs]) => theirs.split(' ').map((name) => [name, ours] as const)),
)

/** Names that users look for among the options of a verb, with what to use instead. */
const ANOTHER_WAY: Readonly<Record<string, string>> = {
  nx: 'add() stores a value only if there is none',
  xx: 'replace() stores a value only if there is one',
  cas: 'cas() stores a value if its CAS id is still the same',
  tags: 'values get tags from getOrSet(), getOrSetMany() and refresh()',
  compress: 'the behavior compressAboveBytes sets which values are compressed',
  flags: 'meta.ms(key, bytes, { F: 5 }) sets flags of your own',
  hard: 'pass it to invalidateTags(tags, { hard: true })',
}

/** Methods whose first argument may be a list: users pass its members one by one. */
const LISTS: Readonly<Record<string, string>> = {
  setServers: "its servers as one list: setServers(['a:11211', 'b:11211'])",
  invalidateTags: "its tags as one array: invalidateTags(['a', 'b'])",
  tagVersions: "its tags as one array: tagVersions(['a', 'b'])",
}

/**
 * An example of each option, for messages. For options of the wrong type, the message shows the
 * first example whose option the verb accepts.
 */
const EXAMPLES: Readonly<Record<string, string>> = {
  ttl: '{ ttl: 60 }, in seconds',
  delay: '{ delay: 5 }, in seconds',
  drainMs: '{ drainMs: 1000 }, in milliseconds',
  hard: '{ hard: true }',
  timeoutMs: '{ timeoutMs: 100 }, in milliseconds',
  signal: '{ signal: controller.signal }',
  prefix: "{ prefix: 'app:' }",
  base: "{ base: 'app' }",
  keyv: '{ keyv: 6 }',
  perSecond: '{ perSecond: 100 }',
  concurrency: '{ concurrency: 16 }',
  initial: '{ initial: 1 }',
  staleWhileRevalidate: '{ staleWhileRevalidate: 600 }, in seconds',
  staleIfError: '{ staleIfError: 3600 }, in seconds',
  lease: '{ lease: 10 }, in seconds',
  loaderTimeoutMs: '{ loaderTimeoutMs: 5000 }, in milliseconds',
  staleTimeoutMs: '{ staleTimeoutMs: 200 }, in milliseconds',
  earlyRefresh: '{ earlyRefresh: 10 }, in seconds',
  negativeTtl: '{ negativeTtl: 30 }, in seconds',
  tags: "{ tags: ['product:17'] }",
  loader: '{ loader: async (...args) => value }',
  key: "{ key: 'page:1' }",
}

/**
 * Throws MINTRING_BAD_ARGUMENT if `options` is not a plain object, or has a name outside `known`.
 * The message says what to write instead. `undefined` passes.
 */
export function checkOptionNames(verb: string, options: unknown, known: OptionNames): void {
  if (options === undefined) return
  try {
    checkNamesIn(verb, options, known)
  } catch (error) {
    throw unreadableOptions(error)
  }
}

function checkNamesIn(verb: string, options: unknown, known: OptionNames): void {
  const wrong = wrongNameIn(options, known)
  if (wrong === NO_OBJECT) throw noOptions(verb, options, known)
  if (wrong !== undefined) throw unknownOption(verb, wrong, options as object, known)
}

/** What wrongNameIn() returns for anything but a plain object. */
export const NO_OBJECT: unique symbol = Symbol('not an object of options')

/** Returns the first name in an object of options that is not known; undefined if all are. */
export function wrongNameIn(
  options: unknown,
  known: OptionNames,
): string | typeof NO_OBJECT | undefined {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return NO_OBJECT
  let isEmpty = true
  for (const name in options) {
    isEmpty = false
    if (!known.has(name)) return name
  }
  return isEmpty && !isPlain(options) ? NO_OBJECT : undefined
}

/** Whether an object without own names is meant to be empty: a Date, a Map, a promise is not. */
export function isPlain(empty: object): boolean {
  return tagOf(empty) === 'Object'
}

/** Names what was given instead of an object of settings, and says how to make one of it. */
export function insteadOfOptions(given: unknown): string {
  const kind = kindOfOptions(given)
  if (kind === 'a Promise') return `${kind}: await it first`
  return kind === 'a Map' ? `${kind}: write Object.fromEntries(map)` : kind
}

function kindOfOptions(given: unknown): string {
  const tag = tagOf(given)
  const isObject = typeof given === 'object' && given !== null && tag !== 'Array'
  return isObject ? `${/^[AEIOU]/.test(tag) ? 'an' : 'a'} ${tag}` : kindOf(given)
}

/** Returns the built-in type of an object, of any realm: `Object`, `Date`, `Map`, `Promise`. */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}

/** Throws MINTRING_BAD_ARGUMENT unless the value is true or false. */
export function checkBoolean(what: string, value: unknown): void {
  if (typeof value !== 'boolean')
    throw badArgument(`${what} must be true or false, not ${kindOf(value)}`)
}

/** Creates a MINTRING_BAD_ARGUMENT error. */
export function badArgument(message: string): MintringError {
  return new MintringError('MINTRING_BAD_ARGUMENT', message)
}

/** Exceptions to how refuseSurplus() rejects surplus arguments. */
interface SurplusRules {
  /** Methods that throw. All other methods return promises, and reject. */
  readonly throwing?: readonly string[]
  /** Methods that check their arguments themselves: a wrapper would slow them down too much. */
  readonly except?: readonly string[]
  /** Whether to refuse a surplus argument. Default: refuse functions and objects. */
  readonly refuses?: (surplus: unknown) => boolean
  /** Gets what each call returns; returns it, or a promise that settles in the same way. */
  readonly follow?: (
    target: unknown,
    verb: string,
    given: readonly unknown[],
    result: unknown,
  ) => unknown
}

/**
 * Wraps each method of an object or a prototype: a surplus argument behind the last declared one
 * fails with MINTRING_BAD_ARGUMENT. A callback, or a second object of options, would otherwise be
 * ignored silently. Returns the object.
 */
export function refuseSurplus<Target extends object>(
  target: Target,
  rules: SurplusRules = {},
): Target {
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(target))) {
    const method = property.value as unknown
    if (typeof method !== 'function' || name === 'constructor') continue
    if (rules.except?.includes(name)) continue
    const value = withoutSurplus(name, method as Method, rules)
    Object.defineProperty(target, name, { ...property, value })
  }
  return target
}

/**
 * Like refuseSurplus(), but refuses only callbacks: frameworks may pass an adapter more arguments
 * than it declares.
 */
export function refuseCallbacks<Target extends object>(target: Target): Target {
  return refuseSurplus(target, { refuses: (surplus) => typeof surplus === 'function' })
}

/** Whether a surplus argument was given: `undefined` is what an omitted one is. */
export const isGiven = (surplus: unknown): boolean => surplus !== undefined

function isObject(given: unknown): boolean {
  return typeof given === 'function' || (typeof given === 'object' && given !== null)
}

type Method = (...given: unknown[]) => unknown

function withoutSurplus(verb: string, method: Method, rules: SurplusRules): Method {
  const count = method.length
  const { refuses = isObject, follow = (_target, _verb, _given, result) => result } = rules
  function checked(this: unknown, ...given: unknown[]): unknown {
    const at = given.length > count ? given.slice(count).findIndex(refuses) : -1
    if (at < 0) return follow(this, verb, given, method.apply(this, given))
    const surplus = given[count + at]
    if (rules.throwing?.includes(verb)) throw tooMany(verb, count, surplus)
    return follow(this, verb, given, Promise.reject(surplusError(verb, count, surplus)))
  }
  return Object.defineProperties(checked, {
    name: { value: verb, configurable: true },
    length: { value: count, configurable: true },
  })
}

/**
 * Creates the error for a surplus argument of a verb that returns a promise and takes `count`
 * arguments.
 */
export function surplusError(verb: string, count: number, surplus: unknown): MintringError {
  return typeof surplus === 'function' ? noCallback(verb) : tooMany(verb, count, surplus)
}

const ORDINALS = ['1st', '2nd', '3rd']

/** Creates the error for a surplus argument of a method that takes `count` arguments. */
export function tooMany(verb: string, count: number, surplus: unknown): MintringError {
  if (typeof surplus === 'string' && verb.includes('Many')) {
    return badArgument(`${verb}() takes its keys as one array: ${verb}(['a', 'b'])`)
  }
  const most = `${count === 0 ? 'no' : count} argument${count === 1 ? '' : 's'}`
  const ordinal = ORDINALS[count] ?? `${count + 1}th`
  return badArgument(`${verb}() takes ${most}: remove the ${ordinal}, ${kindOf(surplus)}`)
}

const STREAMS: ReadonlySet<string> = new Set(['watch', 'metadump', 'mgdump'])

function noCallback(verb: string): MintringError {
  const instead = STREAMS.has(verb)
    ? 'is read by for await (const one of …) and calls no callback'
    : 'returns a promise and calls no callback: await it, or use mintring/compat for callbacks'
  return badArgument(`${verb}() ${instead}`)
}

function noOptions(verb: string, given: unknown, known: OptionNames): MintringError {
  if (typeof given === 'function' && known.has('signal')) return noCallback(verb)
  if (typeof given === 'string' && Object.hasOwn(LISTS, verb)) {
    return badArgument(`${verb}() takes ${LISTS[verb]}`)
  }
  const isSignal = tagOf(given) === 'AbortSignal' && known.has('signal')
  const likely = isSignal ? 'signal' : Object.keys(EXAMPLES).find((name) => known.has(name))
  const example = likely === undefined ? '' : `: write ${EXAMPLES[likely]}`
  return badArgument(
    `The options of ${verb}() are an object, not ${kindOfOptions(given)}${example}`,
  )
}

function unknownOption(
  verb: string,
  name: string,
  options: object,
  known: OptionNames,
): MintringError {
  // The caller passed the signal itself instead of { signal }.
  if (tagOf(options) === 'AbortSignal') return noOptions(verb, options, known)
  return badArgument(`${verb}() has no option '${nameShown(name)}'${insteadOf(name, known)}`)
}

/** Ends the message about an unknown option: says what to write instead, or lists the options. */
export function insteadOf(name: string, known: OptionNames): string {
  const plain = name.toLowerCase().replaceAll(/[_-]/g, '')
  const ours = ELSEWHERE.get(plain)
  if (ours !== undefined && known.has(ours)) return `: write ${EXAMPLES[ours]}`
  if (Object.hasOwn(ANOTHER_WAY, plain) && !known.has(plain)) return `: ${ANOTHER_WAY[plain]}`
  if (ours === 'ttl' && known.has('as')) return ': gat(key, ttl) reads a value and sets its ttl'
  if (known.size === 0) return ': it takes no options'
  return `.${didYouMean(name, [...known]) || ` There is ${[...known].join(', ')}.`}`
}
