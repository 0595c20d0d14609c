import type { BehaviorsInput } from '../behaviors/behaviors.ts'
import type { Environment } from '../behaviors/env.ts'
import { fromEnvironment } from '../behaviors/env.ts'
import { batchTrace } from '../channels.ts'
import type { Servers } from '../hosts/address.ts'
import type { BufferOptions, OperationOptions, ReadOptions, StoreOptions } from './options.ts'
import type { Outcomes } from './outcomes.ts'
import { RefillVerbs } from './refill-verbs.ts'
import { traceBatch } from './trace.ts'
import type { Ttl } from './ttl.ts'
import type { CounterOptions } from './verbs/arithmetic.ts'
import { count } from './verbs/arithmetic.ts'
import { deleteKey, deleteKeys } from './verbs/delete.ts'
import { getMany, getManyDetailed } from './verbs/get-many.ts'
import { MetaCommands } from './verbs/meta.ts'
import type { RawReply, RawWord } from './verbs/raw.ts'
import { raw } from './verbs/raw.ts'
import { touch } from './verbs/removal.ts'
import type { Entry } from './verbs/retrieval.ts'
import { gat, gats, get, gets } from './verbs/retrieval.ts'
import type { CasOutcome } from './verbs/storage.ts'
import { cas, extend, store } from './verbs/storage.ts'
import type { Entries } from './verbs/write-many.ts'
import { setMany } from './verbs/write-many.ts'
import { WarmUp } from './warm.ts'
import type { WarmLoader, WarmOptions, WarmProgress } from './warm-options.ts'

/**
 * A memcached client: one per process and fleet. It connects on first use, and by itself again.
 *
 * Every verb checks its arguments before any I/O, takes `{ signal, timeoutMs }` as its last
 * argument, and rejects with a MintringError. A miss is `undefined`, never an error; a failure is
 * an error, never a miss, unless `onError: 'miss'` asks for that.
 */
export class MemcachedClient extends RefillVerbs {
  /** The meta commands themselves, for what the other verbs do not say. */
  readonly meta: MetaCommands

  /**
   * `servers`: one string (`'a:11211, b:11211'`), or an array of strings and objects. Throws
   * MINTRING_NO_SERVERS, _BAD_SERVER, _DUPLICATE_SERVER, and MINTRING_BAD_BEHAVIOR.
   */
  constructor(servers: Servers, behaviors: BehaviorsInput = {}) {
    super(servers, behaviors)
    this.meta = new MetaCommands(this.core)
  }

  /**
   * A client as the environment says: `MINTRING_URL`, `MEMCACHED_URL`, `MEMCACHED_SERVERS`, the
   * names of MemCachier, Memcached Cloud and Cloud Foundry, and `MINTRING_…` for every behavior.
   * Throws MINTRING_NO_SERVERS when it says none.
   */
  static fromEnv(env: Environment = process.env): MemcachedClient {
    const { servers, behaviors } = fromEnvironment(env)
    return new MemcachedClient(servers, behaviors)
  }

