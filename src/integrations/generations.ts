import { randomUUID } from 'node:crypto'
import type { MemcachedClient } from '../client/client.ts'
import { generationKey } from './safe-key.ts'

/**
 * Reads and renews the generations of scopes: each is a random word under a key of its own. A value
 * stored under an older word is invalid.
 *
 * A process that has ejected the word's host may be the only one to have done so. Suppose it wrote
 * a word under the same key on a fallback host. Its client would then delete the key from the
 * returned host, which invalidates what all other processes stored. So it uses a word under a
 * second key ("away"), which it shares with other processes that have ejected the host.
 */
export class Generations {
  private readonly client: MemcachedClient

  constructor(client: MemcachedClient) {
    this.client = client
  }

  /** Returns the key under which this process now reads the generation of a scope. */
  keyOf(scope: string): string {
    const key = generationKey(scope, this.client.behaviors.keyPrefix)
    return this.isAtHome(key) ? key : this.awayKeyOf(scope)
  }

  /** Returns a scope's generation. If there is none, creates it with `add`: one process wins. */
  async wordOf(scope: string): Promise<unknown> {
    const key = this.keyOf(scope)
    const word = await this.client.get(key)
    if (word !== undefined) return word
    // If the key's host failed during the read, a fallback host may have returned this miss.
    const safeKey = this.isUp(key) ? key : this.awayKeyOf(scope)
    const fresh = randomUUID()
    if (await this.client.add(safeKey, fresh)) return fresh
    // Another process added its generation first: use that one. If it is gone too, reads miss.
    return this.client.get(safeKey)
  }

  /** Writes a new generation: everything stored in the scope before becomes invalid. */
  async renew(scope: string): Promise<void> {
    const key = generationKey(scope, this.client.behaviors.keyPrefix)
    const word = randomUUID()
    const isAway = !this.isAtHome(key)
    // If the host is down, the client deletes the old generation from it when it returns.
    await this.client.set(key, word)
    if (isAway) await this.client.set(this.awayKeyOf(scope), word)
  }

  /** Whether the key's own host is up, so that no fallback host replies for it. */
  isUp(key: string): boolean {
    const { server } = this.client.locate(key)
    return this.client.hosts().some(({ name, state }) => name === server && state === 'up')
  }

  private isAtHome(key: string): boolean {
    return !this.client.locate(key).ejected
  }

  private awayKeyOf(scope: string): string {
    return generationKey(`away:${scope}`, this.client.behaviors.keyPrefix)
  }
}
