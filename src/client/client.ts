import { inspect } from 'node:util'
import { isGiven, refuseSurplus, surplusError, tooMany } from '../arguments.ts'
import type { Behaviors, BehaviorsInput } from '../behaviors/behaviors.ts'
import type { Environment } from '../behaviors/env.ts'
import { fromEnvironment } from '../behaviors/env.ts'
import { commandTrace } from '../channels.ts'
import type { Servers } from '../hosts/address.ts'
import type { HandoverSnapshot } from '../hosts/handover.ts'
import type { Location } from '../hosts/places.ts'
import type { HostSnapshot } from '../hosts/snapshot.ts'
import type { WatchTopic } from '../protocol/admin.ts'
import type { CallerOptions } from '../refill/caller.ts'
import type { Defined, Definition } from '../refill/define.ts'
import { bind } from '../refill/define.ts'
import type { RefillEntry } from '../refill/finding.ts'
import type { Loader } from '../refill/loader.ts'
import type { ManyLoader } from '../refill/many.ts'
import type { RefillPolicy } from '../refill/policy.ts'
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
import { rejected, reportRejection, reportStream } from './trace-rejected.ts'
import type { Ttl } from './ttl.ts'
import { add } from './verbs/add.ts'
import type { CounterOptions } from './verbs/arithmetic.ts'
import { count } from './verbs/arithmetic.ts'
import { deleteKey } from './verbs/delete.ts'
import type { DumpedItem, DumpedKey, DumpOptions, WatchEvent, WatchOptions } from './verbs/dumps.ts'
import { metadump, mgdump, watch } from './verbs/dumps.ts'
import type { Entries } from './verbs/entries.ts'
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
import { deleteMany, setMany } from './verbs/write-many.ts'
import type { ClientView, ViewOptions } from './view.ts'
import { warm } from './warm.ts'
import type { WarmLoader, WarmOptions, WarmProgress } from './warm-options.ts'
import { type CopyOptions, warmFromPrevious } from './warm-previous.ts'

/**
 * A memcached client: create one per process and fleet. It connects on first use, and reconnects by
 * itself.
 *
 * Every method checks its arguments before any I/O, takes `{ signal, timeoutMs }` as its last
 * argument, and rejects with a MintringError. A miss is `undefined`, never an error; a failure is
 * an error, never a miss, unless `onError: 'miss'` says so.
 */
export class MemcachedClient {
  private readonly _settings: ClientSettings
  private readonly _core: ClientCore
  private _refillsMade: ClientRefills | undefined
  private _metaMade: MetaCommands | undefined

  /**
   * `servers`: one string (`'a:11211, b:11211'`), or an array of strings and objects. Throws
   * MINTRING_NO_SERVERS, _BAD_SERVER, _DUPLICATE_SERVER, and MINTRING_BAD_BEHAVIOR.
   */
  constructor(servers: Servers, behaviors: BehaviorsInput = {}) {
    this._settings = new ClientSettings(servers, behaviors)
    this._core = this._settings.core
  }

  /**
   * Creates a client from environment variables: `MINTRING_URL`, `MEMCACHED_URL`,
   * `MEMCACHED_SERVERS`, the names of MemCachier, Memcached Cloud and Cloud Foundry, and
   * `MINTRING_…` for every behavior. Throws MINTRING_NO_SERVERS when none of them names a server.
   */
  static fromEnv(env: Environment = process.env): MemcachedClient {
    const { servers, behaviors } = fromEnvironment(env)
    return new MemcachedClient(servers, behaviors)
  }

  /** The meta commands, for what the other methods do not offer. */
  get meta(): MetaCommands {
    this._metaMade ??= new MetaCommands(this._core)
    return this._metaMade
  }

  /** The client's id in metrics and in messages on diagnostics channels: a number as text. */
  get id(): string {
    return this._core.id
  }

  /** The current settings, complete and frozen. configure() changes them. */
  get behaviors(): Behaviors {
    return this._core.behaviors
  }

  /** Whether close() was called. */
  get closed(): boolean {
    return this._core.isClosed
  }

