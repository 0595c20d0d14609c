/**
 * `mintring/next`: handlers for Next.js's `use cache`, and for its cache of pages and fetches.
 * @module next
 */

import { badArgument, refuseCallbacks } from '../arguments.ts'
import type { MemcachedClient } from '../client/client.ts'
import {
  type Argument,
  argument,
  checkAdapter,
  checkCalls,
  isTags,
  KEY,
  optional,
  optionsOf,
  PREFIX,
  SECONDS,
  TAGS,
  unless,
} from './adapter-arguments.ts'
import { NextEntries, unreachable } from './next/entries.ts'
import {
  IncrementalHandler,
  type NextCacheControl,
  type NextCacheValue,
  type NextGetContext,
  type NextHandlerContext,
  type NextIncrementalCacheHandler,
  type NextIncrementalEntry,
  type NextSetContext,
} from './next/incremental.ts'
import { packed } from './next/pack.ts'
import type { SeenTags } from './seen-versions.ts'

export type {
  NextCacheControl,
  NextCacheValue,
  NextGetContext,
  NextHandlerContext,
  NextIncrementalCacheHandler,
  NextIncrementalEntry,
  NextSetContext,
}

/** A `use cache` result of Next.js; times are in seconds, `timestamp` in ms. */
export interface NextCacheEntry {
  /** The rendered bytes; the stream can be read once. */
  readonly value: ReadableStream<Uint8Array>
  /** The tags that invalidate the entry. */
  readonly tags: readonly string[]
  /** How long browsers may reuse the entry without a request. */
  readonly stale: number
  /** When the entry was rendered. */
  readonly timestamp: number
  /** How long after `timestamp` the entry may be served at all. */
  readonly expire: number
  /** How long after `timestamp` the entry is fresh. */
  readonly revalidate: number
}

/** Next.js's `cacheHandlers` interface. */
export interface NextCacheHandler {
  /** Returns the entry, or undefined when it is missing or invalid. */
  get(key: string, softTags?: readonly string[]): Promise<NextCacheEntry | undefined>
  /** Stores an entry once it is rendered. */
  set(key: string, pending: Promise<NextCacheEntry>): Promise<void>
  /** Does nothing: tags are read together with the entries. */
  refreshTags(): Promise<void>
  /** Returns when the last of these tags was expired, in ms since the epoch; 0 for never. */
  getExpiration(tags: readonly string[]): Promise<number>
  /** Marks the entries of these tags stale, and expired after `expire` seconds. */
  updateTags(tags: readonly string[], durations?: { readonly expire?: number }): Promise<void>
}

/** Options of the handlers. */
export interface NextCacheOptions {
  /** The prefix of every key. Default `next:`. */
  readonly prefix?: string
}

const DEFAULT_PREFIX = 'next:'

/**
 * Returns a Next.js `use cache` handler on a mintring client, for next.config's `cacheHandlers`:
 * `export default nextCacheHandler(client)`. All instances of the app share entries and tags. A
 * read waits while this process writes the same key.
 *
 * Reads drop an entry past `revalidate`, as Next.js's own handler does, and an entry with a tag
 * that memcached evicted. When memcached is unreachable, reads are misses, because Next.js shows an
 * error page if a read rejects. `updateTags` rejects instead: memcached may still serve the
 * outdated entries.
 */
