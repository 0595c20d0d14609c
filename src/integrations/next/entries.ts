import type { MemcachedClient } from '../../client/client.ts'
import { isMintringError } from '../../errors.ts'
import { Generations } from '../generations.ts'
import { lifetimeOfSeconds } from '../lifetime.ts'
import { safeKey } from '../safe-key.ts'
import { type SeenTags, SeenVersions } from '../seen-versions.ts'
import { unpacked } from './pack.ts'

/** When a tag was last marked stale, and when its entries expire, in ms since the epoch. */
export interface TagTimes {
  readonly stale?: number
  readonly expired?: number
}

/** Options of a revalidation: `expire` is the seconds until the entries expire. */
export interface TagDurations {
  readonly expire?: number | undefined
}

/** The state of an entry, according to its tags; `ended` is expired. */
export type Standing = 'valid' | 'stale' | 'ended'

/** How many characters at the end of a tag version identify its last hard invalidation. */
const HARD_CHARACTERS = 8

/**
 * Reads and writes entries and tags for both kinds of handlers. An entry is valid while the
 * versions of its tags are unchanged. The times at which tags were marked decide what versions
 * cannot: how long a stale entry may be served, and which entries are valid while a host is down.
 */
export class NextEntries {
  private readonly client: MemcachedClient
  private readonly generations: Generations
  private readonly prefix: string
  private readonly seenVersions: SeenVersions

  constructor(client: MemcachedClient, prefix: string) {
    this.client = client
    this.generations = new Generations(client)
    this.prefix = prefix
    this.seenVersions = new SeenVersions(client)
  }

  /** Returns the value passed to packed(), or undefined for other bytes. */
  async read(name: string): Promise<unknown> {
    const bytes = await this.client.get(this.key('e', name))
    if (!(bytes instanceof Uint8Array)) return undefined
    try {
      return unpacked(bytes)
    } catch {
      return undefined
    }
  }

  /** Stores bytes for `seconds`; Infinity never expires. */
  async write(
    name: string,
    bytes: Buffer,
    about: { readonly tags: readonly string[]; readonly seconds: number },
  ): Promise<void> {
    // Stores never-marked tags too, so that a read can distinguish them from evicted tags.
    await Promise.all(about.tags.map((tag) => this.client.add(this.tagKey(tag), {})))
    const ttl = lifetimeOfSeconds(Math.max(1, about.seconds))
    await this.client.set(this.key('e', name), bytes, { ttl: ttl === 'over' ? 1 : ttl })
  }

  /** Returns the times of each tag; undefined if it was never stored or was evicted. */
  async tagTimes(tags: readonly string[]): Promise<Array<TagTimes | undefined>> {
    return Promise.all(tags.map((tag) => this.client.get<TagTimes>(this.tagKey(tag))))
  }

  /** Returns the current moment, which a render that starts now must later pass to seen(). */
  get moment(): number {
    return this.seenVersions.moment
  }

  /** Returns the tag versions for an entry whose rendering started at `moment`. */
  seen(tags: readonly string[], moment: number | undefined): Promise<SeenTags | undefined> {
    return this.seenVersions.since(this.tagNames(tags), moment)
  }

  /** Returns the state of an entry according to its own tags; `ended` if a tag was evicted. */
  async standing(
    tags: readonly string[],
    timestampMs: number,
    seen: SeenTags | undefined,
  ): Promise<Standing> {
    if (tags.length === 0) return 'valid'
    const [times, versions] = await Promise.all([
      this.tagTimes(tags),
      this.seenVersions.now(this.tagNames(tags)),
    ])
    if (times.includes(undefined)) return 'ended'
    const byTime = standingOf(times, timestampMs)
    if (versions === undefined) return byTime
    const others = versions.filter((version, i) => version !== seen?.versions?.[i])
    if (others.length === 0) return seen!.isProven ? 'valid' : byTime
    const isHard = versions.some((version, i) => hardOf(version) !== hardOf(seen?.versions?.[i]))
    const isOver = times.some((tag) => (tag?.expired ?? Number.POSITIVE_INFINITY) <= Date.now())
    return (isHard && seen !== undefined) || isOver || byTime === 'ended' ? 'ended' : 'stale'
  }

  /**
   * Returns whether an entry is valid, stale or ended by the tags that its reader names. Tags that
   * were never invalidated have no stored time, and are skipped.
   */
  async softStanding(tags: readonly string[], timestampMs: number): Promise<Standing> {
    return standingOf(await this.tagTimes(tags), timestampMs)
  }

  /**
   * Marks the entries of tags stale, and expired after `expire` seconds; at once without durations.
   */
  async mark(tags: readonly string[], durations: TagDurations | undefined): Promise<void> {
    const times = newTimes(durations, Date.now())
    const keys = tags.flatMap((tag) => [this.key('t', tag), this.key('a', tag)])
    await Promise.all(keys.map((key) => this.client.set(key, times)))
    const hard = durations === undefined
    // If a tag's host is down, the client deletes the tag there before the host serves reads again.
    await this.client.invalidateTags(this.tagNames(tags), { hard }).catch(unreachable)
  }

  /** Converts tags of Next.js, which can be any text, to valid tag names. */
  private tagNames(tags: readonly string[]): readonly string[] {
    return tags.map((tag) => this.key('v', tag))
  }

  /**
   * Returns the key of a tag's times: the tag's own key, or an "away" key while its host is down. A
   * write under the own key would go to a fallback host and be lost when the host returns.
   */
  private tagKey(tag: string): string {
    const home = this.key('t', tag)
    return this.generations.isUp(home) ? home : this.key('a', tag)
  }

  private key(kind: 'e' | 't' | 'a' | 'v', name: string): string {
    return safeKey(`${this.prefix}${kind}:${name}`, this.client.behaviors.keyPrefix)
  }
}

/** Errors of what Next.js passed: nothing else shows why an entry is not cached. */
const SHOWN: ReadonlySet<string> = new Set([
  'MINTRING_TOO_LARGE',
  'MINTRING_BAD_ARGUMENT',
  'MINTRING_BAD_TTL',
])

/**
 * Swallows errors of an unreachable cache, so that reads are misses. Rethrows errors of what
 * Next.js passed, and errors that are not the client's.
 */
export function unreachable(error: unknown): undefined {
  if (!isMintringError(error) || SHOWN.has(error.code)) throw error
}

function hardOf(version: string | undefined): string | undefined {
  return version?.slice(-HARD_CHARACTERS)
}

function newTimes(durations: TagDurations | undefined, nowMs: number): TagTimes {
  if (durations === undefined) return { expired: nowMs }
  const { expire } = durations
  if (expire === undefined || expire === Number.POSITIVE_INFINITY) return { stale: nowMs }
  return { stale: nowMs, expired: nowMs + expire * 1000 }
}

function standingOf(times: readonly (TagTimes | undefined)[], timestampMs: number): Standing {
  const nowMs = Date.now()
  const isEnded = ({ expired }: TagTimes): boolean =>
    expired !== undefined && expired > timestampMs && expired <= nowMs
  const known = times.filter((tag) => tag !== undefined)
  if (known.some(isEnded)) return 'ended'
  return known.some(({ stale }) => (stale ?? 0) > timestampMs) ? 'stale' : 'valid'
}
