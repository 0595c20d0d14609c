import type { Clock } from '../clock.ts'
import { MintringError } from '../errors.ts'
import { allDone } from '../gate.ts'
import { Recent } from '../recent.ts'
import {
  Look,
  type TagHandle,
  type TagReader,
  type TagSet,
  TagSight,
  type TagVersion,
} from './look.ts'
import { NO_TAGS, tagText } from './names.ts'

/** How long a set of tags, or a tag's version, is at least remembered after its last use. */
const MEMORY_MS = 60_000
const MAX_REMEMBERED = 10_000
/**
 * How many times to create a tag that is evicted before it is read; afterwards its values are
 * stale.
 */
const MAX_CREATIONS = 2

/**
 * A change of a tag:
 * - `create`: sets a random version if there is none.
 * - `soft`: sets another version.
 * - `hard`: the same, and older values are no longer served stale either.
 */
export type TagChange = 'create' | 'soft' | 'hard'

/** The servers of tags. Each tag is on its own host, without a fallback: another is not the tag. */
export interface TagSource {
  readTag(name: string, reader: TagReader): TagHandle

  /**
   * Changes a tag. Each attempt draws new random numbers, so that a late attempt cannot restore an
   * earlier version. Rejects when the tag may not have changed; it is then deleted on its host
   * before it is used again.
   */
  changeTag(name: string, change: TagChange): Promise<void>
}

/** A version of a tag, and the moment at which this process first read it. */
interface Known extends TagVersion {
  readonly since: number
}

/**
 * Reads, creates and invalidates tags: each tag at most once per tick, however many keys use it.
 */
export class TagDesk {
  readonly #source: TagSource
  readonly #sets: Recent<TagSet>
  readonly #asked = new Map<string, TagSight>()
  readonly #known: Recent<Known>
  /** Pending creations, by name. */
  readonly #creating = new Map<string, Promise<void>>()
  /** Counts reads; the count serves as the clock of `moment` and `since`. */
  #reads = 0

  constructor(source: TagSource, clock: Clock) {
    this.#source = source
    this.#sets = new Recent(clock, MEMORY_MS, MAX_REMEMBERED)
    this.#known = new Recent(clock, MEMORY_MS, MAX_REMEMBERED)
  }

  get size(): number {
    return this.#sets.size + this.#known.size + this.#asked.size
  }

  /** The current moment, as a count of reads, for knownAt(). */
  get now(): number {
    return this.#reads
  }

  /** Returns the set of tags whose names `text` contains, as tagText() wrote them. */
  setOf(text: string): TagSet {
    const known = this.#sets.get(text)
    if (known !== undefined) return known
    const set: TagSet = {
      text,
      names: JSON.parse(text) as string[],
      look: undefined,
      found: undefined,
    }
    this.#sets.set(text, set)
    return set
  }

  /**
   * Reads the tags of a set, or joins a read of this tick. A read whose bytes were sent cannot be
   * joined, because an invalidation may have come since.
   */
  look(set: TagSet): Look {
    const joinable = set.look
    if (joinable !== undefined && !joinable.isSent) return joinable
    const look = new Look(set, set.names.map(this.#ask))
    set.look = look
    return look
  }

  /** Reads the tags of a set, and creates missing ones. */
  async lookOrCreate(set: TagSet): Promise<Look> {
    let look = await this.look(set).done()
    for (let i = 0; i < MAX_CREATIONS && look.absent.length > 0; i++) {
      const { absent } = look
      await Promise.allSettled(absent.map((name) => this.#create(name)))
      look = await this.look(set).done()
    }
    return look
  }

  /** Creates a tag, once for all loads that start now. */
  #create(name: string): Promise<void> {
    const under = this.#creating.get(name)
    if (under !== undefined) return under
    const created = this.#source
      .changeTag(name, 'create')
      .finally(() => this.#creating.delete(name))
    this.#creating.set(name, created)
    return created
  }

  /**
   * Returns a tag's version if this process had read it by `moment`, and has read no other version
   * since.
   */
  knownAt(name: string, moment: number): Known | undefined {
    const known = this.#known.get(name)
    return known !== undefined && known.since <= moment ? known : undefined
  }

  /** Returns the versions as one text. Rejects when one of them is unknown. */
  async versions(names: readonly string[]): Promise<string> {
    const { sights, digest, hard } = await this.lookOrCreate(this.setOf(tagText(names)))
    if (digest !== undefined) return digest + hard
    const failed = sights.find(({ state }) => state === 'failed')
    throw failed?.error ?? new MintringError('MINTRING_REFUSED', 'A tag could not be created')
  }

  /**
   * Sets a new version of each tag, and calls `onChanged` for each that has one. Rejects when one
   * may still have its old version.
   */
  async invalidate(
    names: readonly string[],
    isHard: boolean,
    onChanged: () => void = () => {},
  ): Promise<void> {
    const change = isHard ? 'hard' : 'soft'
    await allDone(
      [...new Set(names)].map((name) => this.#source.changeTag(name, change).then(onChanged)),
    )
  }

  /** Returns the text of two sets combined. */
  union(text: string, other: string): string {
    if (text === other || other === NO_TAGS) return text
    if (text === NO_TAGS) return other
    return tagText([...this.setOf(text).names, ...this.setOf(other).names])
  }

  clear(): void {
    this.#sets.clear()
    this.#known.clear()
  }

  readonly #ask = (name: string): TagSight => {
    const asked = this.#asked.get(name)
    if (asked !== undefined && !asked.isSent) return asked
    const sight = new TagSight(name, this.#ended)
    this.#asked.set(name, sight)
    sight.handle = this.#source.readTag(name, sight)
    return sight
  }

  readonly #ended = (sight: TagSight): void => {
    const { name, state, version, hard } = sight
    if (this.#asked.get(name) === sight) this.#asked.delete(name)
    const since = ++this.#reads
    if (state !== 'found') return
    const known = this.#known.get(name)
    if (known?.version !== version) this.#known.set(name, { version, hard, since })
  }
}
