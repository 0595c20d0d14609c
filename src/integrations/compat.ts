/**
 * `mintring/compat`: the callback API of the npm package `memcached`.
 * @module compat
 */
import { NpmMemcachedCodec } from '../client/values/dialects/npm-memcached.ts'
import type { Call, Callback } from './compat/call.ts'
import { BadCall, callBack, checkNumber } from './compat/call.ts'
import { wireKeyOf } from './compat/keys.ts'
import { secondsLeft } from './compat/lifetime.ts'
import { ServerCommands } from './compat/server-commands.ts'
import type { Locations, MemcachedOptions } from './compat/settings.ts'

const codec = new NpmMemcachedCodec()

/**
 * The callback API of the npm package `memcached` (2.2.2) on a mintring client: the same methods,
 * options, key placement and stored values, for code and packages that expect it.
 * `const { Memcached } = require('mintring/compat')` takes the place of `require('memcached')`.
 *
 * A miss is `undefined`, a counter or key that is not there is `false`, NOT_STORED is an error with
 * `notStored: true`. Other failures are the client's MintringError. Without a callback a command is
 * done and its outcome is not told.
 */
export class Memcached extends ServerCommands {
  /** Options of every client made from now on; those of a client itself come first. */
  static config: MemcachedOptions = {}

  /**
   * `locations`: `'host:port'`, an array of them, or `{ 'host:port': weight }`; localhost by
   * default. Throws MINTRING_BAD_SERVER and MINTRING_BAD_BEHAVIOR. Options it does not know are
   * left alone, as that package does.
   */
  constructor(locations?: Locations, options: MemcachedOptions = {}) {
    super(locations, { ...new.target.config, ...options })
  }

