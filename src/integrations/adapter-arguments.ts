import { badArgument, checkOptionNames } from '../arguments.ts'
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

/** Whether a value is a MemcachedClient. Clients of other packages have get(), not `behaviors`. */
function isClient(client: unknown): boolean {
  const { get, behaviors } = Object(client) as { get?: unknown; behaviors?: unknown }
  return typeof get === 'function' && typeof behaviors === 'object'
}

function shown(given: unknown): string {
  if (typeof given === 'string') return `'${escaped(given, 32)}'`
  return typeof given === 'number' ? String(given) : kindOf(given)
}
