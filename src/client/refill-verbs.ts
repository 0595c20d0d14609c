import type { BehaviorsInput } from '../behaviors/behaviors.ts'
import { toRefillDefaults } from '../behaviors/policies.ts'
import type { RefillMessage } from '../channels.ts'
import { batchTrace, commandTrace, refillChannel } from '../channels.ts'
import { isMintringError } from '../errors.ts'
import type { Servers } from '../hosts/address.ts'
import type { CallerOptions } from '../refill/caller.ts'
import type { Defined, Definition } from '../refill/define.ts'
import { bind } from '../refill/define.ts'
import type { RefillEntry } from '../refill/entry.ts'
import type { Loader } from '../refill/loading.ts'
import type { ManyLoader } from '../refill/many.ts'
import type { RefillDefaults } from '../refill/policy.ts'
import type { RefillOptions } from '../refill/refill.ts'
import { Refill, valuesOf } from '../refill/refill.ts'
import type { RefillCounters, RefillEvent, RefillEventName } from '../refill/tally.ts'
import { performance } from '../runtime.ts'
import type { CloseOptions } from './base.ts'
import { checkClose } from './base.ts'
import { HostCommands } from './host-commands.ts'
import { ClusterStore } from './refill-store.ts'
import {
  type BatchCount,
  inBatch,
  outsideBatch,
  traceBatch,
  traceEntry,
  traceKey,
} from './trace.ts'
import type { ViewOptions } from './view.ts'
import { ClientView } from './view.ts'

/** The verbs that load what is not there, and what the rest of a client has to tell them. */
export class RefillVerbs extends HostCommands {
  private readonly _store: ClusterStore
  private readonly _refill: Refill
  private readonly _views: ClientView[] = []

  constructor(servers: Servers, behaviors: BehaviorsInput = {}) {
    super(servers, behaviors)
    this._store = new ClusterStore(this.core)
    this._refill = new Refill(this._store, {
      defaults: toRefillDefaults(this.behaviors),
      hooks: { report: (name, event) => this._report(name, event) },
    })
    this.core.changed = (key) => this._refill.detach(key)
    this.core.unlock = (key) => this._store.unlock(key)
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
    if (!commandTrace.hasSubscribers) return this._refill.getOrSet(key, loader, policy)
    const run = (): Promise<RefillEntry<Value>> => this._refill.getOrSetEntry(key, loader, policy)
    return traceEntry(this.core, 'getOrSet', key, run).then(({ value }) => value)
  }

  /** As getOrSet(), and tells how the value came: `{ value, state, staleFor, ttl }`. */
  getOrSetEntry<Value>(
    key: string,
    loader: Loader<Value>,
    policy: RefillOptions,
  ): Promise<RefillEntry<Value>> {
    if (!commandTrace.hasSubscribers) return this._refill.getOrSetEntry(key, loader, policy)
    const run = (): Promise<RefillEntry<Value>> => this._refill.getOrSetEntry(key, loader, policy)
    return traceEntry(this.core, 'getOrSet', key, run)
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
    if (!batchTrace.hasSubscribers) return this._refill.getOrSetMany(keys, loadMissing, policy)
    const isLoader = typeof loadMissing === 'function'
    const loader = isLoader ? outsideBatch(loadMissing) : loadMissing
    const run = (): Promise<Map<string, RefillEntry<Value>>> =>
      inBatch(this.core, () => this._refill.getOrSetManyEntries(keys, loader, policy))
    const distinct = Array.isArray(keys) ? [...new Set(keys)] : []
    return traceBatch(this.core, 'getOrSetMany', distinct, run, foundIn).then(valuesOf)
  }

  /**
   * Marks stale and loads now, under the lease: for whoever just wrote to the origin.
   * @example await cache.refresh('page:1', render, { ttl: 60 })
   */
  refresh<Value>(key: string, loader: Loader<Value>, policy: RefillOptions): Promise<Value> {
    if (!commandTrace.hasSubscribers) return this._refill.refresh(key, loader, policy)
    const run = (): Promise<Value> => this._refill.refresh(key, loader, policy)
    return traceKey(this.core, 'refresh', key, run, () => 'ok')
  }

