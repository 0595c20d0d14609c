import { randomUUID } from 'node:crypto'
import type { MemcachedClient } from '../client/client.ts'
import { generationKey, safeKey } from './safe-key.ts'

/** What a value is stored as: the generations it was written under, and the value. */
interface Stamped {
  readonly generation: string
  readonly value: unknown
}

/**
 * A store that can be cleared by scope although memcached can list no keys: each scope has a
 * generation, a random word under a key of its own; a value remembers the generations of all its
 * scopes and counts only while they still hold. Clearing a scope is writing one new word.
 *
 * A read asks for the generations and the value in one turn. When memcached evicts a generation,
 * its values are lost, never brought back.
 */
export class ClearableStore {
  readonly #client: MemcachedClient
  readonly #scopesOf: (key: string) => readonly string[]

  /** `scopesOf` names the scopes a key belongs to, always in the same order. */
  constructor(client: MemcachedClient, scopesOf: (key: string) => readonly string[]) {
    this.#client = client
    this.#scopesOf = scopesOf
  }

  /** The value, or undefined. Rejects when a host that has a part of the answer gives none. */
  async get(key: string): Promise<unknown> {
    const asked = [this.#dataKey(key), ...this.#scopeKeys(key)]
    // Gets of one turn travel as one command per host, and unlike getMany() none may fail.
    const [stored, ...words] = await Promise.all(asked.map((each) => this.#client.get(each)))
    return unstamp(stored, words)
  }

  /** The values in the order asked, undefined for each that is absent. */
  async getMany(keys: readonly string[]): Promise<unknown[]> {
    const asked = keys.map((key) => ({ data: this.#dataKey(key), scopes: this.#scopeKeys(key) }))
    const wanted = asked.flatMap(({ data, scopes }) => [data, ...scopes])
    const found = await this.#client.getMany(new Set(wanted))
    return asked.map(({ data, scopes }) =>
      unstamp(
        found.get(data),
        scopes.map((scope) => found.get(scope)),
      ),
    )
  }

  /** Stores a value for `ttlSeconds`; until it is evicted without. */
  async set(key: string, value: unknown, ttlSeconds: number | undefined): Promise<boolean> {
    const words = await Promise.all(this.#scopeKeys(key).map((scope) => this.#currentWord(scope)))
    const stamped: Stamped = { generation: words.join(' '), value }
    const options = ttlSeconds === undefined ? {} : { ttl: ttlSeconds }
    return this.#client.set(this.#dataKey(key), stamped, options)
  }

  /** Whether there was a value to delete, one a read would have found. */
  async delete(key: string): Promise<boolean> {
    const present = (await this.get(key)) !== undefined
    const deleted = await this.#client.delete(this.#dataKey(key))
    return present && deleted
  }

  /** Forgets every value of a scope. */
  async clear(scope: string): Promise<void> {
    await this.#client.set(generationKey(scope, this.#prefix), randomUUID())
  }

  /** The scope's word; a scope without one gets a new one, agreed on by `add`. */
  async #currentWord(scopeKey: string): Promise<unknown> {
    const word = await this.#client.get(scopeKey)
    if (word !== undefined) return word
    const fresh = randomUUID()
    if (await this.#client.add(scopeKey, fresh)) return fresh
    // Somebody else was first. Should theirs be gone again, the value is stored and never found.
    return this.#client.get(scopeKey)
  }

  #dataKey(key: string): string {
    return safeKey(key, this.#prefix)
  }

  #scopeKeys(key: string): string[] {
    return this.#scopesOf(key).map((scope) => generationKey(scope, this.#prefix))
  }

  get #prefix(): string {
    return this.#client.behaviors.keyPrefix
  }
}

/** The value, if it was written under these generations. */
function unstamp(stored: unknown, words: readonly unknown[]): unknown {
  if (typeof stored !== 'object' || stored === null) return undefined
  const { generation, value } = stored as Partial<Stamped>
  const isCurrent = words.every((word) => typeof word === 'string')
  return isCurrent && generation === words.join(' ') ? value : undefined
}
