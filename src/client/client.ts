import { inspect } from 'node:util'
import { refuseSurplus, surplusError } from '../arguments.ts'
import type { Behaviors, BehaviorsInput } from '../behaviors/behaviors.ts'
import type { Environment } from '../behaviors/env.ts'
import { fromEnvironment } from '../behaviors/env.ts'
import type { Servers } from '../hosts/address.ts'
import type { HandoverSnapshot } from '../hosts/handover.ts'
import type { Location } from '../hosts/places.ts'
import type { HostSnapshot } from '../hosts/snapshot.ts'
import type { WatchTopic } from '../protocol/admin.ts'
import type { CallerOptions } from '../refill/caller.ts'
import type { Defined, Definition } from '../refill/define.ts'
import { bind } from '../refill/define.ts'
import type { RefillEntry } from '../refill/entry.ts'
import type { Loader } from '../refill/loading.ts'
import type { ManyLoader } from '../refill/many.ts'
import type { RefillDefaults } from '../refill/policy.ts'
import type { RefillOptions, TagInvalidation } from '../refill/refill.ts'
import type { RefillCounters } from '../refill/tally.ts'
import { performance } from '../runtime.ts'
import type {
  FlushOptions,
  LruChange,
  LruCrawlerChange,
  ShutdownOptions,
  SlabsChange,
} from './admin.ts'
import { changeLru, changeLruCrawler, changeSlabs, shutdownHost } from './admin.ts'
import type { ClientCore } from './core.ts'
import type { ClientEvents, Listener } from './events.ts'
import type { ChangeOptions } from './handovers.ts'
import type { BufferOptions, OperationOptions, ReadOptions, StoreOptions } from './options.ts'
import type { Outcomes } from './outcomes.ts'
import type { CopyProgress } from './pump.ts'
import { ClientRefills } from './refills.ts'
import type { CloseOptions } from './settings.ts'
import { ClientSettings, drainMsOf } from './settings.ts'
import type { Ttl } from './ttl.ts'
import { add } from './verbs/add.ts'
import type { CounterOptions } from './verbs/arithmetic.ts'
import { count } from './verbs/arithmetic.ts'
import { deleteKey, deleteKeys } from './verbs/delete.ts'
import type { DumpedItem, DumpedKey, DumpOptions, WatchEvent, WatchOptions } from './verbs/dumps.ts'
import { metadump, mgdump, watch } from './verbs/dumps.ts'
import { getMany, getManyDetailed } from './verbs/get-many.ts'
import type { Stats } from './verbs/hosts.ts'
import { cacheMemlimit, flushAll, stats, verbosity, version } from './verbs/hosts.ts'
import { MetaCommands } from './verbs/meta.ts'
import type { RawReply, RawWord } from './verbs/raw.ts'
import { raw } from './verbs/raw.ts'
import type { Entry } from './verbs/retrieval.ts'
import { gat, gats, get, gets } from './verbs/retrieval.ts'
import type { CasOutcome } from './verbs/storage.ts'
import { cas, extend, store } from './verbs/storage.ts'
import { touch } from './verbs/touch.ts'
import type { Entries } from './verbs/write-many.ts'
import { setMany } from './verbs/write-many.ts'
import type { ClientView, ViewOptions } from './view.ts'
import { warm } from './warm.ts'
import type { WarmLoader, WarmOptions, WarmProgress } from './warm-options.ts'
import { type CopyOptions, warmFromPrevious } from './warm-previous.ts'

/**
 * A memcached client: one per process and fleet. It connects on first use, and by itself again.
 *
 * Every verb checks its arguments before any I/O, takes `{ signal, timeoutMs }` as its last
 * argument, and rejects with a MintringError. A miss is `undefined`, never an error; a failure is
 * an error, never a miss, unless `onError: 'miss'` asks for that.
 */
export class MemcachedClient {
  /** The meta commands themselves, for what the other verbs do not say. */
  readonly meta: MetaCommands
  private readonly _settings: ClientSettings
  private readonly _core: ClientCore
  private _refillsMade: ClientRefills | undefined

