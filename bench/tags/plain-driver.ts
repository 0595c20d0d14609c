import type { MemcachedClient } from '../../src/client/client.ts'

/** A second level of bentocache that only stores texts: bentocache compares the tags itself. */
export class PlainDriver {
  readonly type = 'l2' as const
  readonly #client: MemcachedClient
  readonly #prefix: string

  constructor(client: MemcachedClient, prefix = '') {
    this.#client = client
    this.#prefix = prefix
  }

  namespace(name: string): PlainDriver {
    return new PlainDriver(this.#client, this.#full(name))
  }

  async get(key: string): Promise<string | undefined> {
    return this.#client.get<string>(this.#full(key))
  }

  async getMany(keys: readonly string[]): Promise<(string | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)))
  }

  async pull(key: string): Promise<string | undefined> {
    const value = await this.get(key)
    await this.delete(key)
    return value
  }

  async set(key: string, value: string, ttlMs?: number): Promise<boolean> {
    const ttl = ttlMs === undefined ? 0 : Math.ceil(ttlMs / 1000)
    return this.#client.set(this.#full(key), value, { ttl })
  }

  async delete(key: string): Promise<boolean> {
    return this.#client.delete(this.#full(key))
  }

  async deleteMany(keys: readonly string[]): Promise<boolean> {
    await Promise.all(keys.map((key) => this.delete(key)))
    return true
  }

  async clear(): Promise<void> {}

  async disconnect(): Promise<void> {}

  #full(key: string): string {
    return this.#prefix === '' ? key : `${this.#prefix}:${key}`
  }
}
