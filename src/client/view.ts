import {
  badArgument,
  checkOptionNames,
  isGiven,
  type OptionNames,
  refuseSurplus,
} from '../arguments.ts'
import { commandTrace } from '../channels.ts'
import { Deadline, MAX_TIMER_MS } from '../deadline.ts'
import { MintringError } from '../errors.ts'
import { MAX_FLAGS } from '../protocol/limits.ts'
import { META_SINCE } from '../protocol/meta-versions.ts'
import type { CallerOptions } from '../refill/caller.ts'
import type { RefillEntry } from '../refill/finding.ts'
import type { Loader } from '../refill/loader.ts'
import type { RefillDefaults, RefillPolicy } from '../refill/policy.ts'
import type { RefillOptions, RefillSettings } from '../refill/refill.ts'
import { Refill } from '../refill/refill.ts'
import { kindOf } from '../secrets.ts'
import type { ClientCore } from './core.ts'
import { type KeyMapping, PrefixedKeys, withPrefix } from './keys.ts'
import type { OperationOptions, StoreOptions } from './options.ts'
import type { Outcomes } from './outcomes.ts'
import { ClusterStore } from './refill-store.ts'
import { traceEntry, traceMark, traceRefresh } from './trace.ts'
import { outsideCall } from './trace-call.ts'
import { reportRejection } from './trace-rejected.ts'
import type { Ttl } from './ttl.ts'
import { type Body, type Codec, type Encoded, ownBody } from './values/codec.ts'
import { add } from './verbs/add.ts'
import { type CounterOptions, count } from './verbs/arithmetic.ts'
import { deleteKey } from './verbs/delete.ts'
import { getManyDetailed } from './verbs/get-many.ts'
import { type Entry, get, gets } from './verbs/retrieval.ts'
import { type CasOutcome, cas, extend, store } from './verbs/storage.ts'
import { touch } from './verbs/touch.ts'

/** The encoding of keys and values in a view: `keys` and `codec`, or only a `keyPrefix`. */
export interface ViewOptions {
  /** Maps keys to the keys that are sent and that the ring hashes. */
  readonly keys?: KeyMapping | undefined
  /**
   * A prefix of every key, in addition to the client's own: the key `1` of a view with `user:` is
   * the client's key `user:1`. Excludes `keys`.
   */
  readonly keyPrefix?: string | undefined
  /** Encodes and decodes values. Default, with a `keyPrefix`: the client's own. */
  readonly codec?: Codec | undefined
}

/** The refills of the client, and the settings of those of a view with its own codec. */
export interface ClientRefill {
  readonly refill: Refill
  readonly settings: RefillSettings
}

/**
 * A client's hosts with another encoding of keys and values. With a codec, its refills need servers
 * with meta commands: without them a refill stores an empty placeholder under the key, which nginx
 * would serve.
 */
export class ClientView {
  private readonly _core: ClientCore
  /** The client's own refills, or those of the codec. */
  private readonly _refill: Refill
  /** The store of the codec's refills; undefined without a codec. */
  private readonly _store: ClusterStore | undefined
  /** What precedes keys in `_refill`. */
  private readonly _prefix: string = ''

  /**
   * Throws MINTRING_BAD_ARGUMENT or MINTRING_BAD_KEY for options that are invalid.
   * @internal
   */
  constructor(core: ClientCore, options: ViewOptions, client: ClientRefill) {
    checkView(options)
    const { keyPrefix = '', codec } = options
    const keys = options.keys ?? new PrefixedKeys(core, keyPrefix)
    if (codec === undefined) {
      // The items of the client itself: one load of an item serves the callers of both.
      this._core = core.view(keys, undefined)
      this._refill = client.refill
      this._prefix = keyPrefix
      this._core.changed = (key) => core.changed(keyPrefix + key)
      return
    }
    this._core = core.view(keys, ofValues(codec))
    const store = new ClusterStore(this._core)
    const refill = new Refill(store, client.settings)
    this._store = store
    this._refill = refill
    this._core.changed = (key) => refill.detach(key)
  }

  /** The maximum item size in bytes, from the client's behaviors. */
  get maxItemBytes(): number {
    return this._core.maxItemBytes
  }

  /** Reads a value; resolves to `undefined` on a miss. */
  async get<Value>(key: string, options?: OperationOptions): Promise<Value | undefined> {
    return get(this._core.open, key, options) as Promise<Value | undefined>
  }

  /** Reads a value with its CAS id and flags; resolves to `undefined` on a miss. */
  async gets<Value>(key: string, options?: OperationOptions): Promise<Entry<Value> | undefined> {
    return gets(this._core.open, key, options) as Promise<Entry<Value> | undefined>
  }

