import { badArgument, checkOptionNames, type OptionNames, refuseSurplus } from '../arguments.ts'
import { commandTrace } from '../channels.ts'
import { MintringError } from '../errors.ts'
import { META_SINCE } from '../protocol/meta-versions.ts'
import type { RefillEntry } from '../refill/entry.ts'
import type { Loader } from '../refill/loading.ts'
import type { RefillDefaults } from '../refill/policy.ts'
import type { RefillOptions, RefillSettings } from '../refill/refill.ts'
import { Refill } from '../refill/refill.ts'
import type { ClientCore } from './core.ts'
import type { KeyMapping } from './keys.ts'
import type { OperationOptions, StoreOptions } from './options.ts'
import type { Outcomes } from './outcomes.ts'
import { ClusterStore } from './refill-store.ts'
import { traceEntry, traceMark, traceRefresh } from './trace.ts'
import type { Ttl } from './ttl.ts'
import { type Body, type Codec, ownBody } from './values/codec.ts'
import { add } from './verbs/add.ts'
import { type CounterOptions, count } from './verbs/arithmetic.ts'
import { deleteKey } from './verbs/delete.ts'
import { getManyDetailed } from './verbs/get-many.ts'
import { type Entry, get, gets } from './verbs/retrieval.ts'
import { type CasOutcome, cas, extend, store } from './verbs/storage.ts'
import { touch } from './verbs/touch.ts'

/** How a view writes what a client would write otherwise. */
export interface ViewOptions {
  /** Keys on the wire, and what the ring hashes for them: the two need not be the same. */
  readonly keys: KeyMapping
  /** Values to bytes and flags, and back. */
  readonly codec: Codec
}

/**
 * A client's hosts under other keys and values. Its refills need servers with meta commands: the
 * classic way puts an empty item into a key while it is loaded, which nginx would serve.
 */
export class ClientView {
  private readonly _core: ClientCore
  private readonly _store: ClusterStore
  private readonly _refill: Refill

  /** Throws MINTRING_BAD_ARGUMENT for options that are invalid. */
  constructor(
    core: ClientCore,
    options: ViewOptions,
    told: Pick<RefillSettings, 'hooks' | 'tally'>,
  ) {
    checkView(options)
    const { keys, codec } = options
    this._core = core.view(keys, ofValues(codec))
    this._store = new ClusterStore(this._core)
    this._refill = new Refill(this._store, told)
    this._core.changed = (key) => this._refill.detach(key)
    this._core.unlock = (key) => this._store.unlock(key)
  }

  /** The most bytes an item may have, as the client's behaviors say. */
  get maxItemBytes(): number {
    return this._core.maxItemBytes
  }

  /** The value, or `undefined` when there is none. */
  async get<Value>(key: string, options?: OperationOptions): Promise<Value | undefined> {
    return get(this._core.open, key, options) as Promise<Value | undefined>
  }

  /** The value with its CAS id and flags, or `undefined`. */
  async gets<Value>(key: string, options?: OperationOptions): Promise<Entry<Value> | undefined> {
    return gets(this._core.open, key, options) as Promise<Entry<Value> | undefined>
  }

  /** The hits, and in `failed` the keys that could not be asked. */
  async getManyDetailed<Value>(
    keys: Iterable<string>,
    options?: OperationOptions,
  ): Promise<Outcomes<Value>> {
    return getManyDetailed(this._core.open, keys, options) as Promise<Outcomes<Value>>
  }

  /** Stores a value; false only when the server does not store it. */
  async set(key: string, value: unknown, options?: StoreOptions): Promise<boolean> {
    return store(this._core.open, 'set', key, value, options)
  }

  /** Stores a value if there is none. */
  async add(key: string, value: unknown, options?: StoreOptions): Promise<boolean> {
    return add(this._core.open, key, value, options)
  }

  /** Stores a value if there is one. */
  async replace(key: string, value: unknown, options?: StoreOptions): Promise<boolean> {
    return store(this._core.open, 'replace', key, value, options)
  }

  /** Adds bytes to the end of an item; false when there is none. */
  async append(key: string, bytes: Uint8Array, options?: OperationOptions): Promise<boolean> {
    return extend(this._core.open, 'append', key, bytes, options)
  }

  /** Adds bytes to the beginning of an item; false when there is none. */
  async prepend(key: string, bytes: Uint8Array, options?: OperationOptions): Promise<boolean> {
    return extend(this._core.open, 'prepend', key, bytes, options)
  }

