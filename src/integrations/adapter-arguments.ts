import { badArgument, checkOptionNames } from '../arguments.ts'
import { MintringError } from '../errors.ts'
import { nextTick } from '../runtime.ts'
import { escaped, kindOf } from '../secrets.ts'

/** Returns the end of the message `NAME must be …`, or undefined when the value is valid. */
export type Check = (given: unknown) => string | undefined

/** The options of an adapter, each with the check of its value. */
export type Checks = Readonly<Record<string, Check>>

/** Throws MINTRING_BAD_ARGUMENT unless `client` is a client and `options` are valid. */
export function checkAdapter(
  name: string,
  client: unknown,
  options: unknown,
  checks: Checks = {},
): void {
  if (!isClient(client)) throw badArgument(`${name} takes a MemcachedClient, not ${kindOf(client)}`)
  checkValues(name, options, checks)
}

/** Throws MINTRING_BAD_ARGUMENT for unknown options and for invalid values. */
export function checkValues(name: string, options: unknown, checks: Checks): void {
  checkOptionNames(name, options, new Set(Object.keys(checks)))
  const given = Object(options) as Readonly<Record<string, unknown>>
  for (const [option, check] of Object.entries(checks)) {
    const wrong = given[option] === undefined ? undefined : check(given[option])
    if (wrong !== undefined) throw badArgument(`${option} must be ${wrong}`)
  }
}

/** Makes a check from a predicate; `what` describes the valid values. */
export function unless(isRight: (given: unknown) => boolean, what: string): Check {
  return (given) => (isRight(given) ? undefined : `${what}, not ${shown(given)}`)
}

/** Accepts any value: the option is checked elsewhere. */
export const anything: Check = () => undefined

/** A key prefix. Any text is valid: keys that memcached does not accept are hashed. */
export const PREFIX: Check = unless((given) => typeof given === 'string', "text such as 'app:'")

/** A lifetime in seconds. */
export const SECONDS: Check = unless(
  (given) => typeof given === 'number' && given >= 0,
  'a number of seconds, 0 or more',
)

/** Throws a MintringError if the argument `given` of the method `verb` is invalid. */
export type Argument = (given: unknown, verb: string) => void

/** The arguments of each method of an adapter, in order. */
export type Arguments<Target> = {
  readonly [Verb in keyof Target & string]?: readonly Argument[]
}

/** Makes the check of an argument; messages call it `name`. */
export function argument(name: string, check: Check): Argument {
  return (given, verb) => {
    const wrong = check(given)
    if (wrong !== undefined) throw badArgument(`The ${name} of ${verb}() must be ${wrong}`)
  }
}

/** Accepts undefined, and what `check` accepts. */
export function optional(check: Argument): Argument {
  return (given, verb) => given === undefined || check(given, verb)
}

/** A key: any text, because keys that memcached does not accept are hashed. */
export const KEY: Argument = (given, verb) => {
  if (typeof given === 'string') return
  const hint = typeof given === 'number' ? ': write String(id)' : ''
  const what = `The key of ${verb}() must be a string, not ${kindOf(given)}${hint}`
  throw new MintringError('MINTRING_BAD_KEY', what)
}

/** What a rate limiter counts: text or a number. */
export const RATE_KEY: Argument = argument(
  'key',
  unless(
    (given) => typeof given === 'string' || typeof given === 'number',
    "text or a number such as request.ip or a user's id",
  ),
)

/** An array of keys. */
export const KEYS: Argument = (given, verb) => {
  if (!Array.isArray(given)) {
    throw badArgument(`${verb}() takes an array of keys, not ${kindOf(given)}: write ['a', 'b']`)
  }
  for (const key of given) KEY(key, verb)
}

/** A text to store. */
export const TEXT: Argument = argument(
  'value',
  unless((given) => typeof given === 'string', 'text: write JSON.stringify(value)'),
)

/** An array of tags. */
export const TAGS: Argument = (given, verb) => {
  if (!isTags(given)) throw badArgument(`${verb}() takes an array of tags such as ['product:17']`)
}

/** Whether a value is an array of texts. */
export function isTags(given: unknown): given is readonly string[] {
  return Array.isArray(given) && given.every((tag) => typeof tag === 'string')
}

/** The options of a method; null counts as none. */
export function optionsOf(checks: Checks): Argument {
  return (given, verb) => checkValues(verb, given ?? undefined, checks)
}

/** Whether a value is a function. */
export function isFunction(given: unknown): boolean {
  return typeof given === 'function'
}

/** A callback that a method needs. */
export const CALLBACK: Argument = argument('callback', unless(isFunction, 'a function'))

/** The function of a server that goes on with the request. */
export const NEXT: Argument = argument('next', unless(isFunction, 'a function'))

/** A callback that a method calls if there is one. */
export const ANY_CALLBACK: Argument = (given, verb) => {
  if (given !== undefined && given !== null) CALLBACK(given, verb)
}

/**
 * Wraps the methods of an object or a prototype so that they check their arguments before any I/O.
 * A method with a callback passes it the error, and throws without one; other methods reject.
 */
export function checkCalls<Target extends object>(
  target: Target,
  checks: Arguments<Target>,
): Target {
  for (const [verb, known] of Object.entries<readonly Argument[] | undefined>(checks)) {
    const property = Object.getOwnPropertyDescriptor(target, verb)!
    const method = property.value as Method
    function checked(this: unknown, ...given: unknown[]): unknown {
      const error = wrongIn(verb, known!, given)
      return error === undefined ? method.apply(this, given) : fail(error, known!, given)
    }
    const value = Object.defineProperties(checked, {
      name: { value: verb, configurable: true },
      length: { value: method.length, configurable: true },
    })
    Object.defineProperty(target, verb, { ...property, value })
  }
  return target
}

type Method = (...given: unknown[]) => unknown

function wrongIn(verb: string, checks: readonly Argument[], given: readonly unknown[]): unknown {
  try {
    for (let i = 0; i < checks.length; i++) checks[i]!(given[i], verb)
    return undefined
  } catch (error) {
    return error
  }
}

function fail(error: unknown, checks: readonly Argument[], given: readonly unknown[]): unknown {
  const at = checks.findIndex((check) => check === CALLBACK || check === ANY_CALLBACK)
  if (at < 0) return Promise.reject(error)
  const done = given[at]
  if (typeof done !== 'function') throw error
  nextTick(done as (error: unknown) => void, error)
  return undefined
}

/** Whether a value is a MemcachedClient. Clients of other packages have get(), not `behaviors`. */
function isClient(client: unknown): boolean {
  const { get, behaviors } = Object(client) as { get?: unknown; behaviors?: unknown }
  return typeof get === 'function' && typeof behaviors === 'object'
}

function shown(given: unknown): string {
  if (typeof given === 'string') return `'${escaped(given, 32)}'`
  return typeof given === 'number' ? String(given) : kindOf(given)
}
