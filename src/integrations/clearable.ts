import { types } from 'node:util'
import type { MemcachedClient } from '../client/client.ts'
import { MintringError } from '../errors.ts'
import { Generations } from './generations.ts'
import type { Lifetime } from './lifetime.ts'
import { safeKey } from './safe-key.ts'

/** What a value is stored as: the generations it was written under, and the value. */
interface Stamped {
  readonly generation: string
  readonly value?: unknown
  /** Instead of the value, for bytes. */
  readonly base64?: string
}

/**
 * A store that can be cleared by scope although memcached can list no keys: a value remembers the
 * generations of all its scopes and counts only while they still hold. Clearing a scope is writing
 * one new word.
 *
 * A read asks for the generations and the value in one turn. When memcached evicts a generation,
 * its values are lost, never brought back.
 */
export class ClearableStore {
  private readonly client: MemcachedClient
  private readonly generations: Generations
  private readonly scopesOf: (key: string) => readonly string[]

  /** `scopesOf` names the scopes a key belongs to, always in the same order. */
  constructor(client: MemcachedClient, scopesOf: (key: string) => readonly string[]) {
    this.client = client
    this.generations = new Generations(client)
    this.scopesOf = scopesOf
  }

  /** The value, or undefined. Rejects when a host that has a part of the answer gives none. */
  async get(key: string): Promise<unknown> {
    const asked = [this.dataKey(key), ...this.scopeKeys(key)]
    // Gets of one turn travel as one command per host, and unlike getMany() none may fail.
    const [stored, ...words] = await Promise.all(asked.map((each) => this.client.get(each)))
    return unstamp(stored, words)
  }

  /** The values in the order asked, undefined for each that is absent. */
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

  /** Stores a value; one whose lifetime is over is deleted. */
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

  /** Whether there was a value to delete, one a read would have found. */
  async delete(key: string): Promise<boolean> {
    const present = (await this.get(key)) !== undefined
    const deleted = await this.client.delete(this.dataKey(key))
    return present && deleted
  }

  /** Forgets every value of a scope. */
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
 * Bytes are stored as bytes, whatever object holds them. What JSON would lose otherwise the client
 * refuses, at any depth; a promise of bytes is refused here, because it needs no depth.
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

/** The bytes of a buffer or view, of this realm or another; undefined for what is none. */
export function keyBytes(value: unknown): Buffer | undefined {
  if (types.isUint8Array(value)) return Buffer.from(value.buffer, value.byteOffset, value.length)
  if (types.isAnyArrayBuffer(value)) return Buffer.from(new Uint8Array(value))
  return undefined
}

/** The value, if it was written under these generations. */
function unstamp(stored: unknown, words: readonly unknown[]): unknown {
  if (typeof stored !== 'object' || stored === null) return undefined
  const { generation, value, base64 } = stored as Partial<Stamped>
  const isCurrent = words.every((word) => typeof word === 'string')
  if (!isCurrent || generation !== words.join(' ')) return undefined
  return base64 === undefined ? value : Buffer.from(base64, 'base64')
}
