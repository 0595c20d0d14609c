import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { refuseCallbacks } from '../../arguments.ts'
import {
  type Argument,
  argument,
  checkCalls,
  KEY,
  optionsOf,
  SECONDS,
  TAGS,
  unless,
} from '../adapter-arguments.ts'
import type { SeenTags } from '../seen-versions.ts'
import { type NextEntries, type Standing, type TagDurations, unreachable } from './entries.ts'
import { packed } from './pack.ts'

/** A page, a route or a fetch in the form that Next.js stores; other fields are opaque here. */
export interface NextCacheValue {
  /** The kind: `APP_PAGE`, `APP_ROUTE`, `PAGES`, `FETCH` or `REDIRECT`. */
  readonly kind: string
  /** The headers of a page or a route; `x-next-cache-tags` lists its tags. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined
  /** The tags of a fetch. */
  readonly tags?: readonly string[] | undefined
  /** How many seconds a fetch is fresh. */
  readonly revalidate?: number | false | undefined
}

/** The lifetimes of an entry, in seconds; `false` is for ever. */
export interface NextCacheControl {
  /** How long the entry is fresh. */
  readonly revalidate?: number | false | undefined
  /** How long the entry may be served at all. */
  readonly expire?: number | undefined
}

/** The options of a read. */
export interface NextGetContext {
  /** The kind: `APP_PAGE`, `APP_ROUTE`, `PAGES`, `FETCH` or `REDIRECT`. */
  readonly kind?: string
  /** The tags of a fetch. */
  readonly tags?: readonly string[] | undefined
  /** The tags of the path that fetches. */
  readonly softTags?: readonly string[] | undefined
  /** How long the caller considers the fetch fresh. */
  readonly revalidate?: number | false | undefined
}

/** The options of a write. */
export interface NextSetContext {
  /** Whether the entry is a fetch. */
  readonly fetchCache?: boolean | undefined
  /** The tags of a fetch. */
  readonly tags?: readonly string[] | undefined
  /** The lifetimes, from Next.js 15 on. */
  readonly cacheControl?: NextCacheControl | undefined
  /** How long the entry is fresh, in Next.js 14. */
  readonly revalidate?: number | false | undefined
}

/** A found entry. */
export interface NextIncrementalEntry {
  /** The value passed to set(); null marks a page that does not exist. */
  readonly value: NextCacheValue | null
  /** When the entry was rendered, in ms since the epoch. */
  readonly lastModified: number
  /** The lifetimes passed to set(). */
  readonly cacheControl?: NextCacheControl | undefined
}

/** The options of Next.js that a handler uses. */
export interface NextHandlerContext {
  /** The directory `.next/server`; the build id is in its parent. */
  readonly serverDistDir?: string | undefined
}

/** A handler for one request, as Next.js creates it. */
export interface NextIncrementalCacheHandler {
  /** Returns the entry, or null when it is missing or invalid. */
  get(key: string, context?: NextGetContext): Promise<NextIncrementalEntry | null>
  /** Stores an entry. Rejects with MINTRING_TOO_LARGE, which Next.js logs. */
  set(key: string, value: NextCacheValue | null, context?: NextSetContext): Promise<void>
  /** Marks the entries of tags stale; without durations, expired. */
  revalidateTag(
    tags: string | readonly string[],
    durations?: { readonly expire?: number | undefined },
  ): Promise<void>
  /** Does nothing: the handler has no cache per request. */
  resetRequestCache(): void
}

const TAGS_HEADER = 'x-next-cache-tags'
const FETCH = 'FETCH'
/** The lifetime Next.js gives to entries that never expire. */
const YEAR_SECONDS = 31_536_000

const builds = new Map<string, string>()

/** The stored form of an entry. */
interface StoredEntry extends NextIncrementalEntry {
  readonly seen?: SeenTags | undefined
}

/** Handles one request: Next.js creates one instance per request. */
export class IncrementalHandler implements NextIncrementalCacheHandler {
  readonly #entries: NextEntries
  readonly #build: string
  /**
   * When this request read each key. Next.js renders after a miss, so an entry that it then stores
   * has data from that time or later.
   */
  readonly #looks = new Map<string, { readonly ms: number; readonly moment: number }>()

  constructor(entries: NextEntries, { serverDistDir }: NextHandlerContext) {
    this.#entries = entries
    this.#build = buildOf(serverDistDir)
  }

