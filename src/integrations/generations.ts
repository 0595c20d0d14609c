import { randomUUID } from 'node:crypto'
import type { MemcachedClient } from '../client/client.ts'
import { generationKey } from './safe-key.ts'

/**
 * The generations of scopes: a random word each, under a key of its own. What was stored under
 * another word does not count any more.
 *
 * A process that sees the word's host as out may be the only one to do so. It must not leave a
 * word on another host under the same key, since the client would then delete the true one when
 * the host returns, and with it everything that all others stored. So it agrees on another word,
 * under another key, with those who are in the same position.
 */
export class Generations {
  private readonly client: MemcachedClient

  constructor(client: MemcachedClient) {
    this.client = client
  }

  /** Where the word of a scope is to be read now. */
  keyOf(scope: string): string {
    const key = generationKey(scope, this.client.behaviors.keyPrefix)
    return this.isAtHome(key) ? key : this.awayKeyOf(scope)
  }

  /** The scope's word; a scope without one gets a new one, agreed on by `add`. */
  async wordOf(scope: string): Promise<unknown> {
    const key = this.keyOf(scope)
    const word = await this.client.get(key)
    if (word !== undefined) return word
    // Another host may have said so, since the key's own failed while it was asked.
    const safeKey = this.isUp(key) ? key : this.awayKeyOf(scope)
    const fresh = randomUUID()
    if (await this.client.add(safeKey, fresh)) return fresh
    // Another process was first. Should its word be gone again, the value is never found.
    return this.client.get(safeKey)
  }

  /** A new word for a scope: nothing that was stored before counts, wherever it is read. */
  async renew(scope: string): Promise<void> {
    const key = generationKey(scope, this.client.behaviors.keyPrefix)
    const word = randomUUID()
    const isAway = !this.isAtHome(key)
    // The client tells the host when it is back that its word is old.
    await this.client.set(key, word)
    if (isAway) await this.client.set(this.awayKeyOf(scope), word)
  }

  /** Whether a key's own host answers this process, and no other for it. */
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
