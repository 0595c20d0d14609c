import { badArgument } from '../arguments.ts'
import { kindOf } from '../secrets.ts'
import type { CallerOptions } from './caller.ts'
import type { RefillEntry } from './finding.ts'
import type { Loader, LoaderContext } from './loader.ts'
import type { RefillPolicy } from './policy.ts'

/** A policy together with its keys and its loader. */
export interface Definition<Args extends readonly unknown[], Value, Stale = Value>
  extends RefillPolicy {
  /** The key, or a function that returns it for the arguments. */
  readonly key: string | ((...args: Args) => string)
  /** Loads the value: receives the arguments, and then the loader context. */
  readonly loader: (...args: [...Args, LoaderContext<Stale>]) => Value | Promise<Value>
}

/** The result of `define`. */
export interface Defined<Args extends readonly unknown[], Value> {
  /** Reads the value, and loads it when it is missing: `getOrSet` with this policy. */
  get(...args: Args): Promise<Value>
  /** Reads the value with how it was found: `getOrSetEntry` with this policy. */
  getEntry(...args: Args): Promise<RefillEntry<Value>>
  /** Marks the key stale and loads it now. */
  refresh(...args: Args): Promise<Value>
  /** Marks the key stale; the next reader loads it. */
  invalidate(...args: Args): Promise<boolean>
}

/** The methods that a definition binds to its policy. */
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

/** Binds a checked key and loader to one policy. */
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

/** Throws MINTRING_BAD_ARGUMENT unless the definition has a key and a loader. */
export function checkDefinition(definition: unknown): void {
  const example = "define({ key: 'page:1', loader, ttl: 60 })"
  if (typeof definition !== 'object' || definition === null || Array.isArray(definition)) {
    throw badArgument(`define() takes one object, not ${kindOf(definition)}: ${example}`)
  }
  const { key, loader } = definition as Partial<Record<'key' | 'loader', unknown>>
  if (typeof key !== 'function' && typeof key !== 'string') {
    throw badArgument(`define() needs a key: a string, or a function that returns one: ${example}`)
  }
  if (typeof loader !== 'function') {
    throw badArgument(`define() needs a loader function, not ${kindOf(loader)}: ${example}`)
  }
}