  /** How many failed reads returned a miss because of `onError: 'miss'`. */
  get forgivenErrors(): number {
    return this._core.forgivenErrors
  }

  /**
   * Changes settings for all operations that start from now on. If one setting is invalid, none is
   * changed. Throws MINTRING_BAD_BEHAVIOR, or MINTRING_BAD_KEY for an invalid prefix.
   * @example cache.configure({ requestTimeoutMs: 200 })
   */
  configure(behaviors: BehaviorsInput): void {
    this._settings.configure(behaviors)
  }

  /**
   * Replaces the servers. Servers that stay keep their connections and their keys, except the keys
   * that move to new servers; a moved value is copied when it is read (docs/changing-servers.md).
   * Throws MINTRING_BAD_SERVER, _NO_SERVERS, _DUPLICATE_SERVER, _BAD_BEHAVIOR, _BAD_ARGUMENT.
   */
  setServers(servers: Servers, options?: ChangeOptions): void {
    this._settings.setServers(servers, options)
  }

  /** The current handover after a change of servers; undefined when there is none. */
  get handover(): HandoverSnapshot | undefined {
    return this._core.cluster.handover?.snapshot
  }

  /**
   * Queries the source of the behavior `discovery` for the server list now, instead of at its next
   * interval; for example before the first operation. Rejects when the source returns no servers;
   * the list then stays as it is. Rejects with MINTRING_BAD_ARGUMENT without that behavior.
   */
  async discover(options?: OperationOptions): Promise<void> {
    return this._settings.discover(options)
  }

  /**
   * Returns a snapshot of every host: state, failures, connections, queued commands.
   * @example console.table(cache.hosts())
   */
  hosts(): HostSnapshot[] {
    return this._core.cluster.snapshot()
  }

  /**
   * Explains which host a key belongs to, and why. Throws MINTRING_BAD_KEY.
   * @example const { server } = cache.locate('user:1')
   */
  locate(key: string): Location {
    this._core.keys.wireKey(key)
    return this._core.cluster.locate(this._core.keys.routeKey(key))
  }

  /** Adds a listener. An exception in it becomes a process warning. */
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
   * Closes the client. Pending operations may finish within `drainMs`; those still pending then,
   * and all later calls, reject with MINTRING_CLOSED. Closes every socket and timer. May be called
   * twice.
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

  /** Created on first use: a client without refills needs none of their timers and tables. */
  private get _refills(): ClientRefills {
    if (this._refillsMade === undefined) {
      this._refillsMade = new ClientRefills(this._core)
      this._settings.tell(this._refillsMade)
    }
    return this._refillsMade
  }

  /** Closes the client at the end of a block: `await using cache = new MemcachedClient(…)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Returns what JSON.stringify writes: the hosts and their state, never credentials. */
  toJSON(): {
    /** The hosts, as `hosts()` returns them. */
    readonly hosts: HostSnapshot[]
  } {
    return { hosts: this.hosts() }
  }

  /**
   * Reads a value; resolves to `undefined` on a miss. `{ as: 'buffer' }` returns its bytes.
   * @example const user = await cache.get<User>('user:1')
   */
  get(key: string, options: BufferOptions): Promise<Buffer | undefined>
  get<Value = unknown>(key: string, options?: ReadOptions): Promise<Value | undefined>
  get(key: string, options?: ReadOptions, surplus?: unknown): Promise<unknown> {
    try {
      if (surplus !== undefined) throw surplusError('get', 2, surplus)
      return get(this._core.open, key, options)
    } catch (error) {
      return rejected(this._core, 'get', [key], error)
    }
  }