  /**
   * `servers`: one string (`'a:11211, b:11211'`), or an array of strings and objects. Throws
   * MINTRING_NO_SERVERS, _BAD_SERVER, _DUPLICATE_SERVER, and MINTRING_BAD_BEHAVIOR.
   */
  constructor(servers: Servers, behaviors: BehaviorsInput = {}) {
    this._settings = new ClientSettings(servers, behaviors)
    this._core = this._settings.core
    this._core.unlock = (key) => this._refills.unlock(key)
    this.meta = new MetaCommands(this._core)
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

  /** What messages on diagnostics channels, and metrics, call this client: a number as text. */
  get id(): string {
    return this._core.id
  }

  /** The settings in force, all filled in. They are frozen: change them by configure(). */
  get behaviors(): Behaviors {
    return this._core.behaviors
  }

  /** Whether close() was called. */
  get closed(): boolean {
    return this._core.isClosed
  }

  /** How many failed reads were answered as misses, because of `onError: 'miss'`. */
  get forgivenErrors(): number {
    return this._core.forgivenErrors
  }

  /**
   * Changes settings for the operations that begin from now on: all of them or, when one is wrong,
   * none. Throws MINTRING_BAD_BEHAVIOR, or MINTRING_BAD_KEY for a prefix that is invalid.
   * @example cache.configure({ requestTimeoutMs: 200 })
   */
  configure(behaviors: BehaviorsInput): void {
    this._settings.configure(behaviors)
  }

  /**
   * Replaces the servers. Those that stay keep their connections and, but for the keys that move to
   * new ones, their keys; the values of those move when they are read (docs/changing-servers.md).
   * Throws MINTRING_BAD_SERVER, _NO_SERVERS, _DUPLICATE_SERVER, _BAD_BEHAVIOR, _BAD_ARGUMENT.
   */
  setServers(servers: Servers, options?: ChangeOptions): void {
    this._settings.setServers(servers, options)
  }

  /** The change of servers under way; undefined when there is none. */
  get handover(): HandoverSnapshot | undefined {
    return this._core.cluster.handover?.snapshot
  }

  /**
   * Asks what the behavior `discovery` names for the servers now, without waiting for its interval:
   * before the first operation, for one. Rejects when it tells none, and the servers stay as they
   * are; MINTRING_BAD_ARGUMENT without that behavior.
   */
  async discover(options?: OperationOptions): Promise<void> {
    return this._settings.discover(options)
  }

  /**
   * A snapshot of every host: state, failures, connections, what waits.
   * @example console.table(cache.hosts())
   */
  hosts(): HostSnapshot[] {
    return this._core.cluster.snapshot()
  }

  /**
   * Why a key lives where it does. Throws MINTRING_BAD_KEY.
   * @example const { server } = cache.locate('user:1')
   */
  locate(key: string): Location {
    this._core.keys.wireKey(key)
    return this._core.cluster.locate(this._core.keys.routeKey(key))
  }

  /** Adds a listener; what it throws becomes a process warning. */
  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<Name>): this {
    this._core.events.on(name, listener)
    return this
  }

  /** Removes a listener. */
  off<Name extends keyof ClientEvents>(name: Name, listener: Listener<Name>): this {
    this._core.events.off(name, listener)
    return this
  }

  /**
   * Ends the client: operations under way may finish for `drainMs`, what is left then, and all that
   * comes later, rejects with MINTRING_CLOSED. Leaves no socket and no timer. May be called twice.
   * @example await cache.close({ drainMs: 1000 })
   */
  async close(options?: CloseOptions): Promise<void> {
    const drainMs = drainMsOf(options)
    const endMs = performance.now() + drainMs
    this._settings.close()
    const refills = this._refillsMade
    await (refills === undefined
      ? this._core.cluster.operations.drain(endMs)
      : refills.close(endMs))
    await this._core.cluster.close({ drainMs: Math.max(0, endMs - performance.now()) })
  }

  /** Made when first needed: the bundle loads that code no sooner. */
  private get _refills(): ClientRefills {
    if (this._refillsMade === undefined) {
      this._refillsMade = new ClientRefills(this._core)
      this._settings.tell(this._refillsMade)
    }
    return this._refillsMade
  }

  /** `await using cache = new MemcachedClient(…)` closes it at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** What JSON.stringify writes: hosts and their state. Never credentials. */
  toJSON(): {
    /** As `hosts()` tells them. */
    readonly hosts: HostSnapshot[]
  } {
    return { hosts: this.hosts() }
  }

