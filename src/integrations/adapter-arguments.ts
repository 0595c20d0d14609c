import { badArgument, checkOptionNames } from '../arguments.ts'
import { escaped, kindOf } from '../secrets.ts'

/** What is wrong with a value, as the end of `NAME must be …`; undefined when nothing is. */
export type Check = (given: unknown) => string | undefined

/** The options of an adapter, each with the check of its values. */
export type Checks = Readonly<Record<string, Check>>

/** Throws MINTRING_BAD_ARGUMENT unless an adapter got a client, and options that can be. */
export function checkAdapter(
  name: string,
  client: unknown,
  options: unknown,
  checks: Checks = {},
): void {
  if (!isClient(client)) throw badArgument(`${name} takes a MemcachedClient, not ${kindOf(client)}`)
  checkValues(name, options, checks)
}

/** Throws MINTRING_BAD_ARGUMENT for unknown options, and for values that options cannot have. */
export function checkValues(name: string, options: unknown, checks: Checks): void {
  checkOptionNames(name, options, new Set(Object.keys(checks)))
  const given = Object(options) as Readonly<Record<string, unknown>>
  for (const [option, check] of Object.entries(checks)) {
    const wrong = given[option] === undefined ? undefined : check(given[option])
    if (wrong !== undefined) throw badArgument(`${option} must be ${wrong}`)
  }
}

/** A check by a predicate: `what` says what is right. */
export function unless(isRight: (given: unknown) => boolean, what: string): Check {
  return (given) => (isRight(given) ? undefined : `${what}, not ${shown(given)}`)
}

/** What is checked elsewhere. */
export const anything: Check = () => undefined

/** What stands before keys: any text, as keys that memcached cannot carry are hashed. */
export const PREFIX: Check = unless((given) => typeof given === 'string', "text such as 'app:'")

/** A lifetime in seconds. */
export const SECONDS: Check = unless(
  (given) => typeof given === 'number' && given >= 0,
  'a number of seconds from 0',
)

/** Compat clients and clients of other packages have a get() too. */
function isClient(client: unknown): boolean {
  const { get, behaviors } = Object(client) as { get?: unknown; behaviors?: unknown }
  return typeof get === 'function' && typeof behaviors === 'object'
}

function shown(given: unknown): string {
  if (typeof given === 'string') return `'${escaped(given, 32)}'`
  return typeof given === 'number' ? String(given) : kindOf(given)
}