export function nextCacheHandler(
  client: MemcachedClient,
  options: NextCacheOptions = {},
): NextCacheHandler {
  checkAdapter('nextCacheHandler', client, options, { prefix: PREFIX })
  const entries = new NextEntries(client, options.prefix ?? DEFAULT_PREFIX)
  const pendingSets = new Map<string, Promise<void>>()
  const handler: NextCacheHandler = {
    async get(key) {
      await pendingSets.get(key)
      return readEntry(entries, key).catch(unreachable)
    },

    async set(key, pending) {
      // Next.js calls set() before it has rendered the entry.
      const { moment } = entries
      const write = (entry: NextCacheEntry) => writeEntry(entries, key, entry, moment)
      const work = pending.then(write).catch(unreachable)
      const settled = work.then(ignore, ignore)
      pendingSets.set(key, settled)
      try {
        await work
      } finally {
        if (pendingSets.get(key) === settled) pendingSets.delete(key)
      }
    },

    /** Does nothing: each read fetches its tags from memcached. */
    async refreshTags() {},

    async getExpiration(tags) {
      const times = await entries.tagTimes(tags).catch(unreachable)
      // Tags that cannot be read count as expired, so Next.js renders the page.
      if (times === undefined) return Date.now()
      return Math.max(0, ...times.map((tag) => tag?.expired ?? 0))
    },

    async updateTags(tags, durations) {
      await entries.mark(tags, durations)
    },
  }
  return refuseCallbacks(
    checkCalls(handler, {
      get: [KEY, optional(TAGS)],
      set: [KEY, PENDING],
      getExpiration: [TAGS],
      updateTags: [TAGS, optionsOf({ expire: SECONDS })],
    }),
  )
}

const PENDING: Argument = argument(
  'entry',
  unless((given) => typeof Object(given).then === 'function', 'a promise of an entry'),
)

/** Throws MINTRING_BAD_ARGUMENT unless a rendered value is an entry. */
function checkEntry(entry: NextCacheEntry): void {
  const { value, tags, timestamp, expire, revalidate } = Object(entry) as NextCacheEntry
  // Next.js writes a negative `expire` for an entry that must not be served.
  const areNumbers = [timestamp, expire, revalidate].every((one) => Number(one) === one)
  if (typeof value?.getReader === 'function' && areNumbers && isTags(tags)) return
  throw badArgument(
    'An entry must have a stream as value, an array of tags, and the numbers timestamp, expire ' +
      'and revalidate',
  )
}

/**
 * Returns a class for next.config's `cacheHandler` (singular): ISR pages, route handlers and
 * fetches. `export default nextIncrementalCache(client)`; set `cacheMaxMemorySize: 0`, or each
 * instance also keeps pages in its own memory. All instances of the app share tags, and entries of
 * the same build. When memcached is unreachable, reads are misses and `revalidateTag` rejects.
 */
export function nextIncrementalCache(
  client: MemcachedClient,
  options: NextCacheOptions = {},
): new (
  context?: NextHandlerContext,
) => NextIncrementalCacheHandler {
  checkAdapter('nextIncrementalCache', client, options, { prefix: PREFIX })
  const entries = new NextEntries(client, options.prefix ?? DEFAULT_PREFIX)
  return class extends IncrementalHandler {
    constructor(context: NextHandlerContext = {}) {
      super(entries, context)
    }
  }
}

async function readEntry(entries: NextEntries, key: string): Promise<NextCacheEntry | undefined> {
  const found = await entries.read(key)
  if (!Array.isArray(found)) return undefined
  const [head, body, seen] = found as [Omit<NextCacheEntry, 'value'>, Buffer, SeenTags | undefined]
  if (Date.now() > head.timestamp + head.revalidate * 1000) return undefined
  const standing = await entries.standing(head.tags, head.timestamp, seen)
  if (standing === 'ended') return undefined
  const entry = { ...head, value: streamOf(body) }
  // A `revalidate` in the past makes Next.js serve this entry once and render in the background.
  return standing === 'stale' ? { ...entry, revalidate: -1 } : entry
}

async function writeEntry(
  entries: NextEntries,
  key: string,
  entry: NextCacheEntry,
  moment: number,
): Promise<void> {
  checkEntry(entry)
  const { value, ...head } = entry
  const chunks: Uint8Array[] = []
  const reader = value.getReader()
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value)
  }
  const seen = await entries.seen(head.tags, moment)
  const bytes = packed([head, Buffer.concat(chunks), seen])
  await entries.write(key, bytes, { tags: head.tags, seconds: head.expire })
}

function streamOf(body: Buffer): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start(controller) {
      if (body.byteLength > 0) controller.enqueue(body)
      controller.close()
    },
  })
}

function ignore(): void {}