  /**
   * Reads a value with its CAS id and flags; resolves to `undefined` on a miss.
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
   * Reads a value and sets its TTL; resolves to `undefined` on a miss.
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

  /** Does the same as gat(), and returns the CAS id and flags. */
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
   * Reads many keys, batched per host; returns the hits in the order of the keys. Keys of failed
   * hosts are missing, and getManyDetailed() reports them. Rejects when every host failed.
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
   * Does the same as getMany(), and lists the keys whose read failed in `failed`, with the reason.
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
   * Stores a value. Resolves to true, or to false if the server did not store it.
   * @example await cache.set('user:1', user, { ttl: 300 })
   */
  set(key: string, value: unknown, options?: StoreOptions): Promise<boolean>
  set(key: string, value: unknown, options?: StoreOptions, surplus?: unknown): Promise<boolean> {
    try {
      if (surplus !== undefined) throw surplusError('set', 3, surplus)
      const stored = store(this._core.open, 'set', key, value, options)
      if (!commandTrace.hasSubscribers) return stored
      return reportRejection(this._core, 'set', [key], stored)
    } catch (error) {
      return rejected(this._core, 'set', [key], error)
    }
  }

  /**
   * Stores a value if the key has none; a refill's placeholder does not count as a value. A
   * rejected add takes two round trips.
   * @example const isFirst = await cache.add('lock:1', 1, { ttl: 30 })
   */
  async add(key: string, value: unknown, options?: StoreOptions): Promise<boolean> {
    return add(this._core.open, key, value, options)
  }

  /**
   * Stores a value if the key has one already.
   * @example await cache.replace('user:1', user, { ttl: '5m' })
   */
  async replace(key: string, value: unknown, options?: StoreOptions): Promise<boolean> {
    return store(this._core.open, 'replace', key, value, options)
  }

  /**
   * Appends to a stored text or bytes. Resolves to false when the key is not stored.
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
   * Prepends to a stored text or bytes. Resolves to false when the key is not stored.
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
   * Stores a value if the item's CAS id is still the one that gets() returned.
   * @example const outcome = await cache.cas('stock', 41, entry.cas)
   */
  async cas(key: string, value: unknown, id: bigint, options?: StoreOptions): Promise<CasOutcome> {
    return cas(this._core.open, key, value, id, options)
  }

  /**
   * Stores many values, batched per host. Resolves to true per stored key; `failed` has the others
   * with the reason, also those without a result at the end of `timeoutMs`.
   * @example await cache.setMany({ 'user:1': ada, 'user:2': bob }, { ttl: 300 })
   */
  async setMany(entries: Entries<unknown>, options?: StoreOptions): Promise<Outcomes<boolean>> {
    return setMany(this._core.open, entries, options)
  }

  /**
   * Deletes many keys, batched per host. Resolves per key to whether it was stored; `failed` has
   * the keys that failed, with the reason, also those without a result at the end of `timeoutMs`.
   * @example await cache.deleteMany(['user:1', 'user:2'])
   */
  async deleteMany(keys: Iterable<string>, options?: OperationOptions): Promise<Outcomes<boolean>> {
    return deleteMany(this._core.open, keys, options)
  }

  /**
   * Increments a counter; resolves to `undefined` when there is none and no `initial`. Wraps at
   * 2^64.
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
   * Decrements a counter, never below 0; resolves to `undefined` when there is none and no
   * `initial`.
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
   * Deletes a key. Resolves to true when it was stored.
   * @example await cache.delete('user:1')
   */
  async delete(key: string, options?: OperationOptions): Promise<boolean> {
    return deleteKey(this._core.open, key, options)
  }

  /**
   * Sets an item's TTL. Resolves to true when the key is stored.
   * @example await cache.touch('sess:1', '30m')
   */
  async touch(key: string, ttl: Ttl, options?: OperationOptions): Promise<boolean> {
    return touch(this._core.open, key, ttl, options)
  }

  /**
   * Warms the cache: loads and stores every key of an iterable of any length, with bounded
   * concurrency. Rejects when the cache stays unavailable; with `resumeFrom` the next run continues
   * from there.
   */
  async warm(
    keys: Iterable<string> | AsyncIterable<string>,
    loader: WarmLoader,
    options?: WarmOptions,
  ): Promise<WarmProgress> {
    return warm(this._core.open, this, keys, loader, options)
  }

  /**
   * Copies all values that move to their new hosts during a handover, instead of only those that
   * are read. Waits until values may move, and never overwrites an item on its new host. Rejects
   * with MINTRING_BAD_ARGUMENT when there is no handover, MINTRING_TIMEOUT when it ends too early.
   */
  async warmFromPrevious(options?: CopyOptions): Promise<CopyProgress> {
    return warmFromPrevious(this._core.open, options)
  }

