import type { MemcachedClient } from '../../client/client.ts'
import { isMintringError } from '../../errors.ts'
import { Generations } from '../generations.ts'
import { lifetimeOfSeconds } from '../lifetime.ts'
import { safeKey } from '../safe-key.ts'
import { unpacked } from './pack.ts'

/** When a tag was last marked stale, and when its entries end, in ms since the epoch. */
export interface TagTimes {
  readonly stale?: number
  readonly expired?: number
}

/** What a revalidation says of the entries of its tags: `expire` is in seconds. */
export interface TagDurations {
  readonly expire?: number | undefined
}

/** What the tags of an entry make of it. */
export type Standing = 'valid' | 'stale' | 'ended'

/** What an entry carries of its tags: their versions, in the order of the tags. */
export interface SeenTags {
  readonly versions: readonly string[]
  /** They were read before the entry was rendered; else clocks judge what came meanwhile. */
  readonly isProven: boolean
}

/** A version of a tag, and the moment since which this process knows it. */
interface Known {
  readonly version: string
  readonly since: number
}

const MAX_KNOWN = 10_000
/** A version ends in that of the last hard invalidation. */
const HARD_CHARACTERS = 8

/**
 * Entries and tags as memcached holds them, for both kinds of handlers. The versions of its tags
 * tell whether an entry is of now. The times at which they were marked tell what clocks can: how
 * long a stale entry may be served, and what versions cannot tell because a host is out.
 */
export class NextEntries {
  private readonly client: MemcachedClient
  private readonly generations: Generations
  private readonly prefix: string
  private readonly known = new Map<string, Known>()
  private moments = 0

  constructor(client: MemcachedClient, prefix: string) {
    this.client = client
    this.generations = new Generations(client)
    this.prefix = prefix
  }

  /** What packed() made the bytes of; undefined for bytes that it did not make. */
  async read(name: string): Promise<unknown> {
    const bytes = await this.client.get(this.key('e', name))
    if (!(bytes instanceof Uint8Array)) return undefined
    try {
      return unpacked(bytes)
    } catch {
      return undefined
    }
  }

  /** Stores bytes for so many seconds; Infinity until they are evicted. */
  async write(
    name: string,
    bytes: Buffer,
    about: { readonly tags: readonly string[]; readonly seconds: number },
  ): Promise<void> {
    // A tag that was never marked is known too: a read can then tell it from one that was lost.
    await Promise.all(about.tags.map((tag) => this.client.add(this.tagKey(tag), {})))
    const ttl = lifetimeOfSeconds(Math.max(1, about.seconds))
    await this.client.set(this.key('e', name), bytes, { ttl: ttl === 'over' ? 1 : ttl })
  }

  /** What is known of each tag; undefined for one that was never written of, or was lost. */
  async tagTimes(tags: readonly string[]): Promise<Array<TagTimes | undefined>> {
    return Promise.all(tags.map((tag) => this.client.get<TagTimes>(this.tagKey(tag))))
  }

  /** Now, for seen(): what is rendered after that is newer than the versions known by then. */
  get moment(): number {
    return this.moments
  }

  /** The versions of tags for an entry that was rendered since a moment. */
  async seen(tags: readonly string[], moment: number | undefined): Promise<SeenTags | undefined> {
    const before = tags.map((tag) => this.known.get(tag))
    const versions = await this.versions(tags)
    const isProven = versions?.every((version, i) => {
      const known = before[i]
      return moment !== undefined && known?.version === version && known.since <= moment
    })
    return versions === undefined ? undefined : { versions, isProven: isProven === true }
  }

  /** What the tags it was stored with make of an entry: it has ended when one of them was lost. */
  async standing(
    tags: readonly string[],
    timestampMs: number,
    seen: SeenTags | undefined,
  ): Promise<Standing> {
    if (tags.length === 0) return 'valid'
    const [times, versions] = await Promise.all([this.tagTimes(tags), this.versions(tags)])
    if (times.includes(undefined)) return 'ended'
    const byTime = standingOf(times, timestampMs)
    if (versions === undefined) return byTime
    const others = versions.filter((version, i) => version !== seen?.versions?.[i])
    if (others.length === 0) return seen!.isProven ? 'valid' : byTime
    const isHard = versions.some((version, i) => hardOf(version) !== hardOf(seen?.versions?.[i]))
    const isOver = times.some((tag) => (tag?.expired ?? Number.POSITIVE_INFINITY) <= Date.now())
    return (isHard && seen !== undefined) || isOver || byTime === 'ended' ? 'ended' : 'stale'
  }

  /** The same for tags it was not stored with: one that was never marked says nothing. */
  async softStanding(tags: readonly string[], timestampMs: number): Promise<Standing> {
    return standingOf(await this.tagTimes(tags), timestampMs)
  }

  /** Marks the entries of tags stale, and ended after `expire` seconds; ended without durations. */
  async mark(tags: readonly string[], durations: TagDurations | undefined): Promise<void> {
    const times = newTimes(durations, Date.now())
    const keys = tags.flatMap((tag) => [this.key('t', tag), this.key('a', tag)])
    await Promise.all(keys.map((key) => this.client.set(key, times)))
    const hard = durations === undefined
    // A host that is out has its tags deleted before it is believed again.
    const names = tags.map((tag) => this.tagName(tag))
    await this.client.invalidateTags(names, { hard }).catch(unreachable)
  }

  /** Undefined when one of them cannot be read. */
  private async versions(tags: readonly string[]): Promise<readonly string[] | undefined> {
    const read = tags.map((tag) => this.client.tagVersions(this.tagName(tag)))
    const versions = await Promise.all(read).catch(unreachable)
    if (this.known.size > MAX_KNOWN) this.known.clear()
    const since = ++this.moments
    versions?.forEach((version, i) => {
      const tag = tags[i]!
      if (this.known.get(tag)?.version !== version) this.known.set(tag, { version, since })
    })
    return versions
  }

  /** Any text can be a tag of Next.js's. */
  private tagName(tag: string): string {
    return this.key('v', tag)
  }

  /**
   * Where a tag is read and made known: under another key where this process sees its host as out.
   * Written elsewhere under its own, it would be lost for all once the host is back.
   */
  private tagKey(tag: string): string {
    const home = this.key('t', tag)
    return this.generations.isUp(home) ? home : this.key('a', tag)
  }

  private key(kind: 'e' | 't' | 'a' | 'v', name: string): string {
    return safeKey(`${this.prefix}${kind}:${name}`, this.client.behaviors.keyPrefix)
  }
}

/**
 * A cache that cannot be reached is an empty one to Next.js. What is too large is told: nothing
 * else would ever say why it is not cached. Other errors are Next.js's own.
 */
export function unreachable(error: unknown): undefined {
  if (!isMintringError(error) || error.code === 'MINTRING_TOO_LARGE') throw error
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
