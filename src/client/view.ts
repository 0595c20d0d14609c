import { commandTrace } from '../channels.ts'
import { MintringError } from '../errors.ts'
import { META_SINCE } from '../protocol/meta-versions.ts'
import type { RefillEntry } from '../refill/entry.ts'
import type { Loader } from '../refill/loading.ts'
import type { RefillDefaults } from '../refill/policy.ts'
import type { RefillOptions } from '../refill/refill.ts'
import { Refill } from '../refill/refill.ts'
import type { RefillHooks } from '../refill/tally.ts'
import type { ClientCore } from './core.ts'
import type { KeyMapping } from './keys.ts'
import type { OperationOptions } from './options.ts'
import { ClusterStore } from './refill-store.ts'
import { traceEntry, traceKey } from './trace.ts'
import type { Codec } from './values/codec.ts'
import { remove } from './verbs/removal.ts'
import { get } from './verbs/retrieval.ts'

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

  constructor(core: ClientCore, { keys, codec }: ViewOptions, hooks: RefillHooks) {
    this._core = core.view(keys, codec)
    this._store = new ClusterStore(this._core)
    this._refill = new Refill(this._store, { hooks })
  }

  /** The most bytes an item may have, as the client's behaviors say. */
  get maxItemBytes(): number {
    return this._core.maxItemBytes
  }

  /** The value, or `undefined` when there is none. */
  async get<Value>(key: string, options?: OperationOptions): Promise<Value | undefined> {
    return get(this._core, key, options) as Promise<Value | undefined>
  }

  /** Deletes a key for good: what is being loaded for it is older. True when it was there. */
  async delete(key: string, policy?: RefillDefaults): Promise<boolean> {
    const wasMarked = await this._refill.invalidate(key, policy)
    const wasThere = await remove(this._core, key, undefined)
    return wasMarked || wasThere
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
    const run = (): Promise<Value> => this._refill.refresh(key, loader, policy)
    if (!commandTrace.hasSubscribers) return run()
    return traceKey(this._core, 'refresh', key, run, () => 'ok')
  }

  /** The servers are others now. */
  forgetDialect(): void {
    this._store.forgetDialect()
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
