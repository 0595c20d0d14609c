import { badArgument } from '../arguments.ts'
import { kindOf } from '../secrets.ts'
import type { CallerOptions } from './caller.ts'
import type { RefillEntry } from './entry.ts'
import type { Loader, LoaderContext } from './loading.ts'
import type { RefillPolicy } from './policy.ts'

/** One place for a policy, its keys and its loader. */
export interface Definition<Args extends readonly unknown[], Value> extends RefillPolicy {
  /** The key, or what makes it of the arguments. */
  readonly key: string | ((...args: Args) => string)
  /** Takes the arguments, and then what loaders are told. */
  readonly loader: (...args: [...Args, LoaderContext<Value>]) => Value | Promise<Value>
}

/** What `define` makes. */
export interface Defined<Args extends readonly unknown[], Value> {
  /** The value, loaded when it is absent: `getOrSet` with this policy. */
  get(...args: Args): Promise<Value>
  /** The value and how it came: `getOrSetEntry` with this policy. */
  getEntry(...args: Args): Promise<RefillEntry<Value>>
  /** Marks stale and loads now. */
  refresh(...args: Args): Promise<Value>
  /** Marks stale: the next reader loads. */
  invalidate(...args: Args): Promise<boolean>
}

/** The verbs a definition binds its policy to. */
export interface DefinedVerbs {
  getOrSet<Value>(
    key: string,
    loader: Loader<Value>,
    options: RefillPolicy & CallerOptions,
  ): Promise<Value>
  getOrSetEntry<Value>(
    key: string,
    loader: Loader<Value>,
    options: RefillPolicy & CallerOptions,
  ): Promise<RefillEntry<Value>>
  refresh<Value>(
    key: string,
    loader: Loader<Value>,
    options: RefillPolicy & CallerOptions,
  ): Promise<Value>
  invalidate(key: string, policy: RefillPolicy): Promise<boolean>
}

/** Binds keys and loader, which were checked, to one policy. */
export function bind<Args extends readonly unknown[], Value>(
  verbs: DefinedVerbs,
  { key, loader, ...policy }: Definition<Args, Value>,
): Defined<Args, Value> {
  const keyOf = (args: Args): string => (typeof key === 'string' ? key : key(...args))
  const loaderOf = (args: Args): Loader<Value> => {
    return (_key, context) => loader(...args, context as LoaderContext<Value>)
  }
  return {
    get: async (...args) => verbs.getOrSet(keyOf(args), loaderOf(args), policy),
    getEntry: async (...args) => verbs.getOrSetEntry(keyOf(args), loaderOf(args), policy),
    refresh: async (...args) => verbs.refresh(keyOf(args), loaderOf(args), policy),
    invalidate: async (...args) => verbs.invalidate(keyOf(args), policy),
  }
}

/** Throws MINTRING_BAD_ARGUMENT unless a key, or what makes it, and a loader are there. */
export function checkDefinition(definition: unknown): void {
  const example = "define({ key: 'page:1', loader, ttl: 60 })"
  if (typeof definition !== 'object' || definition === null || Array.isArray(definition)) {
    throw badArgument(`define() takes one object, not ${kindOf(definition)}: ${example}`)
  }
  const { key, loader } = definition as Partial<Record<'key' | 'loader', unknown>>
  if (typeof key !== 'function' && typeof key !== 'string') {
    throw badArgument(`define() needs a key, a string or a function that makes one: ${example}`)
  }
  if (typeof loader !== 'function') {
    throw badArgument(`define() needs a loader, a function, not ${kindOf(loader)}: ${example}`)
  }
}