  /** Stores a value if the item has the CAS id that gets() told. */
  async cas(key: string, value: unknown, id: bigint, options?: StoreOptions): Promise<CasOutcome> {
    return cas(this._core.open, key, value, id, options)
  }

  /** Adds to a counter; `undefined` when there is none. */
  async incr(
    key: string,
    delta: bigint | number,
    options?: CounterOptions,
  ): Promise<bigint | undefined> {
    return count(this._core.open, 'incr', key, delta, options)
  }

  /** Takes from a counter, down to 0; `undefined` when there is none. */
  async decr(
    key: string,
    delta: bigint | number,
    options?: CounterOptions,
  ): Promise<bigint | undefined> {
    return count(this._core.open, 'decr', key, delta, options)
  }

  /** Gives an item `ttl` from now. True when it was there. */
  async touch(key: string, ttl: Ttl, options?: OperationOptions): Promise<boolean> {
    return touch(this._core.open, key, ttl, options)
  }

  /** Deletes a key. True when it was there. */
  async delete(key: string, options?: OperationOptions): Promise<boolean> {
    return deleteKey(this._core.open, key, options)
  }

  /** As the client's invalidate(), for one key. */
  async invalidate(key: string, policy?: RefillDefaults): Promise<boolean> {
    return traceMark(this._core, key, () => this._refill.invalidate(key, policy))
  }

  /** As the client's getOrSetEntry(). Rejects with MINTRING_UNSUPPORTED on classic servers. */
  async getOrSetEntry<Value>(
    key: string,
    loader: Loader<Value>,
    policy: RefillOptions,
  ): Promise<RefillEntry<Value>> {
    await this._requireMeta()
    const run = (): Promise<RefillEntry<Value>> => this._refill.getOrSetEntry(key, loader, policy)
    if (!commandTrace.hasSubscribers) return run()
    return traceEntry(this._core, 'getOrSet', key, run)
  }

  /** As the client's refresh(). Rejects with MINTRING_UNSUPPORTED on classic servers. */
  async refresh<Value>(
    key: string,
    loader: Loader<Value>,
    policy: RefillOptions,
  ): Promise<Value | undefined> {
    await this._requireMeta()
    const run = (): Promise<RefillEntry<Value>> => this._refill.refreshEntry(key, loader, policy)
    const entry = commandTrace.hasSubscribers ? traceRefresh(this._core, key, run) : run()
    return entry.then(({ value }) => value)
  }

  /** The servers are others now. */
  forgetDialect(): void {
    this._store.forgetDialect()
  }

  /** Takes no more calls of refills; what is under way goes on. */
  shut(): void {
    this._refill.shut()
  }

  /** Some load, or what follows one, is under way. */
  get isLoading(): boolean {
    return this._refill.isLoading
  }

  /** Lets refills end within `drainMs`, aborts the rest, and lets all leases go. */
  close(drainMs: number): Promise<void> {
    return this._refill.close(drainMs)
  }

  /**
   * Servers that cannot be asked now are no reason to refuse: calls end as they do without them.
   */
  private async _requireMeta(): Promise<void> {
    const dialect = this._store.dialect ?? (await this._store.learnDialect().catch(() => 'meta'))
    if (dialect === 'meta') return
    const what = `Items that other programs read need meta commands (memcached ${META_SINCE})`
    throw new MintringError('MINTRING_UNSUPPORTED', what)
  }
}

refuseSurplus(ClientView.prototype)

/** A codec that is shown the bytes of values alone, and not the tags behind them. */
function ofValues(codec: Codec): Codec {
  const { bytes } = codec
  return {
    encode: (value) => codec.encode(value),
    decode: (flags, body) => codec.decode(flags, ownBody(flags, body)),
    ...(bytes && {
      bytes: (flags: number, body: Body) => bytes.call(codec, flags, ownBody(flags, body)),
    }),
  }
}

const VIEW_OPTIONS: OptionNames = new Set(['keys', 'codec'])
const MEMBERS = { keys: ['wireKey', 'routeKey'], codec: ['encode', 'decode'] } as const

function checkView(options: unknown): void {
  checkOptionNames('view', options, VIEW_OPTIONS)
  for (const [name, methods] of Object.entries(MEMBERS)) {
    const given = Object(Object(options)[name]) as Readonly<Record<string, unknown>>
    if (methods.every((method) => typeof given[method] === 'function')) continue
    throw badArgument(`view() needs ${name}: an object with ${methods.join('() and ')}()`)
  }
}