  /**
   * The value, or `undefined` when there is none; its bytes with `{ as: 'buffer' }`.
   * @example const user = await cache.get<User>('user:1')
   */
  get(key: string, options: BufferOptions): Promise<Buffer | undefined>
  get<Value = unknown>(key: string, options?: ReadOptions): Promise<Value | undefined>
  get<Value = unknown>(key: string, options?: ReadOptions): Promise<Value | undefined> {
    try {
      return get(this.core, key, options) as Promise<Value | undefined>
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * The value with its CAS id and flags, or `undefined`.
   * @example const { value, cas } = (await cache.gets('stock')) ?? {}
   */
  gets(key: string, options: BufferOptions): Promise<Entry<Buffer> | undefined>
  gets<Value = unknown>(key: string, options?: ReadOptions): Promise<Entry<Value> | undefined>
  async gets<Value = unknown>(
    key: string,
    options?: ReadOptions,
  ): Promise<Entry<Value> | undefined> {
    return gets(this.core, key, options) as Promise<Entry<Value> | undefined>
  }

  /**
   * The value, which from now on lives for `ttl`, or `undefined`.
   * @example const session = await cache.gat('sess:1', '30m')
   */
  gat(key: string, ttl: Ttl, options: BufferOptions): Promise<Buffer | undefined>
  gat<Value = unknown>(key: string, ttl: Ttl, options?: ReadOptions): Promise<Value | undefined>
  async gat<Value = unknown>(
    key: string,
    ttl: Ttl,
    options?: ReadOptions,
  ): Promise<Value | undefined> {
    return gat(this.core, key, ttl, options) as Promise<Value | undefined>
  }

  /** As gat(), with CAS id and flags. */
  gats(key: string, ttl: Ttl, options: BufferOptions): Promise<Entry<Buffer> | undefined>
  gats<Value = unknown>(
    key: string,
    ttl: Ttl,
    options?: ReadOptions,
  ): Promise<Entry<Value> | undefined>
  async gats<Value = unknown>(
    key: string,
    ttl: Ttl,
    options?: ReadOptions,
  ): Promise<Entry<Value> | undefined> {
    return gats(this.core, key, ttl, options) as Promise<Entry<Value> | undefined>
  }

  /**
   * The hits, in the order asked. Keys whose host failed are missing, as getManyDetailed() tells;
   * rejects when no host answered.
   * @example const users = await cache.getMany(['user:1', 'user:2'])
   */
  getMany(keys: Iterable<string>, options: BufferOptions): Promise<Map<string, Buffer>>
  getMany<Value = unknown>(
    keys: Iterable<string>,
    options?: ReadOptions,
  ): Promise<Map<string, Value>>
  async getMany<Value = unknown>(
    keys: Iterable<string>,
    options?: ReadOptions,
  ): Promise<Map<string, Value>> {
    return getMany(this.core, keys, options) as Promise<Map<string, Value>>
  }

  /**
   * As getMany(), and `failed` lists the keys that could not be asked, with the reason.
   * @example const { failed } = await cache.getManyDetailed(keys)
   */
  getManyDetailed(keys: Iterable<string>, options: BufferOptions): Promise<Outcomes<Buffer>>
  getManyDetailed<Value = unknown>(
    keys: Iterable<string>,
    options?: ReadOptions,
  ): Promise<Outcomes<Value>>
  async getManyDetailed<Value = unknown>(
    keys: Iterable<string>,
    options?: ReadOptions,
  ): Promise<Outcomes<Value>> {
    return getManyDetailed(this.core, keys, options) as Promise<Outcomes<Value>>
  }

  /**
   * Stores a value. True; false only when the server does not store it.
   * @example await cache.set('user:1', user, { ttl: 300 })
   */
  set(key: string, value: unknown, options?: StoreOptions): Promise<boolean> {
    try {
      return store(this.core, 'set', key, value, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Stores a value if there is none.
   * @example const isFirst = await cache.add('lock:1', 1, { ttl: 30 })
   */
  async add(key: string, value: unknown, options?: StoreOptions): Promise<boolean> {
    return store(this.core, 'add', key, value, options)
  }

  /**
   * Stores a value if there is one.
   * @example await cache.replace('user:1', user, { ttl: '5m' })
   */
  async replace(key: string, value: unknown, options?: StoreOptions): Promise<boolean> {
    return store(this.core, 'replace', key, value, options)
  }

  /**
   * Adds to the end of a text or of bytes that are there. False when nothing is.
   * @example await cache.append('log:1', 'one more line')
   */
  async append(
    key: string,
    value: string | Uint8Array,
    options?: OperationOptions,
  ): Promise<boolean> {
    return extend(this.core, 'append', key, value, options)
  }

  /**
   * Adds to the beginning of a text or of bytes that are there. False when nothing is.
   * @example await cache.prepend('log:1', 'one before')
   */
  async prepend(
    key: string,
    value: string | Uint8Array,
    options?: OperationOptions,
  ): Promise<boolean> {
    return extend(this.core, 'prepend', key, value, options)
  }

  /**
   * Stores a value if nobody stored since gets() told this CAS id.
   * @example const outcome = await cache.cas('stock', 41, entry.cas)
   */
  async cas(key: string, value: unknown, id: bigint, options?: StoreOptions): Promise<CasOutcome> {
    return cas(this.core, key, value, id, options)
  }

  /**
   * Stores many values, batched per host. Per key true; `failed` tells the reasons of the others.
   * @example await cache.setMany({ 'user:1': ada, 'user:2': bob }, { ttl: 300 })
   */
  async setMany(entries: Entries<unknown>, options?: StoreOptions): Promise<Outcomes<boolean>> {
    return setMany(this.core, entries, options)
  }

  /**
   * Deletes many keys, batched per host. Per key whether it was there; `failed` the others.
   * @example await cache.deleteMany(['user:1', 'user:2'])
   */
  async deleteMany(keys: Iterable<string>, options?: OperationOptions): Promise<Outcomes<boolean>> {
    return deleteKeys(this.core, keys, options)
  }

  /**
   * Adds to a counter; `undefined` when there is none and no `initial`. Wraps at 2^64.
   * @example const hits = await cache.incr('hits', 1, { initial: 1, ttl: 60 })
   */
  async incr(
    key: string,
    delta: bigint | number = 1,
    options?: CounterOptions,
  ): Promise<bigint | undefined> {
    return count(this.core, 'incr', key, delta, options)
  }

  /**
   * Takes from a counter, down to 0; `undefined` when there is none and no `initial`.
   * @example const left = await cache.decr('tokens')
   */
  async decr(
    key: string,
    delta: bigint | number = 1,
    options?: CounterOptions,
  ): Promise<bigint | undefined> {
    return count(this.core, 'decr', key, delta, options)
  }

  /**
   * Deletes a key. True when it was there.
   * @example await cache.delete('user:1')
   */
  async delete(key: string, options?: OperationOptions): Promise<boolean> {
    return deleteKey(this.core, key, options)
  }

  /**
   * Gives an item `ttl` from now. True when it was there.
   * @example await cache.touch('sess:1', '30m')
   */
  async touch(key: string, ttl: Ttl, options?: OperationOptions): Promise<boolean> {
    return touch(this.core, key, ttl, options)
  }

  /**
   * Fills the cache: loads and stores every key of an iterable, of any length, some at a time.
   * Rejects when the cache takes nothing any more; with `resumeFrom` the next run goes on there.
   */
  async warm(
    keys: Iterable<string> | AsyncIterable<string>,
    loader: WarmLoader,
    options: WarmOptions = {},
  ): Promise<WarmProgress> {
    const job = new WarmUp(this, keys, loader, options)
    if (!batchTrace.hasSubscribers) return job.run()
    const run = (): Promise<WarmProgress> => job.run()
    return traceBatch(this.core, 'warm', [], run, ({ taken, resumed, stored, failed }) => {
      return { size: taken - resumed, hits: stored, failed }
    })
  }

  /**
   * Any command whose replies can be told apart, as its words; bytes as the last word are its data:
   * `raw('k', 'ms', 'k', 5, 'T60', Buffer.from('hello'))`. `target` is a host, as `hosts()` names
   * it, or a key, which is only used to find the host. Neither keys nor values are changed. The
   * last argument may be options.
   */
  async raw(target: string, ...words: (RawWord | OperationOptions)[]): Promise<RawReply[]> {
    return raw(this.core, target, words)
  }
}