  /** Reads many keys; returns the hits, and in `failed` the keys that failed. */
  async getManyDetailed<Value>(
    keys: Iterable<string>,
    options?: OperationOptions,
  ): Promise<Outcomes<Value>> {
    return getManyDetailed(this._core.open, keys, options) as Promise<Outcomes<Value>>
  }

  /** Stores a value; resolves to false if the server did not store it. */
  async set(key: string, value: unknown, options?: StoreOptions): Promise<boolean> {
    return store(this._core.open, 'set', key, value, options)
  }

  /** Stores a value if the key has none. */
  async add(key: string, value: unknown, options?: StoreOptions): Promise<boolean> {
    return add(this._core.open, key, value, options)
  }

  /** Stores a value if the key has one already. */
  async replace(key: string, value: unknown, options?: StoreOptions): Promise<boolean> {
    return store(this._core.open, 'replace', key, value, options)
  }

  /** Appends bytes to an item; resolves to false when there is none. */
  async append(key: string, bytes: Uint8Array, options?: OperationOptions): Promise<boolean> {
    return extend(this._core.open, 'append', key, bytes, options)
  }

  /** Prepends bytes to an item; resolves to false when there is none. */
  async prepend(key: string, bytes: Uint8Array, options?: OperationOptions): Promise<boolean> {
    return extend(this._core.open, 'prepend', key, bytes, options)
  }

  /** Stores a value if the item's CAS id is still the one that gets() returned. */
  async cas(key: string, value: unknown, id: bigint, options?: StoreOptions): Promise<CasOutcome> {
    return cas(this._core.open, key, value, id, options)
  }

  /** Increments a counter; resolves to `undefined` when there is none. */
  async incr(
    key: string,
    delta: bigint | number,
    options?: CounterOptions,
  ): Promise<bigint | undefined> {
    return count(this._core.open, 'incr', key, delta, options)
  }

  /** Decrements a counter, never below 0; resolves to `undefined` when there is none. */
  async decr(
    key: string,
    delta: bigint | number,
    options?: CounterOptions,
  ): Promise<bigint | undefined> {
    return count(this._core.open, 'decr', key, delta, options)
  }

  /** Sets an item's TTL. Resolves to true when the key is stored. */
  async touch(key: string, ttl: Ttl, options?: OperationOptions): Promise<boolean> {
    return touch(this._core.open, key, ttl, options)
  }

  /** Deletes a key. Resolves to true when it was stored. */
  async delete(key: string, options?: OperationOptions): Promise<boolean> {
    return deleteKey(this._core.open, key, options)
  }

  /** Does the same as the client's invalidate(), for one key. */
  async invalidate(key: string, policy?: Partial<RefillPolicy> & CallerOptions): Promise<boolean> {
    return traceMark(this._core, key, () => this._refill.invalidate(this._named(key), policy))
  }

  /** Does the same as the client's getOrSet(), as getOrSetEntry() does. */
  async getOrSet<Value>(
    key: string,
    loader: Loader<Value>,
    policy: RefillOptions,
  ): Promise<Value | undefined> {
    return this.getOrSetEntry(key, loader, policy).then(({ value }) => value)
  }

  /**
   * Does the same as the client's getOrSetEntry(). With a codec it rejects with
   * MINTRING_UNSUPPORTED if a server lacks meta commands.
   */
  async getOrSetEntry<Value>(
    key: string,
    loader: Loader<Value>,
    policy: RefillOptions,
  ): Promise<RefillEntry<Value>> {
    const run = async (): Promise<RefillEntry<Value>> => {
      const left = await this._requireMeta('getOrSet', policy)
      return this._refill.getOrSetEntry(this._named(key), this._loading(key, loader), left)
    }
    if (!commandTrace.hasSubscribers) return run()
    return traceEntry(this._core, 'getOrSet', key, run)
  }

  /**
   * Does the same as the client's refresh(). With a codec it rejects with MINTRING_UNSUPPORTED if
   * a server lacks meta commands.
   */
  async refresh<Value>(
    key: string,
    loader: Loader<Value>,
    policy: RefillOptions,
  ): Promise<Value | undefined> {
    const run = async (): Promise<RefillEntry<Value>> => {
      const left = await this._requireMeta('refresh', policy)
      return this._refill.refreshEntry(this._named(key), this._loading(key, loader), left)
    }
    const entry = commandTrace.hasSubscribers ? traceRefresh(this._core, key, run) : run()
    return entry.then(({ value }) => value)
  }

  /** Returns the name of a key in the refills. */
  private _named(key: string): string {
    return withPrefix(this._prefix, key)
  }

