/**
 * `mintring/next`: Next.js's `use cache`, and its cache of pages and fetches.
 * @module next
 */

import { refuseCallbacks } from '../arguments.ts'
import type { MemcachedClient } from '../client/client.ts'
import { checkAdapter, PREFIX } from './adapter-arguments.ts'
import { NextEntries, type SeenTags, unreachable } from './next/entries.ts'
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

export type {
  NextCacheControl,
  NextCacheValue,
  NextGetContext,
  NextHandlerContext,
  NextIncrementalCacheHandler,
  NextIncrementalEntry,
  NextSetContext,
}

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

/** Settings of the handler. */
export interface NextCacheOptions {
  /** Put before every key. Default `next:`. */
  readonly prefix?: string
}

const DEFAULT_PREFIX = 'next:'

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
  const entries = new NextEntries(client, options.prefix ?? DEFAULT_PREFIX)
  const pendingSets = new Map<string, Promise<void>>()
  return refuseCallbacks({
    async get(key) {
      await pendingSets.get(key)
      return readEntry(entries, key).catch(unreachable)
    },

    async set(key, pending) {
      // Next.js calls before it has rendered.
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

    /** Nothing to fetch ahead: tags are read from memcached with each entry. */
    async refreshTags() {},

    async getExpiration(tags) {
      const times = await entries.tagTimes(tags).catch(unreachable)
      // An unknown state counts as over: the page is rendered.
      if (times === undefined) return Date.now()
      return Math.max(0, ...times.map((tag) => tag?.expired ?? 0))
    },

    async updateTags(tags, durations) {
      await entries.mark(tags, durations)
    },
  })
}

/**
 * A class for next.config's `cacheHandler`, the singular one: pages of ISR, route handlers and
 * fetches. `export default nextIncrementalCache(client)`; set `cacheMaxMemorySize: 0`, or each
 * instance keeps pages of its own as well. Every instance of the app shares entries and tags, of
 * one build each. A cache that cannot be reached is an empty one; `revalidateTag` rejects then.
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
  // A revalidate in the past tells Next.js to serve this once and render anew behind it.
  return standing === 'stale' ? { ...entry, revalidate: -1 } : entry
}

async function writeEntry(
  entries: NextEntries,
  key: string,
  { value, ...head }: NextCacheEntry,
  moment: number,
): Promise<void> {
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
