/**
 * `mintring/bentocache`: a second level for bentocache.
 * @module bentocache
 */

import { refuseCallbacks } from '../arguments.ts'
import type { MemcachedClient } from '../client/client.ts'
import {
  anything,
  argument,
  checkAdapter,
  checkCalls,
  checkValues,
  isTags,
  KEY,
  KEYS,
  PREFIX,
} from './adapter-arguments.ts'
import { ClearableStore } from './clearable.ts'
import { lifetimeOfMs } from './lifetime.ts'
import { safeKey } from './safe-key.ts'
import { isTaggedText, TaggedTexts } from './tagged-texts.ts'

/** The prefix of the keys under which bentocache stores the time of a tag's invalidation. */
const TAG_KEY = '___bc:t:'

/** The relevant part of a stored entry, as bentocache's own serializer writes it. */
interface BentoEntry {
  readonly tags?: unknown
  readonly logicalExpiration?: unknown
}

/** Options of the bentocache driver. */
export interface BentocacheDriverOptions {
  /** The client to store with. The driver never closes it. */
  readonly client: MemcachedClient
  /** The prefix of every key; bentocache passes its own. Default: none. */
  readonly prefix?: string
}

/**
 * bentocache's second-level driver, as the factory of `bentocacheDriver` makes it. TTLs are in
 * milliseconds and are rounded up to whole seconds. Failures reject with the client's
 * MintringError. An entry with tags is stored with their versions (docs/tags.md), and returned as
 * expired when they differ.
 */
export class MintringDriver {
  /** The type by which bentocache distinguishes its layers. */
  readonly type = 'l2' as const
  private readonly client: MemcachedClient
  private readonly prefix: string
  private readonly store: ClearableStore
  private readonly texts: TaggedTexts

  constructor(options: BentocacheDriverOptions) {
    // No check of option names: bentocache adds options of its own, such as its logger.
    checkAdapter('MintringDriver', options?.client, undefined)
    checkValues('MintringDriver', { prefix: options.prefix }, { prefix: PREFIX })
    this.client = options.client
    this.prefix = (options.prefix ?? '').replace(/:+$/, '')
    this.store = new ClearableStore(options.client, colonScopes)
    this.texts = new TaggedTexts(options.client)
  }

  /** Returns a driver for one namespace. Clearing the namespace or any parent deletes its keys. */
  namespace(name: string): MintringDriver {
    NAMESPACE(name, 'namespace')
    return new MintringDriver({ client: this.client, prefix: this.full(name) })
  }

  /** Returns the stored text, or undefined. */
  async get(key: string): Promise<string | undefined> {
    const full = this.full(key)
    return this.textOf(full, await this.store.get(full))
  }

  /** Returns the stored texts in the order of the keys, undefined for misses. */
  async getMany(keys: readonly string[]): Promise<Array<string | undefined>> {
    const full = keys.map((key) => this.full(key))
    const found = await this.store.getMany(full)
    return Promise.all(found.map((stored, i) => this.textOf(full[i]!, stored)))
  }

  /** Reads a value and deletes it. */
  async pull(key: string): Promise<string | undefined> {
    const value = await this.get(key)
    if (value !== undefined) await this.delete(key)
    return value
  }

  /** Stores a text for `ttlMs` milliseconds; without `ttlMs` it does not expire. */
  async set(key: string, value: string, ttlMs?: number): Promise<boolean> {
    const lifetime = lifetimeOfMs(ttlMs)
    if (key.startsWith(TAG_KEY)) {
      await this.client.invalidateTags(this.tagName(key.slice(TAG_KEY.length)))
    }
    const full = this.full(key)
    const { tags, logicalExpiration } = entryIn(value)
    const names = isTags(tags) ? tags.map((tag) => this.tagName(tag)) : []
    const staleAtMs = typeof logicalExpiration === 'number' ? logicalExpiration : undefined
    const stored =
      names.length === 0 ? value : await this.texts.tagged(full, value, names, staleAtMs)
    return this.store.set(full, stored, lifetime)
  }

  /** Deletes a key; returns whether it was stored. */
  async delete(key: string): Promise<boolean> {
    return this.store.delete(this.full(key))
  }

  /** Deletes several keys; always returns true. */
  async deleteMany(keys: readonly string[]): Promise<boolean> {
    await Promise.all(keys.map((key) => this.delete(key)))
    return true
  }

  /** Deletes every key of this namespace with one write. */
  async clear(): Promise<void> {
    await this.store.clear(this.prefix)
  }

  /** Does nothing: the code that created the client closes it. */
  async disconnect(): Promise<void> {}

  private async textOf(full: string, stored: unknown): Promise<string | undefined> {
    const text = await this.texts.current(full, stored)
    return text === undefined && isTaggedText(stored) ? expired(stored.text) : text
  }

  /** Converts a tag of bentocache, which can be any text, to a valid tag name. */
  private tagName(tag: string): string {
    return safeKey(this.full(TAG_KEY + tag), this.client.behaviors.keyPrefix)
  }

  private full(key: string): string {
    return this.prefix === '' ? key : `${this.prefix}:${key}`
  }
}

const NAMESPACE = argument('name', PREFIX)

refuseCallbacks(
  checkCalls(MintringDriver.prototype, {
    get: [KEY],
    getMany: [KEYS],
    pull: [KEY],
    set: [KEY],
    delete: [KEY],
    deleteMany: [KEYS],
  }),
)

/**
 * Makes mintring bentocache's second level:
 * `bentostore().useL2Layer(bentocacheDriver({ client }))`. Failures reject; bentocache's own grace
 * period then handles them.
 */
export function bentocacheDriver(options: BentocacheDriverOptions): {
  /** The options bentocache passes to the factory, with a prefix of its own. */
  options: BentocacheDriverOptions
  /** Creates a driver. */
  factory: (config: BentocacheDriverOptions) => MintringDriver
} {
  checkAdapter('bentocacheDriver', options?.client, options, { client: anything, prefix: PREFIX })
  return { options, factory: (config) => new MintringDriver(config) }
}

/**
 * Scopes of a key: `a:b:key` belongs to the root, `a` and `a:b`, and bentocache clears any of them.
 */
function colonScopes(key: string): string[] {
  const scopes = ['']
  for (let colon = key.indexOf(':'); colon >= 0; colon = key.indexOf(':', colon + 1)) {
    scopes.push(key.slice(0, colon))
  }
  return scopes
}

/**
 * Parses an entry. Other serializers may write anything; such an entry counts as one without tags.
 */
function entryIn(text: string): BentoEntry {
  // Most entries have no tags, so skip parsing them.
  if (typeof text !== 'string' || !text.includes('"tags"')) return {}
  try {
    return Object(JSON.parse(text)) as BentoEntry
  } catch {
    return {}
  }
}

/** Returns the entry as expired: bentocache then loads, and serves it during its grace period. */
function expired(text: string): string {
  return JSON.stringify({ ...entryIn(text), logicalExpiration: 0 })
}
