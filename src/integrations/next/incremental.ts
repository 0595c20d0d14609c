import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { refuseCallbacks } from '../../arguments.ts'
import {
  type NextEntries,
  type SeenTags,
  type Standing,
  type TagDurations,
  unreachable,
} from './entries.ts'
import { packed } from './pack.ts'

/** What Next.js keeps of a page, a route or a fetch. Its form is Next.js's own business. */
export interface NextCacheValue {
  /** `APP_PAGE`, `APP_ROUTE`, `PAGES`, `FETCH` or `REDIRECT`. */
  readonly kind: string
  /** The headers of a page or a route: its tags are in `x-next-cache-tags`. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined
  /** The tags of a fetch. */
  readonly tags?: readonly string[] | undefined
  /** Seconds for which a fetch is fresh. */
  readonly revalidate?: number | false | undefined
}

/** How long Next.js wants something kept, in seconds; `false` is for ever. */
export interface NextCacheControl {
  /** How long it is fresh. */
  readonly revalidate?: number | false | undefined
  /** How long it may be served at all. */
  readonly expire?: number | undefined
}

/** What Next.js says when it asks for an entry. */
export interface NextGetContext {
  /** As in values. */
  readonly kind?: string
  /** The tags of a fetch. */
  readonly tags?: readonly string[] | undefined
  /** The tags of the path that fetches. */
  readonly softTags?: readonly string[] | undefined
  /** How long a fetch is fresh for who asks. */
  readonly revalidate?: number | false | undefined
}

/** What Next.js says when it stores an entry. */
export interface NextSetContext {
  /** Whether it is a fetch. */
  readonly fetchCache?: boolean | undefined
  /** The tags of a fetch. */
  readonly tags?: readonly string[] | undefined
  /** Next.js 15 and later. */
  readonly cacheControl?: NextCacheControl | undefined
  /** Next.js 14. */
  readonly revalidate?: number | false | undefined
}

/** What Next.js gets. */
export interface NextIncrementalEntry {
  /** As it was given; null is kept for pages that are not found. */
  readonly value: NextCacheValue | null
  /** When it was made, in ms since the epoch. */
  readonly lastModified: number
  /** As it was given. */
  readonly cacheControl?: NextCacheControl | undefined
}

/** The part of Next.js's options that a handler uses. */
export interface NextHandlerContext {
  /** `.next/server`, beside which the id of the build is. */
  readonly serverDistDir?: string | undefined
}

/** A handler for one request, as Next.js makes it. */
export interface NextIncrementalCacheHandler {
  /** The entry, or null when it is not there or no longer valid. */
  get(key: string, context?: NextGetContext): Promise<NextIncrementalEntry | null>
  /** Stores an entry. Rejects with MINTRING_TOO_LARGE, which Next.js tells in its log. */
  set(key: string, value: NextCacheValue | null, context?: NextSetContext): Promise<void>
  /** Marks the entries of tags stale, or ended when no durations are given. */
  revalidateTag(
    tags: string | readonly string[],
    durations?: { readonly expire?: number | undefined },
  ): Promise<void>
  /** Nothing to do: nothing is kept for a request. */
  resetRequestCache(): void
}

const TAGS_HEADER = 'x-next-cache-tags'
const FETCH = 'FETCH'
/** As long as Next.js keeps what never expires. */
const YEAR_SECONDS = 31_536_000

const builds = new Map<string, string>()

/** What is stored. */
interface StoredEntry extends NextIncrementalEntry {
  readonly seen?: SeenTags | undefined
}

/** A handler for one request: Next.js makes one each. */
export class IncrementalHandler implements NextIncrementalCacheHandler {
  readonly #entries: NextEntries
  readonly #build: string
  /** What is rendered after a look is of data from then. */
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
    // Those of a page are in its headers; those of a fetch may be in the call alone.
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

  /** A fetch is the same for all builds; a page names files of its own build. */
  #name(key: string, kind: string | undefined): string {
    return kind === FETCH ? `fetch:${key}` : `${this.#build}:${key}`
  }
}

refuseCallbacks(IncrementalHandler.prototype)

/** The id of the build that runs, as Next.js writes it beside the server's files. */
function buildOf(serverDistDir: string | undefined): string {
  if (serverDistDir === undefined) return ''
  const known = builds.get(serverDistDir)
  if (known !== undefined) return known
  try {
    const id = readFileSync(join(dirname(serverDistDir), 'BUILD_ID'), 'utf8').trim()
    builds.set(serverDistDir, id)
    return id
  } catch {
    // `next dev` has none.
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
 * An entry as Next.js understands its standing: it knows age alone, so a stale entry is shown as
 * old as it may become; one that never becomes old is rendered anew at once.
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

/** Stale entries are served until they expire. */
function secondsOf(value: NextCacheValue | null, { revalidate, expire }: NextCacheControl): number {
  const fresh = value?.revalidate || revalidate || 0
  return Math.max(expire ?? YEAR_SECONDS, fresh)
}