  /**
   * Marks a key, or several, stale: the next reader is served the stale value and one client loads.
   * Answers whether there was something to mark. The policy is that of the key; without it, what
   * this client last used for the key, or the defaults.
   * @example await cache.invalidate('page:1')
   */
  async invalidate(
    keys: string | readonly string[],
    policy?: RefillDefaults & CallerOptions,
  ): Promise<boolean> {
    if (typeof keys === 'string') return this._invalidateOne(keys, policy)
    if (!batchTrace.hasSubscribers) return this._refill.invalidate(keys, policy)
    const distinct = [...new Set(keys)]
    // None is marked when one of them cannot be a key.
    for (const key of distinct) this.core.keys.wireKey(key)
    const run = (): Promise<boolean[]> =>
      Promise.all(distinct.map((key) => this._invalidateOne(key, policy)))
    const marks = traceBatch(this.core, 'invalidate', distinct, run, (marked) => {
      return { size: distinct.length, hits: marked.filter(Boolean).length, failed: 0 }
    })
    return marks.then((marked) => marked.some(Boolean))
  }

  /**
   * Binds keys and a loader to one policy. Throws MINTRING_BAD_POLICY.
   * @example const page = cache.define({ key: 'page:1', loader: render, ttl: 60 })
   */
  define<Args extends readonly unknown[], Value>(
    definition: Definition<Args, Value>,
  ): Defined<Args, Value> {
    this._refill.define(definition)
    // By way of this client's verbs: each call is an operation that is told.
    return bind(this, definition)
  }

  /**
   * The same hosts under keys and values written another way: for items that other programs read,
   * such as pages for nginx. It ends with this client.
   */
  view(options: ViewOptions): ClientView {
    const view = new ClientView(this.core, options, {
      report: (name, event) => this._report(name, event),
    })
    this._views.push(view)
    return view
  }

  /** What refills did so far: calls by state, loads, leases, how stale was what was served. */
  get refillCounters(): RefillCounters {
    return this._refill.counters
  }

  override configure(behaviors: BehaviorsInput): void {
    super.configure(behaviors)
    this._refill.setDefaults(toRefillDefaults(this.behaviors))
  }

  override setServers(servers: Servers): void {
    super.setServers(servers)
    this._store.forgetDialect()
    for (const view of this._views) view.forgetDialect()
  }

  /** Refills under way may end first; what they leave then lets its lease go. */
  override async close(options?: CloseOptions): Promise<void> {
    checkClose(options)
    const drainMs = options?.drainMs ?? 1000
    const endMs = performance.now() + drainMs
    await Promise.all([this._refill, ...this._views].map((refills) => refills.close(drainMs)))
    await super.close({ drainMs: Math.max(0, endMs - performance.now()) })
  }

  private _invalidateOne(key: string, policy?: RefillDefaults & CallerOptions): Promise<boolean> {
    const run = (): Promise<boolean> => this._refill.invalidate(key, policy)
    if (!commandTrace.hasSubscribers) return run()
    return traceKey(this.core, 'invalidate', key, run, (marked) => (marked ? 'ok' : 'refused'))
  }

  private _report(event: RefillEventName, { key, error, reason, ...rest }: RefillEvent): void {
    const { events, behaviors } = this.core
    if (!events.has(event) && !refillChannel.hasSubscribers) return
    const why = reason ?? reasonOf(error)
    const message: RefillMessage = {
      event,
      ...rest,
      ...(why === undefined ? {} : { reason: why }),
      ...(behaviors.traceKeys ? { key } : {}),
    }
    events.emit(event, message)
    if (refillChannel.hasSubscribers) refillChannel.publish({ ...message, client: this.core.id })
  }
}

/** Found in the cache, fresh or stale: what was loaded was not. */
function foundIn(entries: ReadonlyMap<string, RefillEntry>): BatchCount {
  let hits = 0
  for (const { state } of entries.values()) if (state === 'fresh' || state === 'stale') hits++
  return { size: entries.size, hits, failed: 0 }
}

/** A code, or the name of the error a loader threw: never its message, which may hold a value. */
function reasonOf(error: unknown): string | undefined {
  if (error === undefined) return undefined
  return isMintringError(error) ? error.code : error instanceof Error ? error.name : 'thrown'
}
