/**
 * `mintring/next`: a handler for Next.js's `use cache`.
 * @module next
 */

import type { MemcachedClient } from '../client/client.ts'
import { isMintringError } from '../errors.ts'
import { checkAdapter, PREFIX } from './adapter-arguments.ts'
import { Generations } from './generations.ts'
import { lifetimeOfSeconds } from './lifetime.ts'
import { safeKey } from './safe-key.ts'

/** What Next.js keeps of one `use cache` result; times in seconds, `timestamp` in ms. */
export interface NextCacheEntry {
  /** The rendered bytes, to be read once. */
  readonly value: ReadableStream<Uint8Array>
  /** The tags that invalidate it. */
  readonly tags: readonly string[]
  /** How long clients may use it without asking. */
  readonly stale: number
  /** When it was made. */
  readonly timestamp: number
  /** How long after that it may be served at all. */
  readonly expire: number
  /** How long after that it is fresh. */
  readonly revalidate: number
}

/** Next.js's `cacheHandlers` interface. */
export interface NextCacheHandler {
  /** The entry, or undefined when it is not there or no longer valid. */
  get(key: string, softTags?: readonly string[]): Promise<NextCacheEntry | undefined>
  /** Stores an entry once it is rendered. */
  set(key: string, pending: Promise<NextCacheEntry>): Promise<void>
  /** Nothing to do: tags are read with the entries. */
  refreshTags(): Promise<void>
  /** When the last of these tags ended its entries, in ms since the epoch; 0 for never. */
  getExpiration(tags: readonly string[]): Promise<number>
  /** Marks the entries of these tags stale, and ended after `expire` seconds. */
  updateTags(tags: readonly string[], durations?: { readonly expire?: number }): Promise<void>
}

/** When a tag was last marked stale, and when its entries end, in ms since the epoch. */
interface TagTimes {
  readonly stale?: number
  readonly expired?: number
}

/** Settings of the handler. */
export interface NextCacheOptions {
  /** Put before every key. Default `next:`. */
  readonly prefix?: string
}

const LINE_FEED = 0x0a

/**
 * A Next.js `use cache` handler on a mintring client, for next.config's `cacheHandlers`:
 * `export default nextCacheHandler(client)`. Every instance of the app shares entries and tags.
 * A read waits for a write of the same key that this process has begun. An entry is dropped when it
 * is past `revalidate`, as Next.js's own handler does, and when memcached lost what it knew of one
 * of its tags. Next.js shows an error where a read rejects, so a cache that cannot be reached is an
 * empty one: pages are rendered. `updateTags` rejects: what it should end may still be served.
 */
export function nextCacheHandler(
  client: MemcachedClient,
  options: NextCacheOptions = {},
): NextCacheHandler {
  checkAdapter('nextCacheHandler', client, options, { prefix: PREFIX })
  const entries = new NextEntries(client, options.prefix ?? 'next:')
  const pendingSets = new Map<string, Promise<void>>()
  return {
    async get(key) {
      await pendingSets.get(key)
      return entries.read(key).catch(unreachable)
    },

    async set(key, pending) {
      const work = pending.then((entry) => entries.write(key, entry)).catch(unreachable)
      const settled = work.then(ignore, ignore)
      pendingSets.set(key, settled)
      try {
        await work
      } finally {
        if (pendingSets.get(key) === settled) pendingSets.delete(key)
      }
    },

    /** Nothing to fetch ahead: tags are read from memcached with each entry. */
    async refreshTags() {},

    async getExpiration(tags) {
      const times = await entries.tagTimes(tags).catch(unreachable)
      // An unknown state counts as over: the page is rendered.
      if (times === undefined) return Date.now()
      return Math.max(0, ...times.map((tag) => tag?.expired ?? 0))
    },

    async updateTags(tags, durations) {
      const nowMs = Date.now()
      await Promise.all(tags.map((tag) => entries.mark(tag, newTimes(durations, nowMs))))
    },
  }
}

