import type { Clock } from '../clock.ts'
import type { Finding } from '../finding.ts'
import { nothing } from '../finding.ts'
import type { Elected } from '../paths/path.ts'
import type { Slot } from '../slots.ts'
import type { TagDesk } from './desk.ts'
import type { LoadTags } from './load.ts'
import type { Look } from './look.ts'
import { NO_TAGS } from './names.ts'
import { NO_DIGEST, NO_HARD } from './tail.ts'

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
  judged(slot: Slot, finding: Finding, look: Look | undefined): Finding | Promise<Finding> {
    const { verdict, tail } = finding
    const seen = { ...finding, look }
    if (verdict === 'absent') return seen
    if (tail === undefined) return look === undefined ? finding : this.#outdated(slot, seen, look)
    if (look?.digest === tail.digest) return seen
    const text = this.#textOf(look?.set.text ?? NO_TAGS, tail.text)
    if (look !== undefined && text === look.set.text) return this.#outdated(slot, seen, look)
    return this.#judgedByAll(slot, finding, text)
  }

  /**
   * Compares the tags of what an attempt for the lease found. It may be newer than the earlier read
   * result.
   */
  async elected(slot: Slot, before: Finding, elected: Elected): Promise<Elected> {
    const now = elected.finding
    const { tagText } = slot.policy
    if (now.look !== undefined || (tagText === undefined && now.tail === undefined)) return elected
    if (now.verdict === 'absent') return { ...elected, finding: { ...now, look: before.look } }
    const look = await this.#desk.look(this.#desk.setOf(tagText ?? NO_TAGS)).done()
    const judged = await this.judged(slot, now, look)
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
  noteMark(slot: Slot, { look, lease }: Finding): void {
    const untilMs = this.#clock.nowMs() + slot.policy.leaseSeconds * 1000
    slot.marked = { place: lease.place, digest: look?.digest, untilMs }
  }

  async #judgedByAll(slot: Slot, finding: Finding, text: string): Promise<Finding> {
    const look = await this.#desk.look(this.#desk.setOf(text)).done()
    const seen = { ...finding, look }
    return look.digest === finding.tail!.digest ? seen : this.#outdated(slot, seen, look)
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

  #outdated(slot: Slot, finding: Finding, look: Look): Finding {
    const { verdict, election } = finding
    const { graceSeconds, staleWhileRevalidateSeconds } = slot.policy
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
      return finding.staleBecause === 'ttl' ? finding : { ...finding, staleBecause: 'tag' }
    }
    return {
      ...finding,
      verdict: 'stale',
      staleBecause: 'tag',
      // Without a window for stale values, report 1 second: callers then wait for the load.
      staleForSeconds: staleWhileRevalidateSeconds === 0 ? 1 : 0,
      ...(isOpen && this.#mayMark(slot, finding, look) ? { election: 'open', isToMark: true } : {}),
    }
  }

  /**
   * Whether this process may mark the value: once per lease for the same versions. Otherwise two
   * processes that see different tags would mark each other's values without end.
   */
  #mayMark({ marked }: Slot, { lease }: Finding, { digest }: Look): boolean {
    if (marked?.place !== lease.place || marked.digest !== digest) return true
    return this.#clock.nowMs() >= marked.untilMs
  }
}