  /** Returns a loader that receives the key as the caller named it. */
  private _loading<Value>(key: string, given: Loader<Value>): Loader<Value> {
    const loader = commandTrace.hasSubscribers ? outsideCall(given) : given
    if (this._prefix === '' || typeof loader !== 'function') return loader
    return (_named, context) => loader(key, context)
  }

  /** Sets new defaults of policies. */
  setDefaults(defaults: RefillDefaults): void {
    this._refill.setDefaults(defaults)
  }

  /** Forgets whether the hosts support meta commands, because the servers have changed. */
  forgetDialect(): void {
    this._store?.forgetDialect()
  }

  /** Rejects new refills; pending ones continue. */
  shut(): void {
    this._refill.shut()
  }

  /** Whether a load, or the store after it, is in progress. */
  get isLoading(): boolean {
    return this._refill.isLoading
  }

  /** Lets pending refills finish within `drainMs`, aborts the rest, and releases all leases. */
  close(drainMs: number): Promise<void> {
    return this._refill.close(drainMs)
  }

  /**
   * Rejects if a server lacks meta commands. Passes if no server is reachable: the calls then
   * behave as they do without servers. Resolves to the options for the rest of the call.
   */
  private async _requireMeta(verb: string, options: RefillOptions): Promise<RefillOptions> {
    const store = this._store
    if (store === undefined || store.dialect === 'meta') return options
    const deadline = new Deadline(verb, options, MAX_TIMER_MS)
    const learn = (): Promise<string> => store.learnDialect().catch(() => 'meta')
    const why = 'no host has told yet whether it supports meta commands'
    const dialect = store.dialect ?? (await deadline.bound(learn(), why))
    if (dialect === 'meta') {
      return options?.timeoutMs === undefined ? options : { ...options, ...deadline.next() }
    }
    const what = `Items that other programs read need meta commands (memcached ${META_SINCE})`
    throw new MintringError('MINTRING_UNSUPPORTED', what)
  }
}

refuseSurplus(ClientView.prototype, {
  refuses: isGiven,
  follow: (view, verb, given, result) => {
    return reportRejection((view as ClientView)['_core'], verb, given, result)
  },
})

/** Wraps a codec so that it gets the value's own bytes, without the tags that follow. */
function ofValues(codec: Codec): Codec {
  const { bytes } = codec
  return {
    encode(value) {
      const encoded = codec.encode(value)
      return encoded instanceof Promise ? encoded.then(checkEncoded) : checkEncoded(encoded)
    },
    decode: (flags, body) => codec.decode(flags, ownBody(flags, body)),
    ...(bytes && {
      bytes: (flags: number, body: Body) => bytes.call(codec, flags, ownBody(flags, body)),
    }),
  }
}

/** Throws MINTRING_BAD_VALUE unless a codec returned a body with flags. */
function checkEncoded(encoded: Encoded): Encoded {
  const { body, flags } = Object(encoded) as Partial<Encoded>
  const isBody = typeof body === 'string' || body instanceof Uint8Array
  if (isBody && Number.isInteger(flags) && flags! >= 0 && flags! <= MAX_FLAGS) return encoded
  const wanted = `{ body, flags }: a text or bytes, and an integer from 0 to ${MAX_FLAGS}`
  throw new MintringError(
    'MINTRING_BAD_VALUE',
    `encode() of the view's codec must return ${wanted}`,
  )
}

const VIEW_OPTIONS: OptionNames = new Set(['keys', 'keyPrefix', 'codec'])
const MEMBERS = { keys: ['wireKey', 'routeKey'], codec: ['encode', 'decode'] } as const

function checkView(options: unknown): void {
  checkOptionNames('view', options, VIEW_OPTIONS)
  const given = Object(options) as Readonly<Record<string, unknown>>
  const { keyPrefix } = given
  const isPrefixed = keyPrefix !== undefined
  if (isPrefixed && given.keys !== undefined) {
    throw badArgument('view() takes keys or keyPrefix, not both')
  }
  if (isPrefixed && (typeof keyPrefix !== 'string' || keyPrefix === '')) {
    throw badArgument(
      `keyPrefix must be text such as 'user:', not ${keyPrefix === '' ? "''" : kindOf(keyPrefix)}`,
    )
  }
  for (const [name, methods] of Object.entries(MEMBERS)) {
    if (isPrefixed && given[name] === undefined) continue
    const member = Object(given[name]) as Readonly<Record<string, unknown>>
    if (methods.every((method) => typeof member[method] === 'function')) continue
    const instead = name === 'keys' ? ', or a keyPrefix' : ''
    throw badArgument(`view() needs ${name}: an object with ${methods.join('() and ')}()${instead}`)
  }
}
