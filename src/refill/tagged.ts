import type { Clock } from '../clock.ts'
import type { TagDesk } from '../tags/desk.ts'
import type { LoadTags } from '../tags/load.ts'
import type { Look } from '../tags/look.ts'
import { NO_TAGS } from '../tags/names.ts'
import { NO_DIGEST, NO_HARD } from '../tags/tail.ts'
import type { Finding } from './finding.ts'
import { nothing } from './finding.ts'
import type { Elected } from './paths/path.ts'
import type { Policy } from './policy.ts'
import type { Place } from './store.ts'

/** How this process last marked a value stale because of a tag. */
export interface Marked {
  /** The host of the value: another host has another value. */
  readonly place: Place
  /** The versions of the tags for which it did. */
  readonly digest: string | undefined
  /** When it may do so again for the same host and versions. */
  readonly untilMs: number
}

/** What is known of the tags of one key. */
interface TaggedKey {
  readonly policy: Policy
  marked: Marked | undefined
}

/**
 * Decides whether a found value is stale because of its tags. It is if a tag has another version
 * now, is missing, or cannot be read.
 */
export class TagJudge {
  readonly #desk: TagDesk
  readonly #clock: Clock

  constructor(desk: TagDesk, clock: Clock) {
    this.#desk = desk
    this.#clock = clock
  }

  /**
   * Compares the tags of a read result with their current versions. `look` must have started when
   * the caller came, or later.
   */
  judged(key: TaggedKey, finding: Finding, look: Look | undefined): Finding | Promise<Finding> {
    const { verdict, tail } = finding
    const seen = { ...finding, look }
    if (verdict === 'absent') return seen
    if (tail === undefined) return look === undefined ? finding : this.#outdated(key, seen, look)
    if (look?.digest === tail.digest) return seen
    const text = this.#textOf(look?.set.text ?? NO_TAGS, tail.text)
    if (look !== undefined && text === look.set.text) return this.#outdated(key, seen, look)
    return this.#judgedByAll(key, finding, text)
  }

  /**
   * Compares the tags of what an attempt for the lease found. It may be newer than the earlier read
   * result.
   */
  async elected(key: TaggedKey, before: Finding, elected: Elected): Promise<Elected> {
    const now = elected.finding
    const { tagText } = key.policy
    if (now.look !== undefined || (tagText === undefined && now.tail === undefined)) return elected
    if (now.verdict === 'absent') return { ...elected, finding: { ...now, look: before.look } }
    const look = await this.#desk.look(this.#desk.setOf(tagText ?? NO_TAGS)).done()
    const judged = await this.judged(key, now, look)
    // Report `open` as lost: this attempt for the lease is over, and the next reader makes another.
    const election = judged.election === 'open' ? 'lost' : judged.election
    return { ...elected, finding: { ...judged, election } }
  }

  /**
   * Whether the value of a shared load has the current tag versions: the caller may have come
   * during the load, after a tag was invalidated.
   */
  async holds({ tail, first }: LoadTags, { look }: Finding): Promise<'yes' | 'no' | 'unknown'> {
    if (tail === undefined || (look !== undefined && look === first)) return 'yes'
    if (tail.digest === look?.digest) return 'yes'
    const isAll = look?.set.text === tail.text
    const now = isAll ? look : await this.#desk.look(this.#desk.setOf(tail.text)).done()
    if (now.digest === undefined || tail.digest === NO_DIGEST) return 'unknown'
    return now.digest === tail.digest ? 'yes' : 'no'
  }

  /** Records that this process is about to mark the value. */
  noteMark(key: TaggedKey, { look, lease }: Finding): void {
    const untilMs = this.#clock.nowMs() + key.policy.leaseSeconds * 1000
    key.marked = { place: lease.place, digest: look?.digest, untilMs }
  }

  async #judgedByAll(key: TaggedKey, finding: Finding, text: string): Promise<Finding> {
    const look = await this.#desk.look(this.#desk.setOf(text)).done()
    const seen = { ...finding, look }
    return look.digest === finding.tail!.digest ? seen : this.#outdated(key, seen, look)
  }

  /**
   * Combines two tag texts. The stored one is untrusted: if it is not a list of names, ignores it.
   */
  #textOf(known: string, stored: string): string {
    try {
      return this.#desk.union(known, stored)
    } catch {
      return known
    }
  }

  #outdated(key: TaggedKey, finding: Finding, look: Look): Finding {
    const { verdict, election } = finding
    const { graceSeconds, staleWhileRevalidateSeconds } = key.policy
    const isHard = look.hard !== NO_HARD && look.hard !== finding.tail?.hard
    // If tags cannot be read, other processes may still read them: do not mark the value.
    const isOpen = election === 'none' && verdict === 'fresh' && !look.isBlind
    if (isHard || graceSeconds === 0) {
      const open = { election: 'open', lease: { ...finding.lease, on: 'placeholder' } } as const
      return {
        ...finding,
        verdict: 'absent',
        value: undefined,
        again: nothing,
        ...(isOpen && open),
      }
    }
    if (verdict === 'stale') {
      // A mark may be there because of the tags: they are its reason only if they can be read.
      const isTag = finding.staleBecause !== 'ttl' && !look.isBlind
      return isTag ? { ...finding, staleBecause: 'tag' } : finding
    }
    return {
      ...finding,
      verdict: 'stale',
      staleBecause: 'tag',
      // Without a window for stale values, report 1 second: callers then wait for the load.
      staleForSeconds: staleWhileRevalidateSeconds === 0 ? 1 : 0,
      ...(isOpen && this.#mayMark(key, finding, look) ? { election: 'open', isToMark: true } : {}),
    }
  }

  /**
   * Whether this process may mark the value: once per lease for the same versions. Otherwise two
   * processes that see different tags would mark each other's values without end.
   */
  #mayMark({ marked }: TaggedKey, { lease }: Finding, { digest }: Look): boolean {
    if (marked?.place !== lease.place || marked.digest !== digest) return true
    return this.#clock.nowMs() >= marked.untilMs
  }
}
