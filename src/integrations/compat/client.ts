import type { BehaviorsInput } from '../../behaviors/behaviors.ts'
import type { CloseOptions } from '../../client/base.ts'
import { MemcachedClient } from '../../client/client.ts'
import type { ClientCore } from '../../client/core.ts'
import type { KeyMapping } from '../../client/keys.ts'
import type { Outcomes } from '../../client/outcomes.ts'
import { count } from '../../client/verbs/arithmetic.ts'
import { getManyDetailed } from '../../client/verbs/get-many.ts'
import { type RawReply, raw } from '../../client/verbs/raw.ts'
import { remove, touch } from '../../client/verbs/removal.ts'
import { type Entry, get, gets } from '../../client/verbs/retrieval.ts'
import { type CasOutcome, cas, extend, store } from '../../client/verbs/storage.ts'
import type { MintringError } from '../../errors.ts'
import type { RingServer } from '../../ring/server.ts'
import { type Stored, storedForms } from './values.ts'

/**
 * A mintring client, and beside its own verbs those that write keys and values as the npm package
 * `memcached` does: keys have their namespace already, values are in their stored form.
 */
export class NpmClient extends MemcachedClient {
  private readonly npm: ClientCore

  constructor(servers: readonly RingServer[], behaviors: BehaviorsInput, keys: KeyMapping) {
    super(servers, behaviors)
    this.npm = this.core.view(keys, storedForms)
  }

  /** Whether `close` was called. */
  isClosed = false

  override close(options?: CloseOptions): Promise<void> {
    this.isClosed = true
    return super.close(options)
  }

  /** Why a server failed last. */
  lastErrorOf(server: string): MintringError | undefined {
    return this.core.cluster.hosts.find(({ name }) => name === server)?.lastError
  }

  /** The value, or undefined. */
  async read(key: string): Promise<unknown> {
    return get(this.npm, key, undefined)
  }

  /** The value with its CAS id. */
  async readEntry(key: string): Promise<Entry<unknown> | undefined> {
    return gets(this.npm, key, undefined) as Promise<Entry<unknown> | undefined>
  }

  /** The hits, and the keys that could not be asked. */
  async readMany(keys: readonly string[]): Promise<Outcomes<unknown>> {
    return getManyDetailed(this.npm, keys, undefined)
  }

  /** Stores for `ttl` seconds; false for NOT_STORED. */
  async write(
    name: 'set' | 'add' | 'replace',
    key: string,
    value: Stored,
    ttl: number,
  ): Promise<boolean> {
    return store(this.npm, name, key, value, { ttl })
  }

  /** Stores if nobody did since `id` was told. */
  async swap(key: string, value: Stored, id: bigint, ttl: number): Promise<CasOutcome> {
    return cas(this.npm, key, value, id, { ttl })
  }

  /** Writes before or behind what is there; false for NOT_STORED. */
  async lengthen(name: 'append' | 'prepend', key: string, value: Stored): Promise<boolean> {
    return extend(this.npm, name, key, Buffer.from(value.text), undefined)
  }

  /** The new number, or undefined where there is no counter. */
  async count(name: 'incr' | 'decr', key: string, by: bigint): Promise<bigint | undefined> {
    return count(this.npm, name, key, by, undefined)
  }

  /** Whether it was there. */
  async remove(key: string): Promise<boolean> {
    return remove(this.npm, key, undefined)
  }

  /** Whether it is there; it lives for `ttl` seconds from now on. */
  async prolong(key: string, ttl: number): Promise<boolean> {
    return touch(this.npm, key, ttl, undefined)
  }

  /** Sends a command as it is written to one server. */
  async send(server: string, line: string, body: Buffer | undefined): Promise<RawReply[]> {
    return raw(this.npm, server, body === undefined ? [line] : [line, body])
  }
}
