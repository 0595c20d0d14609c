import { types } from 'node:util'
import type { MemcachedClient } from '../client/client.ts'
import { MintringError } from '../errors.ts'
import { Generations } from './generations.ts'
import type { Lifetime } from './lifetime.ts'
import { safeKey } from './safe-key.ts'

/** The stored form of a value: its generations when it was written, and the value. */
interface Stamped {
  readonly generation: string
  readonly value?: unknown
  /** Replaces `value` when the value is bytes. */
  readonly base64?: string
}

/**
 * A store that can clear all values of a scope, although memcached cannot list keys. Each scope has
 * a generation, a random word. A value is stored with the generations of all its scopes and is
 * valid only while all of them are unchanged. To clear a scope, the store writes a new generation.
 *
 * A read fetches the generations and the value together. When memcached evicts a generation, the
 * values stored under it become misses and never come back.
 */
export class ClearableStore {
  private readonly client: MemcachedClient
  private readonly generations: Generations
  private readonly scopesOf: (key: string) => readonly string[]

  /** `scopesOf` returns the scopes of a key, always in the same order. */
  constructor(client: MemcachedClient, scopesOf: (key: string) => readonly string[]) {
    this.client = client
    this.generations = new Generations(client)
    this.scopesOf = scopesOf
  }

  /** Returns the value, or undefined. Rejects when the value or a generation could not be read. */
  async get(key: string): Promise<unknown> {
    const asked = [this.dataKey(key), ...this.scopeKeys(key)]
    // The client batches these gets per host. Unlike getMany(), get() rejects if a host failed.
    const [stored, ...words] = await Promise.all(asked.map((each) => this.client.get(each)))
    return unstamp(stored, words)
  }

  /** Returns the values in the order of the keys, undefined for each miss. */
  async getMany(keys: readonly string[]): Promise<unknown[]> {
    const asked = keys.map((key) => ({ data: this.dataKey(key), scopes: this.scopeKeys(key) }))
    const wanted = asked.flatMap(({ data, scopes }) => [data, ...scopes])
    const found = await this.client.getMany(new Set(wanted))
    return asked.map(({ data, scopes }) =>
      unstamp(
        found.get(data),
        scopes.map((scope) => found.get(scope)),
      ),
    )
  }

  /** Stores a value; deletes it when its lifetime is already over. */
  async set(key: string, value: unknown, lifetime: Lifetime): Promise<boolean> {
    if (lifetime === 'over') {
      await this.delete(key)
      return true
    }
    const content = contentOf(value)
    const scopes = this.scopesOf(key)
    const words = await Promise.all(scopes.map((scope) => this.generations.wordOf(scope)))
    const stamped: Stamped = { generation: words.join(' '), ...content }
    return this.client.set(this.dataKey(key), stamped, { ttl: lifetime })
  }

  /** Deletes a value; returns whether a read would have found it. */
  async delete(key: string): Promise<boolean> {
    const present = (await this.get(key)) !== undefined
    const deleted = await this.client.delete(this.dataKey(key))
    return present && deleted
  }

  /** Makes every value of a scope a miss. */
  async clear(scope: string): Promise<void> {
    await this.generations.renew(scope)
  }

  private dataKey(key: string): string {
    return safeKey(key, this.client.behaviors.keyPrefix)
  }

  private scopeKeys(key: string): string[] {
    return this.scopesOf(key).map((scope) => this.generations.keyOf(scope))
  }
}

/**
 * Encodes a value for JSON: bytes of any buffer or view become base64. The client rejects nested
 * values that JSON would lose; this function rejects the top-level ones.
 */
function contentOf(value: unknown): Pick<Stamped, 'value' | 'base64'> {
  const bytes = keyBytes(value)
  if (bytes !== undefined) return { base64: bytes.toString('base64') }
  if (value === undefined || typeof value === 'function' || typeof value === 'symbol') {
    const what = `A value of type ${typeof value} cannot be stored`
    throw new MintringError('MINTRING_BAD_VALUE', what)
  }
  return { value }
}

/** Returns the bytes of a buffer or view, of any realm; undefined for other values. */
export function keyBytes(value: unknown): Buffer | undefined {
  if (types.isUint8Array(value)) return Buffer.from(value.buffer, value.byteOffset, value.length)
  if (types.isAnyArrayBuffer(value)) return Buffer.from(new Uint8Array(value))
  return undefined
}

/** Returns the value if it was stored under these generations, else undefined. */
function unstamp(stored: unknown, words: readonly unknown[]): unknown {
  if (typeof stored !== 'object' || stored === null) return undefined
  const { generation, value, base64 } = stored as Partial<Stamped>
  const isCurrent = words.every((word) => typeof word === 'string')
  if (!isCurrent || generation !== words.join(' ')) return undefined
  return base64 === undefined ? value : Buffer.from(base64, 'base64')
}
