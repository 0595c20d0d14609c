import type { MemcachedClient } from '../client/client.ts'
import { performance, unixMs } from '../runtime.ts'
import { type SeenTags, SeenVersions } from './seen-versions.ts'

/** The stored form of a text with tags. */
export interface TaggedText {
  readonly text: string
  readonly tags: readonly string[]
  /** The tag versions before the text was loaded; null if unknown, which makes it stale. */
  readonly versions: readonly string[] | null
  /** When the library considers the text stale, in ms since the epoch. */
  readonly staleAtMs?: number | undefined
}

/** The misses of one key, after which callers load. The times are moments of SeenVersions. */
interface Looks {
  /** The moment of the first miss since the last store. */
  open: number | undefined
  /** The number of misses since the last store. */
  count: number
  /** The first miss before the last store, if another load may still run and store later. */
  last: number | undefined
  lastMs: number
}

const MAX_LOOKS = 10_000
/** How long after a store another load of the same key may still be running. */
const LOAD_MS = 30_000

/**
 * Stores texts with tags for libraries that get, load and set values themselves. A value is valid
 * only while its tags have the versions they had before the get that missed. A set without such a
 * get uses the current versions.
 */
export class TaggedTexts {
  private readonly seen: SeenVersions
  private readonly looks = new Map<string, Looks>()

  constructor(client: MemcachedClient) {
    this.seen = new SeenVersions(client)
  }

  /** Returns the text in its stored form, with its tags. */
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

  /**
   * Returns the stored text if its tags are unchanged; otherwise records that the caller will load.
   */
  async current(key: string, stored: unknown): Promise<string | undefined> {
    const isCurrent = !isTaggedText(stored) || (await this.hasVersionsOfNow(stored))
    const isFresh = isCurrent && stored !== undefined && !isPast(stored)
    if (!isFresh) this.note(key, this.seen.moment)
    if (!isCurrent) return undefined
    return isTaggedText(stored) ? stored.text : (stored as string | undefined)
  }

  /**
   * Returns the earliest moment at which the load of the text to store may have started; undefined
   * if there was no miss before.
   */
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
    // If two loads overlapped, nothing tells which of them stores now: assume the earlier one.
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

/** Whether a text is past its `staleAtMs`: the library then loads, whatever the tags say. */
function isPast(stored: unknown): boolean {
  return isTaggedText(stored) && (stored.staleAtMs ?? Number.POSITIVE_INFINITY) <= unixMs()
}