/** Nothing is there, as far as Next.js is concerned. Its own errors are its affair. */
function unreachable(error: unknown): undefined {
  if (!isMintringError(error)) throw error
}

/** Entries and tags as memcached holds them. */
class NextEntries {
  private readonly _client: MemcachedClient
  private readonly _generations: Generations
  private readonly _prefix: string

  constructor(client: MemcachedClient, prefix: string) {
    this._client = client
    this._generations = new Generations(client)
    this._prefix = prefix
  }

  async read(key: string): Promise<NextCacheEntry | undefined> {
    const bytes = await this._client.get<Uint8Array>(this._key('e', key))
    if (bytes === undefined) return undefined
    const entry = decodeEntry(bytes)
    const nowMs = Date.now()
    if (nowMs > entry.timestamp + entry.revalidate * 1000) return undefined
    const times = await this.tagTimes(entry.tags)
    if (times.some((tag) => tag === undefined || endedSince(tag, entry.timestamp, nowMs))) {
      return undefined
    }
    const isStale = times.some((tag) => (tag?.stale ?? 0) > entry.timestamp)
    // A revalidate in the past tells Next.js to serve this once and render anew behind it.
    return isStale ? { ...entry, revalidate: -1 } : entry
  }

  async write(key: string, entry: NextCacheEntry): Promise<void> {
    const bytes = await encodeEntry(entry)
    const tags = entry.tags.map((tag) => this._key('t', tag))
    // A tag's host that only this process sees as out must not lose the tag for all when it is
    // back, as it would if the tag were written elsewhere meanwhile. The page is rendered again.
    if (!tags.every((tag) => this._generations.isUp(tag))) return
    // A tag that was never marked is known too: a read can then tell it from one that was lost.
    await Promise.all(tags.map((tag) => this._client.add(tag, {})))
    const ttl = lifetimeOfSeconds(Math.max(1, entry.expire))
    await this._client.set(this._key('e', key), bytes, { ttl: ttl === 'over' ? 1 : ttl })
  }

  /** What is known of each tag; undefined for one never written, or lost. */
  async tagTimes(tags: readonly string[]): Promise<Array<TagTimes | undefined>> {
    return Promise.all(tags.map((tag) => this._client.get<TagTimes>(this._key('t', tag))))
  }

  async mark(tag: string, times: TagTimes): Promise<void> {
    await this._client.set(this._key('t', tag), times)
  }

  private _key(kind: 'e' | 't', name: string): string {
    return safeKey(`${this._prefix}${kind}:${name}`, this._client.behaviors.keyPrefix)
  }
}

function newTimes(durations: { readonly expire?: number } | undefined, nowMs: number): TagTimes {
  if (durations === undefined) return { expired: nowMs }
  if (durations.expire === undefined) return { stale: nowMs }
  return { stale: nowMs, expired: nowMs + durations.expire * 1000 }
}

function endedSince(tag: TagTimes, timestampMs: number, nowMs: number): boolean {
  return tag.expired !== undefined && tag.expired > timestampMs && tag.expired <= nowMs
}

/** One line of JSON, then the body as it is: bodies are bytes, and can be large. */
async function encodeEntry(entry: NextCacheEntry): Promise<Buffer> {
  const { value, ...head } = entry
  const chunks: Uint8Array[] = [Buffer.from(`${JSON.stringify(head)}\n`)]
  const reader = value.getReader()
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value)
  }
  return Buffer.concat(chunks)
}

function decodeEntry(bytes: Uint8Array): NextCacheEntry {
  const end = bytes.indexOf(LINE_FEED)
  const head = JSON.parse(Buffer.from(bytes.subarray(0, end)).toString('utf8'))
  const body = bytes.subarray(end + 1)
  const value = new ReadableStream<Uint8Array>({
    start(controller) {
      if (body.byteLength > 0) controller.enqueue(body)
      controller.close()
    },
  })
  return { ...(head as Omit<NextCacheEntry, 'value'>), value }
}

function ignore(): void {}