  /** Gives an item another lifetime: true, or false when it is not there. */
  touch(key: string, lifetime: number, callback?: Callback<boolean>): void {
    this.#ask({ type: 'touch', key, lifetime }, callback, (wireKey) => {
      checkNumber('lifetime', lifetime)
      const ttl = secondsLeft(lifetime, Date.now())
      return ttl === undefined ? this.client.delete(wireKey) : this.client.touch(wireKey, ttl)
    })
  }

  /** The value of a key; of a list of keys, as getMulti(). */
  get<Value = unknown>(key: string | readonly string[], callback?: Callback<Value>): void {
    if (typeof key === 'object') this.getMulti(key, callback as Callback)
    else this.#ask({ type: 'get', key }, callback, (wireKey) => this.client.get(wireKey))
  }

  /** `{ [key]: value, cas }`; the key has the namespace before it. */
  gets(key: string, callback?: Callback<Record<string, unknown>>): void {
    this.#ask({ type: 'gets', key }, callback, async (wireKey) => {
      const entry = await this.client.gets(wireKey)
      return entry && { [wireKey]: entry.value, cas: String(entry.cas) }
    })
  }

  /** The hits as an object by key. What could not be asked makes an array of errors beside it. */
  getMulti(keys: readonly string[], callback?: Callback<Record<string, unknown>>): void {
    const call = this.begin({ type: 'get', key: keys }, callback)
    this.#readMany(keys).then(
      ({ hits, errors }) => callBack(call, errors.length > 0 ? errors : undefined, hits),
      (error: Error) => callBack(call, [error], {}),
    )
  }

  /** Stores a value for `lifetime` seconds; 0 is for ever. */
  set(key: string, value: unknown, lifetime: number, callback?: Callback<boolean>): void {
    this.#store('set', key, value, lifetime, callback, (wireKey, ttl) =>
      this.client.set(wireKey, value, { ttl }),
    )
  }

  /** Stores only what is there already; else an error with `notStored: true`. */
  replace(key: string, value: unknown, lifetime: number, callback?: Callback<boolean>): void {
    this.#store('replace', key, value, lifetime, callback, (wireKey, ttl) =>
      this.client.replace(wireKey, value, { ttl }),
    )
  }

  /** Stores only what is not there yet; else an error with `notStored: true`. */
  add(key: string, value: unknown, lifetime: number, callback?: Callback<boolean>): void {
    this.#store('add', key, value, lifetime, callback, (wireKey, ttl) =>
      this.client.add(wireKey, value, { ttl }),
    )
  }

  /** Stores if nobody did since `gets` told `cas`; false when somebody did, or nothing is there. */
  cas(
    key: string,
    value: unknown,
    cas: string,
    lifetime: number,
    callback?: Callback<boolean>,
  ): void {
    this.#ask({ type: 'cas', key, value, lifetime, cas }, callback, async (wireKey) => {
      checkNumber('lifetime', lifetime)
      const ttl = secondsLeft(lifetime, Date.now())
      const outcome = await this.client.cas(wireKey, value, BigInt(cas), { ttl: ttl ?? 1 })
      if (outcome === 'stored' && ttl === undefined) await this.client.delete(wireKey)
      return outcome === 'stored'
    })
  }

  /** Writes behind what is there; else an error with `notStored: true`. */
  append(key: string, value: unknown, callback?: Callback<boolean>): void {
    this.#ask({ type: 'append', key, value }, callback, async (wireKey) =>
      storedOrThrow(await this.client.append(wireKey, codec.encode(value).body)),
    )
  }

  /** Writes before what is there; else an error with `notStored: true`. */
  prepend(key: string, value: unknown, callback?: Callback<boolean>): void {
    this.#ask({ type: 'prepend', key, value }, callback, async (wireKey) =>
      storedOrThrow(await this.client.prepend(wireKey, codec.encode(value).body)),
    )
  }

  /** Adds to a counter: the new number, or false when there is none. */
  incr(key: string, value: number, callback?: Callback<number | false>): void {
    this.#count('incr', key, value, callback)
  }

  /** The same as incr(). */
  increment(key: string, value: number, callback?: Callback<number | false>): void {
    this.#count('incr', key, value, callback)
  }

  /** Takes from a counter, down to 0: the new number, or false when there is none. */
  decr(key: string, value: number, callback?: Callback<number | false>): void {
    this.#count('decr', key, value, callback)
  }

  /** The same as decr(). */
  decrement(key: string, value: number, callback?: Callback<number | false>): void {
    this.#count('decr', key, value, callback)
  }

  /** True, or false when nothing was there. */
  del(key: string, callback?: Callback<boolean>): void {
    this.#ask({ type: 'delete', key }, callback, (wireKey) => this.client.delete(wireKey))
  }

  /** The same as del(). */
  delete(key: string, callback?: Callback<boolean>): void {
    this.del(key, callback)
  }

  #store(
    type: 'set' | 'add' | 'replace',
    key: string,
    value: unknown,
    lifetime: number,
    callback: Callback<boolean> | undefined,
    work: (wireKey: string, ttl: number) => Promise<boolean>,
  ): void {
    this.#ask({ type, key, value, lifetime }, callback, async (wireKey) => {
      checkNumber('lifetime', lifetime)
      const ttl = secondsLeft(lifetime, Date.now())
      storedOrThrow(await work(wireKey, ttl ?? 1))
      // A lifetime that is over: the server says STORED, and nobody finds the item.
      if (ttl === undefined) await this.client.delete(wireKey)
      return true
    })
  }

  #count(
    type: 'incr' | 'decr',
    key: string,
    value: number,
    callback: Callback<number | false> | undefined,
  ): void {
    this.#ask({ type, key, value }, callback, async (wireKey) => {
      checkNumber('value', value)
      // memcached itself takes no negative delta.
      const isUp = (type === 'incr') === value >= 0
      const by = Math.abs(value)
      const counting = isUp ? this.client.incr(wireKey, by) : this.client.decr(wireKey, by)
      const total = await counting
      return total === undefined ? false : Number(total)
    })
  }

  async #readMany(
    keys: readonly string[],
  ): Promise<{ hits: Record<string, unknown>; errors: Error[] }> {
    if (!Array.isArray(keys)) throw new BadCall('Argument "key" is not a valid Array.')
    const wireKeys = new Map(keys.map((key: string) => [wireKeyOf(this.rules, key), key]))
    const found = await this.client.getManyDetailed(wireKeys.keys())
    const errors = [...found.failed.values()]
    for (const error of errors) this.health.report(error)
    const hits = [...found].map(([wireKey, value]) => [wireKeys.get(wireKey), value])
    return { hits: Object.fromEntries(hits), errors }
  }

  #ask(
    about: Partial<Call> & { readonly type: string; readonly key: string },
    callback: Callback<never> | undefined,
    work: (wireKey: string) => Promise<unknown>,
  ): void {
    const call = this.begin(about, callback)
    const doing = async (): Promise<unknown> => work(wireKeyOf(this.rules, about.key))
    this.settle(call, doing())
  }
}

/** True for what was stored; NOT_STORED is an error in this API. */
function storedOrThrow(isStored: boolean): true {
  if (isStored) return true
  throw Object.assign(new Error('Item is not stored'), { notStored: true })
}