  /**
   * The value, or `undefined` when there is none; its bytes with `{ as: 'buffer' }`.
   * @example const user = await cache.get<User>('user:1')
   */
  get(key: string, options: BufferOptions): Promise<Buffer | undefined>
  get<Value = unknown>(key: string, options?: ReadOptions): Promise<Value | undefined>
  get(key: string, options?: ReadOptions, surplus?: unknown): Promise<unknown> {
    try {
      if (surplus !== undefined) throw surplusError('get', 2, surplus)
      return get(this._core.open, key, options)
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
    return gets(this._core.open, key, options) as Promise<Entry<Value> | undefined>
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
    return gat(this._core.open, key, ttl, options) as Promise<Value | undefined>
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
    return gats(this._core.open, key, ttl, options) as Promise<Entry<Value> | undefined>
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
    return getMany(this._core.open, keys, options) as Promise<Map<string, Value>>
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
    return getManyDetailed(this._core.open, keys, options) as Promise<Outcomes<Value>>
  }

  /**
   * Stores a value. True; false only when the server does not store it.
   * @example await cache.set('user:1', user, { ttl: 300 })
   */
  set(key: string, value: unknown, options?: StoreOptions): Promise<boolean>
  set(key: string, value: unknown, options?: StoreOptions, surplus?: unknown): Promise<boolean> {
    try {
      if (surplus !== undefined) throw surplusError('set', 3, surplus)
      return store(this._core.open, 'set', key, value, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Stores a value if there is none; what a refill leaves while it loads is none. A refused one
   * takes two round trips.
   * @example const isFirst = await cache.add('lock:1', 1, { ttl: 30 })
   */
  async add(key: string, value: unknown, options?: StoreOptions): Promise<boolean> {
    return add(this._core.open, key, value, options)
  }

  /**
   * Stores a value if there is one.
   * @example await cache.replace('user:1', user, { ttl: '5m' })
   */
  async replace(key: string, value: unknown, options?: StoreOptions): Promise<boolean> {
    return store(this._core.open, 'replace', key, value, options)
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
    return extend(this._core.open, 'append', key, value, options)
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
    return extend(this._core.open, 'prepend', key, value, options)
  }

  /**
   * Stores a value if the item still has the CAS id that gets() returned.
   * @example const outcome = await cache.cas('stock', 41, entry.cas)
   */
  async cas(key: string, value: unknown, id: bigint, options?: StoreOptions): Promise<CasOutcome> {
    return cas(this._core.open, key, value, id, options)
  }

  /**
   * Stores many values, batched per host. Per key true; `failed` tells the reasons of the others.
   * @example await cache.setMany({ 'user:1': ada, 'user:2': bob }, { ttl: 300 })
   */
  async setMany(entries: Entries<unknown>, options?: StoreOptions): Promise<Outcomes<boolean>> {
    return setMany(this._core.open, entries, options)
  }

  /**
   * Deletes many keys, batched per host. Per key whether it was there; `failed` the others.
   * @example await cache.deleteMany(['user:1', 'user:2'])
   */
  async deleteMany(keys: Iterable<string>, options?: OperationOptions): Promise<Outcomes<boolean>> {
    return deleteKeys(this._core.open, keys, options)
  }

  /**
   * Adds to a counter; `undefined` when there is none and no `initial`. Wraps at 2^64.
   * @example const hits = await cache.incr('hits', 1, { initial: 1, ttl: 60 })
   */
  async incr(
    key: string,
    delta?: bigint | number,
    options?: CounterOptions,
  ): Promise<bigint | undefined> {
    return count(this._core.open, 'incr', key, delta, options)
  }

  /**
   * Takes from a counter, down to 0; `undefined` when there is none and no `initial`.
   * @example const left = await cache.decr('tokens')
   */
  async decr(
    key: string,
    delta?: bigint | number,
    options?: CounterOptions,
  ): Promise<bigint | undefined> {
    return count(this._core.open, 'decr', key, delta, options)
  }

  /**
   * Deletes a key. True when it was there.
   * @example await cache.delete('user:1')
   */
  async delete(key: string, options?: OperationOptions): Promise<boolean> {
    return deleteKey(this._core.open, key, options)
  }

  /**
   * Gives an item `ttl` from now. True when it was there.
   * @example await cache.touch('sess:1', '30m')
   */
  async touch(key: string, ttl: Ttl, options?: OperationOptions): Promise<boolean> {
    return touch(this._core.open, key, ttl, options)
  }

  /**
   * Fills the cache: loads and stores every key of an iterable, of any length, some at a time.
   * Rejects when the cache takes nothing any more; with `resumeFrom` the next run goes on there.
   */
  async warm(
    keys: Iterable<string> | AsyncIterable<string>,
    loader: WarmLoader,
    options?: WarmOptions,
  ): Promise<WarmProgress> {
    return warm(this._core.open, this, keys, loader, options)
  }

  /**
   * Copies all that moves to its new home while a handover is under way, instead of what is read
   * alone. Waits until values may move; never overwrites what is at the new home. Rejects with
   * MINTRING_BAD_ARGUMENT when there is no handover, MINTRING_TIMEOUT when it ends too early.
   */
  async warmFromPrevious(options?: CopyOptions): Promise<CopyProgress> {
    return warmFromPrevious(this._core.open, options)
  }

  /**
   * Any command whose replies have a known end, as its words; bytes as the last word are its data:
   * `raw('k', 'ms', 'k', 5, 'T60', Buffer.from('hello'))`. `target` is a host, as `hosts()` names
   * it, or a key, which is only used to find the host. Neither keys nor values are changed. The
   * last argument may be options.
   */
  async raw(target: string, ...words: (RawWord | OperationOptions)[]): Promise<RawReply[]> {
    return raw(this._core.open, target, words)
  }

  /**
   * The value of a key. Fresh: at once. Stale: at once too, while one client of the whole fleet
   * refills. Absent: one client loads, the others wait for it. docs/refill.md has the policy.
   *
   * Rejects with MINTRING_BAD_POLICY, MINTRING_LOADER or _LOADER_TIMEOUT when nothing stale could
   * be served instead, MINTRING_WAIT_TIMEOUT with `onWaitTimeout: 'throw'`. A cache that cannot be
   * reached is no error: the value is loaded, once per process.
   * @example const page = await cache.getOrSet('page:1', render, { ttl: 60 })
   */
  getOrSet<Value>(
    key: string,
    loader: Loader<Value>,
    policy: RefillOptions & { readonly onWaitTimeout: 'undefined' },
  ): Promise<Value | undefined>
  getOrSet<Value>(key: string, loader: Loader<Value>, policy: RefillOptions): Promise<Value>
  getOrSet<Value>(key: string, loader: Loader<Value>, policy: RefillOptions): Promise<Value> {
    return this._refills.getOrSet(key, loader, policy)
  }

  /** As getOrSet(), and tells how the value came: `{ value, state, staleFor, ttl }`. */
  getOrSetEntry<Value>(
    key: string,
    loader: Loader<Value>,
    policy: RefillOptions,
  ): Promise<RefillEntry<Value>> {
    return this._refills.getOrSetEntry(key, loader, policy)
  }

  /**
   * The values of many keys, in their order; those to load go to one call of the loader.
   * @example const users = await cache.getOrSetMany(keys, loadUsers, { ttl: 60 })
   */
  getOrSetMany<Value>(
    keys: readonly string[],
    loadMissing: ManyLoader<Value>,
    policy: RefillOptions,
  ): Promise<Map<string, Value>> {
    return this._refills.getOrSetMany(keys, loadMissing, policy)
  }

  /**
   * Marks stale and loads now, under the lease: for a writer that has just changed the origin.
   * Rejects, without a load, when the cache cannot be told: others may still be served the old.
   * @example await cache.refresh('page:1', render, { ttl: 60 })
   */
  refresh<Value>(key: string, loader: Loader<Value>, policy: RefillOptions): Promise<Value> {
    return this._refills.refresh(key, loader, policy)
  }

  /**
   * Marks a key, or several, stale: the next reader is served the stale value and one client loads.
   * Answers whether there was something to mark. The policy is that of the key; without it, what
   * this client last used for the key, or the defaults.
   * @example await cache.invalidate('page:1')
   */
  invalidate(
    keys: string | readonly string[],
    policy?: RefillDefaults & CallerOptions,
  ): Promise<boolean> {
    return this._refills.invalidate(keys, policy)
  }

  /**
   * Makes every value that has one of these tags stale, in the whole fleet: each is served stale
   * while one client refills it. `hard`: it is not served any more. docs/tags.md has the rules.
   * Rejects when a tag may still have its old version, with MINTRING_BAD_POLICY for what is no tag.
   * @example await cache.invalidateTags(['product:17'])
   */
  invalidateTags(tags: string | readonly string[], options?: TagInvalidation): Promise<void> {
    return this._refills.invalidateTags(tags, options)
  }

  /**
   * The versions of tags as one text, for values that plain `set` stores: read it before you read
   * what the value is built from, store it with the value, and compare it with that of now. As long
   * as it is equal no tag was invalidated. A tag that is not there is created. Rejects when one
   * cannot be read, with MINTRING_BAD_POLICY for what is no tag.
   * @example const seen = await cache.tagVersions(['product:17'])
   */
  tagVersions(
    tags: string | readonly string[],
    options?: Omit<TagInvalidation, 'hard'>,
  ): Promise<string> {
    return this._refills.tagVersions(tags, options)
  }

  /**
   * Binds keys and a loader to one policy. Throws MINTRING_BAD_POLICY.
   * @example const page = cache.define({ key: 'page:1', loader: render, ttl: 60 })
   */
  define<Args extends readonly unknown[], Value>(
    definition: Definition<Args, Value>,
  ): Defined<Args, Value> {
    this._refills.refill.define(definition)
    // By way of this client's verbs: each call is an operation that is told.
    return bind(this, definition)
  }

  /**
   * The same hosts under keys and values written another way: for items that other programs read,
   * such as pages for nginx. It ends with this client.
   */
  view(options: ViewOptions): ClientView {
    return this._refills.view(options)
  }

  /** What refills did so far: calls by state, loads, leases, how stale was what was served. */
  get refillCounters(): RefillCounters {
    return this._refills.refill.counters
  }

  // The verbs about whole servers. They ask all hosts at once and resolve to a Map by host name,
  // with the hosts that gave no answer in its `failed`; they reject only when none answered.

  /** Forgets everything on every host, at once or after `delay` seconds. */
  async flushAll(options?: FlushOptions): Promise<Outcomes<string>> {
    return flushAll(this._core.open, options)
  }

  /** The version of every host. */
  async version(options?: OperationOptions): Promise<Outcomes<string>> {
    return version(this._core.open, options)
  }

  /**
   * The statistics of every host: a section such as `settings`, `items`, `slabs`, `sizes`, `conns`,
   * or the general ones. Whole numbers are numbers, or bigints beyond 2^53.
   */
  async stats(section?: string, options?: OperationOptions): Promise<Outcomes<Stats>> {
    return stats(this._core.open, section, options)
  }

  /** How much every host logs: 0 little, 2 every command. */
  async verbosity(level: number, options?: OperationOptions): Promise<Outcomes<string>> {
    return verbosity(this._core.open, level, options)
  }

  /** Changes how much memory every host may use for items. */
  async cacheMemlimit(megabytes: number, options?: OperationOptions): Promise<Outcomes<string>> {
    return cacheMemlimit(this._core.open, megabytes, options)
  }

  /** Moves slabs between classes, or says whether hosts do so by themselves. */
  async slabs(change: SlabsChange, options?: OperationOptions): Promise<Outcomes<string>> {
    return changeSlabs(this._core.open, change, options)
  }

  /** Changes how hosts keep items in order of use. */
  async lru(change: LruChange, options?: OperationOptions): Promise<Outcomes<string>> {
    return changeLru(this._core.open, change, options)
  }

  /** Changes, or starts, the crawler that frees expired items. */
  async lruCrawler(
    change: LruCrawlerChange,
    options?: OperationOptions,
  ): Promise<Outcomes<string>> {
    return changeLruCrawler(this._core.open, change, options)
  }

  /** Lists the items of all hosts, or of one, on a connection of its own; slow readers slow it. */
  metadump(options?: DumpOptions): AsyncGenerator<DumpedItem, void, undefined> {
    return metadump(this._core, options)
  }

  /** Lists the keys of all hosts, or of one; cheaper than metadump(). */
  mgdump(options?: DumpOptions): AsyncGenerator<DumpedKey, void, undefined> {
    return mgdump(this._core, options)
  }

  /** Follows what a host reports: fetches, stores, evictions, connections. */
  watch(
    topics: WatchTopic | readonly WatchTopic[],
    options?: WatchOptions,
  ): AsyncGenerator<WatchEvent, void, undefined> {
    return watch(this._core, typeof topics === 'string' ? [topics] : topics, options)
  }

  /**
   * Ends one server, which has to be named as `hosts()` names it, and to have been started with
   * `-A`. Rejects with MINTRING_REFUSED otherwise.
   */
  async shutdown(host: string, options?: ShutdownOptions): Promise<void> {
    return shutdownHost(this._core.open, host, options)
  }
}

refuseSurplus(MemcachedClient.prototype, {
  throwing: [
    ...['configure', 'setServers', 'hosts', 'locate', 'on', 'off', 'view'],
    ...['metadump', 'mgdump', 'watch'],
  ],
  // raw() takes any number of arguments, and define() says itself that it takes one.
  except: ['get', 'set', 'raw', 'define', 'toJSON'],
})

// What console.log shows. Without it, credentials in the settings would be.
Object.defineProperty(MemcachedClient.prototype, inspect.custom, {
  value(this: MemcachedClient): string {
    const hosts = this.hosts().map(({ name, state }) => `${name} (${state})`)
    return `${this.constructor.name} { ${hosts.join(', ')} }`
  },
})