  /**
   * Sends any command whose replies have a known end, given as its words. Bytes as the last word
   * are its data: `raw('k', 'ms', 'k', 5, 'T60', Buffer.from('hello'))`. `target` is a host, as
   * `hosts()` names it, or a key, which only selects the host. Keys and values are sent unchanged.
   * The last argument may be options.
   */
  raw(target: string, ...words: (RawWord | OperationOptions)[]): Promise<RawReply[]> {
    const run = async (): Promise<RawReply[]> => raw(this._core.open, target, words)
    return reportRejection(this._core, 'raw', [], run())
  }

  /**
   * Reads a value, and loads it when it is missing. A fresh value is returned at once. So is a
   * stale one, while one client of the whole fleet refills it. When the value is missing, one
   * client loads it and the others wait. docs/refill.md explains the policy.
   *
   * Rejects with MINTRING_BAD_POLICY; with MINTRING_LOADER or _LOADER_TIMEOUT when loading fails
   * and no stale value may be served; with MINTRING_WAIT_TIMEOUT if `onWaitTimeout: 'throw'`. An
   * unreachable cache is not an error: each process then loads the value once.
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

  /**
   * Does the same as getOrSet(), and returns how the value was found:
   * `{ value, state, staleFor, ttl }`.
   */
  getOrSetEntry<Value>(
    key: string,
    loader: Loader<Value>,
    policy: RefillOptions,
  ): Promise<RefillEntry<Value>> {
    return this._refills.getOrSetEntry(key, loader, policy)
  }

  /**
   * Reads many keys; returns their values in the order of the keys. One call of the loader loads
   * all that are missing.
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
   * Marks a key stale and loads it now: for code that has just changed the data behind the cache.
   * While it loads, no other client does. Rejects without loading if the key cannot be marked,
   * because other readers could still get the old value.
   * @example await cache.refresh('page:1', render, { ttl: 60 })
   */
  refresh<Value>(key: string, loader: Loader<Value>, policy: RefillOptions): Promise<Value> {
    return this._refills.refresh(key, loader, policy)
  }

  /**
   * Marks one or several keys stale: the next reader gets the stale value, and one client loads a
   * new one. Resolves to whether there was a value to mark. `policy` is the policy of the key; what
   * it leaves out is as this client last used the key. A client that never did keeps its lifetime.
   * @example await cache.invalidate('page:1')
   */
  invalidate(
    keys: string | readonly string[],
    policy?: Partial<RefillPolicy> & CallerOptions,
  ): Promise<boolean> {
    return this._refills.invalidate(keys, policy)
  }

  /**
   * Marks every value with one of these tags stale, in the whole fleet: each is served stale while
   * one client refills it. With `hard` it is no longer served. docs/tags.md has the rules. Rejects
   * when a tag may still have its old version, and with MINTRING_BAD_POLICY for an invalid tag.
   * @example await cache.invalidateTags(['product:17'])
   */
  invalidateTags(tags: string | readonly string[], options?: TagInvalidation): Promise<void> {
    return this._refills.invalidateTags(tags, options)
  }

  /**
   * Returns the versions of tags as one text, for values stored with plain `set`. Read it before
   * you read what the value is built from, and store it with the value. As long as it equals a
   * later tagVersions() of the same tags, none of them was invalidated. Creates missing tags.
   * Rejects when a tag cannot be read, and with MINTRING_BAD_POLICY for an invalid tag.
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
    // A type parameter of its own: TypeScript then infers Value from what the loader returns.
    definition: Definition<Args, Value, unknown>,
  ): Defined<Args, Value>
  define<Args extends readonly unknown[], Value>(
    definition: Definition<Args, Value>,
  ): Defined<Args, Value>
  define<Args extends readonly unknown[], Value>(
    definition: Definition<Args, Value>,
    surplus?: unknown,
  ): Defined<Args, Value> {
    this._refills.refill.define(definition)
    if (surplus !== undefined) throw tooMany('define', 1, surplus)
    // Calls this client's methods, so that each call is traced as an operation.
    return bind(this, definition)
  }

  /**
   * Creates a view: the same hosts with another encoding of keys and values, for items that other
   * programs read, such as pages for nginx. Closing this client closes its views.
   */
  view(options: ViewOptions): ClientView {
    return this._refills.view(options)
  }

