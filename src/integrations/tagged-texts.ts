import type { MemcachedClient } from '../client/client.ts'
import { performance, unixMs } from '../runtime.ts'
import { type SeenTags, SeenVersions } from './seen-versions.ts'

/** A text as it is stored with its tags. */
export interface TaggedText {
  readonly text: string
  readonly tags: readonly string[]
  /** As they were before the text was made; null where that is not known: it is stale. */
  readonly versions: readonly string[] | null
  /** When its host calls it stale, in ms since the epoch. */
  readonly staleAtMs?: number | undefined
}

/** The reads of a key that sent its callers to load, as moments of SeenVersions. */
interface Looks {
  /** The first one since the last store. */
  open: number | undefined
  /** How many there were since. */
  count: number
  /** That of the last store, if another load may have been under way beside it. */
  last: number | undefined
  lastMs: number
}

const MAX_LOOKS = 10_000
/** A second load of the same key may end so long after the first. */
const LOAD_MS = 30_000

/**
 * Texts with tags for hosts that get, load and set by themselves. A value counts only as long as
 * its tags have the versions that they had before the get which found none. A set without such a
 * get is of now.
 */
export class TaggedTexts {
  private readonly seen: SeenVersions
  private readonly looks = new Map<string, Looks>()

  constructor(client: MemcachedClient) {
    this.seen = new SeenVersions(client)
  }

  /** The text to store with its tags. */
  async tagged(
    key: string,
    text: string,
    tags: readonly string[],
    staleAtMs?: number,
  ): Promise<TaggedText> {
    const moment = this.beganAt(key)
    const seen = moment === undefined ? await this.ofNow(tags) : await this.seen.since(tags, moment)
    return { text, tags, versions: seen?.isProven === true ? seen.versions : null, staleAtMs }
  }

  /** What was stored, unless its tags have other versions now; notes that it will be loaded. */
  async current(key: string, stored: unknown): Promise<string | undefined> {
    const isCurrent = !isTaggedText(stored) || (await this.hasVersionsOfNow(stored))
    const isFresh = isCurrent && stored !== undefined && !isPast(stored)
    if (!isFresh) this.note(key, this.seen.moment)
    if (!isCurrent) return undefined
    return isTaggedText(stored) ? stored.text : (stored as string | undefined)
  }

  /** When the load of what is stored now began, at the earliest; undefined for no load. */
  private beganAt(key: string): number | undefined {
    const looks = this.looks.get(key)
    if (looks === undefined) return undefined
    const { open, count, last, lastMs } = looks
    const nowMs = performance.now()
    const recent = nowMs - lastMs < LOAD_MS ? last : undefined
    looks.last = count === 1 && recent === undefined ? undefined : (open ?? recent)
    looks.open = undefined
    looks.count = 0
    looks.lastMs = nowMs
    // Which of two loads it ends is not told.
    return open === undefined || recent === undefined ? (open ?? recent) : Math.min(open, recent)
  }

  private async hasVersionsOfNow({ tags, versions }: TaggedText): Promise<boolean> {
    const now = await this.seen.now(tags)
    return versions !== null && now?.every((version, i) => version === versions[i]) === true
  }

  private async ofNow(tags: readonly string[]): Promise<SeenTags | undefined> {
    const versions = await this.seen.now(tags)
    return versions && { versions, isProven: true }
  }

  private note(key: string, moment: number): void {
    const known = this.looks.get(key)
    if (known !== undefined) {
      known.open ??= moment
      known.count++
      return
    }
    const [oldest] = this.looks.keys()
    if (this.looks.size >= MAX_LOOKS) this.looks.delete(oldest!)
    this.looks.set(key, { open: moment, count: 1, last: undefined, lastMs: 0 })
  }
}

/** Whether an item was stored with tags. */
export function isTaggedText(stored: unknown): stored is TaggedText {
  const { text, tags } = Object(stored) as Partial<TaggedText>
  return typeof text === 'string' && Array.isArray(tags)
}

/** Its host will load although the tags are as they were. */
function isPast(stored: unknown): boolean {
  return isTaggedText(stored) && (stored.staleAtMs ?? Number.POSITIVE_INFINITY) <= unixMs()
}
