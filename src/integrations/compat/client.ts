import type { BehaviorsInput } from '../../behaviors/behaviors.ts'
import { MemcachedClient } from '../../client/client.ts'
import type { KeyMapping } from '../../client/keys.ts'
import type { Outcomes } from '../../client/outcomes.ts'
import type { CloseOptions } from '../../client/settings.ts'
import type { RawReply } from '../../client/verbs/raw.ts'
import type { Entry } from '../../client/verbs/retrieval.ts'
import type { CasOutcome } from '../../client/verbs/storage.ts'
import type { ClientView } from '../../client/view.ts'
import type { MintringError } from '../../errors.ts'
import type { RingServer } from '../../ring/server.ts'
import { type NpmValue, storedForms } from './values.ts'

/**
 * A mintring client that stores keys and values as the npm package `memcached` does. Its callers
 * pass keys with their namespace, and values in their stored form.
 */
export class NpmClient {
  /** The client underneath. */
  readonly cache: MemcachedClient
  private readonly view: ClientView

  constructor(servers: readonly RingServer[], behaviors: BehaviorsInput, keys: KeyMapping) {
    this.cache = new MemcachedClient(servers, behaviors)
    this.view = this.cache.view({ keys, codec: storedForms })
  }

  close(options?: CloseOptions): Promise<void> {
    return this.cache.close(options)
  }

  /** Returns the last error of a server, if any. */
  lastErrorOf(server: string): MintringError | undefined {
    return this.cache.hosts().find(({ name }) => name === server)?.lastError
  }

  /** Returns the value, or undefined. */
  async read(key: string): Promise<unknown> {
    return this.view.get(key)
  }

  /** Returns the value with its CAS id. */
  async readEntry(key: string): Promise<Entry<unknown> | undefined> {
    return this.view.gets(key)
  }

  /** Returns the hits, and the keys whose reads failed. */
  async readMany(keys: readonly string[]): Promise<Outcomes<unknown>> {
    return this.view.getManyDetailed(keys)
  }

  /** Stores for `ttl` seconds; returns false for NOT_STORED. */
  async write(
    name: 'set' | 'add' | 'replace',
    key: string,
    value: NpmValue,
    ttl: number,
  ): Promise<boolean> {
    return this.view[name](key, value, { ttl })
  }

  /** Stores if the item's CAS id is still `id`. */
  async swap(key: string, value: NpmValue, id: bigint, ttl: number): Promise<CasOutcome> {
    return this.view.cas(key, value, id, { ttl })
  }

  /** Appends or prepends to an item; returns false for NOT_STORED. */
  async lengthen(name: 'append' | 'prepend', key: string, value: NpmValue): Promise<boolean> {
    return this.view[name](key, Buffer.from(value.text))
  }

  /** Changes a counter; returns the new number, or undefined when there is no counter. */
  async count(name: 'incr' | 'decr', key: string, by: bigint): Promise<bigint | undefined> {
    return this.view[name](key, by)
  }

  /** Deletes a key; returns whether it was stored. */
  async remove(key: string): Promise<boolean> {
    return this.view.delete(key)
  }

  /** Sets a new lifetime of `ttl` seconds; returns whether the key was stored. */
  async prolong(key: string, ttl: number): Promise<boolean> {
    return this.view.touch(key, ttl)
  }

  /** Sends a raw command to one server. */
  async send(server: string, line: string, body: Buffer | undefined): Promise<RawReply[]> {
    return this.cache.raw(server, line, ...(body === undefined ? [] : [body]))
  }
}