  /** What refills did so far: calls by state, loads, leases, and the staleness of served values. */
  get refillCounters(): RefillCounters {
    return this._refills.refill.counters
  }

  // The methods below query all hosts at once and resolve to a Map by host name.
  // They list failed hosts in `failed`, and reject only when every host failed.

  /** Deletes everything on every host, at once or after `delay` seconds. */
  async flushAll(options?: FlushOptions): Promise<Outcomes<string>> {
    return flushAll(this._core.open, options)
  }

  /** Reads the version of every host. */
  async version(options?: OperationOptions): Promise<Outcomes<string>> {
    return version(this._core.open, options)
  }

  /**
   * Reads the statistics of every host: a section such as `settings`, `items`, `slabs`, `sizes`,
   * `conns`, or the general ones. Whole numbers are numbers, or bigints beyond 2^53.
   */
  async stats(section?: string, options?: OperationOptions): Promise<Outcomes<Stats>> {
    return stats(this._core.open, section, options)
  }

  /** Sets how much every host logs: from 0 (little) to 2 (every command). */
  async verbosity(level: number, options?: OperationOptions): Promise<Outcomes<string>> {
    return verbosity(this._core.open, level, options)
  }

  /** Sets how much memory every host may use for items, in megabytes. */
  async cacheMemlimit(megabytes: number, options?: OperationOptions): Promise<Outcomes<string>> {
    return cacheMemlimit(this._core.open, megabytes, options)
  }

  /** Moves slabs between classes, or sets whether hosts do so automatically. */
  async slabs(change: SlabsChange, options?: OperationOptions): Promise<Outcomes<string>> {
    return changeSlabs(this._core.open, change, options)
  }

  /** Changes how hosts order their items by use (the LRU lists). */
  async lru(change: LruChange, options?: OperationOptions): Promise<Outcomes<string>> {
    return changeLru(this._core.open, change, options)
  }

  /** Changes or starts the crawler that frees expired items. */
  async lruCrawler(
    change: LruCrawlerChange,
    options?: OperationOptions,
  ): Promise<Outcomes<string>> {
    return changeLruCrawler(this._core.open, change, options)
  }

  /**
   * Lists the items of all hosts or of one, on a separate connection. A slow reader slows the
   * server's dump.
   */
  metadump(options?: DumpOptions): AsyncGenerator<DumpedItem, void, undefined> {
    return reportStream(this._core, 'metadump', metadump(this._core, options))
  }

  /** Lists the keys of all hosts, or of one; cheaper than metadump(). */
  mgdump(options?: DumpOptions): AsyncGenerator<DumpedKey, void, undefined> {
    return reportStream(this._core, 'mgdump', mgdump(this._core, options))
  }

  /** Streams the events of a host: fetches, stores, evictions, connections. */
  watch(
    topics: WatchTopic | readonly WatchTopic[],
    options?: WatchOptions,
  ): AsyncGenerator<WatchEvent, void, undefined> {
    const list = typeof topics === 'string' ? [topics] : topics
    return reportStream(this._core, 'watch', watch(this._core, list, options))
  }

  /**
   * Shuts down one server, named as in `hosts()`. The server must run with `-A`; otherwise rejects
   * with MINTRING_REFUSED.
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
  // raw() takes any number of arguments, and define() checks their number itself.
  except: ['get', 'set', 'raw', 'define', 'toJSON'],
  refuses: isGiven,
  follow: (client, verb, given, result) => {
    return reportRejection((client as MemcachedClient)['_core'], verb, given, result)
  },
})

// The output of console.log. The default one would show credentials in the settings.
Object.defineProperty(MemcachedClient.prototype, inspect.custom, {
  value(this: MemcachedClient): string {
    const hosts = this.hosts().map(({ name, state }) => `${name} (${state})`)
    return `${this.constructor.name} { ${hosts.join(', ')} }`
  },
})