  async get(key: string, context: NextGetContext = {}): Promise<NextIncrementalEntry | null> {
    this.#looks.set(key, { ms: Date.now(), moment: this.#entries.moment })
    const found = await this.#entries.read(this.#name(key, context.kind)).catch(unreachable)
    const entry = found as StoredEntry | undefined
    if (typeof entry?.lastModified !== 'number') return null
    const standing = await standingOf(this.#entries, entry, context).catch(unreachable)
    const { seen: _seen, ...own } = entry
    return served(own, standing ?? 'ended', context) ?? null
  }

  async set(key: string, value: NextCacheValue | null, context: NextSetContext = {}) {
    const { cacheControl = { revalidate: context.revalidate } } = context
    const look = this.#looks.get(key)
    const lastModified = look?.ms ?? Date.now()
    // A page has its tags in its headers; a fetch may have them only in the call.
    const tags = tagsOf(value, {})
    const seen = await this.#entries.seen(tags, look?.moment)
    const bytes = packed({ value, lastModified, cacheControl, seen })
    const about = { tags: tagsOf(value, context), seconds: secondsOf(value, cacheControl) }
    const name = this.#name(key, context.fetchCache === true ? FETCH : value?.kind)
    await this.#entries.write(name, bytes, about).catch(unreachable)
  }

  async revalidateTag(tags: string | readonly string[], durations?: TagDurations): Promise<void> {
    await this.#entries.mark([tags].flat(), durations)
  }

  resetRequestCache(): void {}

  /** Builds share fetches, but not pages: a page refers to files of its own build. */
  #name(key: string, kind: string | undefined): string {
    return kind === FETCH ? `fetch:${key}` : `${this.#build}:${key}`
  }
}

const VALUE: Argument = argument(
  'value',
  unless(
    (given) => given === null || typeof Object(given).kind === 'string',
    "null or an object with a kind such as 'APP_PAGE'",
  ),
)

/** The tags of a context, whose other fields Next.js may extend. */
const CONTEXT: Argument = (given, verb) => {
  const { tags = [], softTags = [] } = Object(given) as NextGetContext
  TAGS(tags, verb)
  TAGS(softTags, verb)
}

/** A tag, or an array of tags. */
const ONE_OR_MORE: Argument = (given, verb) => {
  if (typeof given !== 'string') TAGS(given, verb)
}

refuseCallbacks(
  checkCalls(IncrementalHandler.prototype, {
    get: [KEY, CONTEXT],
    set: [KEY, VALUE, CONTEXT],
    revalidateTag: [ONE_OR_MORE, optionsOf({ expire: SECONDS })],
  }),
)

/** Reads the build id, which Next.js writes beside the server's files. */
function buildOf(serverDistDir: string | undefined): string {
  if (serverDistDir === undefined) return ''
  const known = builds.get(serverDistDir)
  if (known !== undefined) return known
  try {
    const id = readFileSync(join(dirname(serverDistDir), 'BUILD_ID'), 'utf8').trim()
    builds.set(serverDistDir, id)
    return id
  } catch {
    // There is no build id under `next dev`.
    return ''
  }
}

async function standingOf(
  entries: NextEntries,
  { value, lastModified, seen }: StoredEntry,
  context: NextGetContext,
): Promise<Standing> {
  const own = await entries.standing(tagsOf(value, {}), lastModified, seen)
  if (own === 'ended') return own
  const asked = [...(context.tags ?? []), ...(context.softTags ?? [])]
  const soft = await entries.softStanding(asked, lastModified)
  return soft === 'valid' ? own : soft
}

/**
 * Returns an entry so that Next.js treats it by its state. Next.js judges by age alone, so a stale
 * entry gets an age just past `revalidate`; a stale entry without one becomes a miss.
 */
function served(
  entry: NextIncrementalEntry,
  standing: Standing,
  context: NextGetContext,
): NextIncrementalEntry | undefined {
  if (standing === 'valid') return entry
  const fresh = context.revalidate || entry.value?.revalidate || entry.cacheControl?.revalidate
  if (standing === 'ended' || typeof fresh !== 'number' || !Number.isFinite(fresh)) return undefined
  return { ...entry, lastModified: Math.min(entry.lastModified, Date.now() - fresh * 1000 - 1) }
}

function tagsOf(value: NextCacheValue | null, { tags = [] }: NextSetContext): readonly string[] {
  const header = value?.headers?.[TAGS_HEADER]
  const ofPage = typeof header === 'string' ? header.split(',') : []
  const own = Array.isArray(value?.tags) ? value.tags : []
  return [...new Set([...tags, ...own, ...ofPage])].filter((tag) => tag !== '')
}

/**
 * Returns for how many seconds to store an entry: until it expires, because it is served stale too.
 */
function secondsOf(value: NextCacheValue | null, { revalidate, expire }: NextCacheControl): number {
  const fresh = value?.revalidate || revalidate || 0
  return Math.max(expire ?? YEAR_SECONDS, fresh)
}
