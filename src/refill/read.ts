import { AsyncResource } from 'node:async_hooks'
import type { Look } from '../tags/look.ts'
import type { TagsOf } from '../tags/names.ts'
import type { RefillContext } from './context.ts'
import type { Finding, RefillEntry, SoonEntry } from './finding.ts'
import { isImmutable, isPromise, readValue, UNREADABLE } from './finding.ts'
import { type Ask, earlySecondsOf, type Loader, type Terms, type WaitUntil } from './loader.ts'
import { elsewhere } from './moving.ts'
import { placeholderSeconds } from './paths/meta-path.ts'
import type { Path } from './paths/path.ts'
import { readPage } from './paths/sidecar-path.ts'
import { isTagged } from './paths/stamp.ts'
import { anew, decoded } from './share.ts'
import type { Item, Reader, ReadHandle } from './store.ts'

/** Decides what the callers of a read get. */
interface ReadOwner<Slot extends Terms> {
  readonly context: RefillContext
  settle(ask: Ask<Slot>, finding: Finding): SoonEntry
  failed(ask: Ask<Slot>, error: unknown): Promise<RefillEntry>
  /** Called when no further callers may join the read. */
  over(read: Read<Slot>): void
}

/**
 * A caller besides the first. It wants the value, the value with how it was found (`entry`), or the
 * whole read result (`finding`).
 */
interface Taker {
  readonly wants: 'value' | 'entry' | 'finding'
  resolve(result: unknown): void
  reject(error: unknown): void
}

/**
 * One read and all callers that wait for it. The first caller of a plain value gets the promise of
 * the request itself. The read is created in the async context of its first caller, in which the
 * loader runs if there is one.
 */
export class Read<Slot extends Terms> extends AsyncResource implements Reader, Ask<Slot> {
  readonly slot: Slot
  readonly loader: Loader
  waitUntil: WaitUntil | undefined
  readonly tagsOf: TagsOf | undefined
  readonly #owner: ReadOwner<Slot>
  readonly #earlySeconds: number
  #handle: ReadHandle | undefined
  #look: Look | undefined
  #hasFirst = false
  #takers: Taker[] | undefined

  constructor(slot: Slot, loader: Loader, tagsOf: TagsOf | undefined, owner: ReadOwner<Slot>) {
    super('MintringRead', SCOPE_OPTIONS)
    this.slot = slot
    this.loader = loader
    this.tagsOf = tagsOf
    this.#owner = owner
    this.#earlySeconds = earlySecondsOf(slot)
  }

  get scope(): AsyncResource {
    return this
  }

  get isSent(): boolean {
    const handle = this.#handle!
    if (handle.sent || this.#look?.isSent === true) return true
    return this.#owner.context.store.isOvertaken?.(handle) === true
  }

  /**
   * Reads the tags first, so that their versions are known when an item of the same server arrives.
   */
  begin(): void {
    const { key, policy } = this.slot
    const { store, tags } = this.#owner.context
    if (policy.tagText !== undefined) {
      this.slot.tagSet ??= tags.setOf(policy.tagText)
      this.#look = tags.look(this.slot.tagSet)
    }
    const below = policy.graceSeconds + this.#earlySeconds + 1
    const { isSidecar } = policy
    if (isSidecar && policy.tagText !== undefined) {
      this.#handle = readPage(store, key, below, this)
    } else {
      const vivifySeconds = isSidecar ? 0 : placeholderSeconds(policy)
      this.#handle = store.read(key, vivifySeconds, below, this)
    }
  }

  /** The path of the server that replied: it may be another one than the key had at first. */
  #pathOf(item: Item): Path {
    return this.#owner.context.pathOf(this.slot.policy, item.place())
  }

  /** Resolves to the value, for a caller of this read. */
  value(): Promise<unknown> {
    if (this.#hasFirst) return this.#take('value')
    this.#hasFirst = true
    return this.#handle!.promise
  }

  /** Resolves to the value with how it was found. */
  entry(): Promise<RefillEntry> {
    return this.#take('entry') as Promise<RefillEntry>
  }

  /** Resolves to the read result, for callers that decide themselves whether to load. */
  finding(): Promise<Finding> {
    return this.#take('finding') as Promise<Finding>
  }

  answered(item: Item): unknown {
    this.#owner.over(this)
    const look = this.#look
    try {
      if (look === undefined || look.isDone) return this.#answered(item)
      return this.#answeredAfter(look, item)
    } catch (error) {
      return this.#fail(error)
    }
  }

  /**
   * Hits whose tags are on another server take this path, so it decodes the value from the reply,
   * and makes one promise instead of a chain of them. The tags rarely differ from the last known.
   */
  #answeredAfter(look: Look, item: Item): Promise<unknown> {
    const expected = look.set.found?.digest
    const isCurrent = this.#isCurrent(item, this.#pathOf(item), expected)
    const value = isCurrent ? readValue(item) : UNREADABLE
    const kept = item.keep()
    return new Promise((resolve) => {
      look.whenDone(() => {
        try {
          const isPlain = value !== UNREADABLE && !isPromise(value) && this.#wantsValuesOnly
          const isSame = isPlain && look.digest === expected
          resolve(isSame ? this.#tellFresh(kept, value) : this.#answered(kept))
        } catch (error) {
          resolve(this.#fail(error))
        }
      })
    })
  }

  #answered(item: Item): unknown {
    const path = this.#pathOf(item)
    let value: unknown
    if (this.#wantsValuesOnly && this.#isCurrent(item, path, this.#look?.digest)) {
      value = readValue(item)
      if (value !== UNREADABLE && !isPromise(value)) return this.#tellFresh(item, value)
    }
    const finding = path.judge(item, this.slot.policy, this.#earlySeconds, value)
    if (finding.verdict === 'absent') {
      const looking = this.#elsewhere(finding)
      if (looking !== undefined) return looking.then((found) => this.#compared(found))
    }
    return this.#compared(finding)
  }

  #compared(finding: Finding): unknown {
    const judged = this.#judged(finding)
    return isPromise(judged)
      ? judged.then((known) => this.#found(known as Finding))
      : this.#found(judged)
  }

  #elsewhere(finding: Finding): Promise<Finding> | undefined {
    const judge = (there: Finding): Finding | Promise<Finding> => this.#judged(there)
    return elsewhere(this.slot, finding, this.#owner.context, judge)
  }

  /** Returns the finding after comparing its tag versions with the current ones. */
  #judged(finding: Finding): Finding | Promise<Finding> {
    if (this.#look === undefined && finding.tail === undefined) return finding
    return this.#owner.context.judge.judged(this.slot, finding, this.#look)
  }

  #found(finding: Finding): unknown {
    if (!isPromise(finding.value)) return this.#tell(finding)
    return decoded(this.#owner.context.clock, this.slot, finding).then((done) => this.#tell(done))
  }

  /** Whether the item is plainly fresh and its tags are unchanged. */
  #isCurrent(item: Item, path: Path, digest: string | undefined): boolean {
    if (!path.isPlainlyFresh(item, this.slot.policy, this.#earlySeconds)) return false
    if (this.#look === undefined) return !isTagged(item.flags)
    return digest !== undefined && item.hasDigest(digest)
  }

  failed(error: unknown): unknown {
    // A read can fail before its caller awaits it. So fail a little later, when the caller handles
    // the rejection.
    if (this.#handle === undefined) return Promise.resolve().then(() => this.failed(error))
    this.#owner.over(this)
    return this.#fail(error)
  }

  #fail(error: unknown): unknown {
    const fail = (): unknown => this.#ended(this.#owner.failed(this, error))
    for (const taker of this.#takers ?? []) {
      if (taker.wants === 'finding') taker.reject(error)
      else this.#give(taker, this.#owner.failed(this, error))
    }
    return this.#hasFirst ? plainValue(fail() as SoonEntry) : undefined
  }

  get #wantsValuesOnly(): boolean {
    return this.#takers === undefined || this.#takers.every(({ wants }) => wants === 'value')
  }

  #take(wants: Taker['wants']): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#takers ??= []
      this.#takers.push({ wants, resolve, reject })
    })
  }

  /**
   * Serves a fresh value, for which no one need refill: the first caller gets it, each other one a
   * copy.
   */
  #tellFresh(item: Item, value: unknown): unknown {
    const { tally } = this.#owner.context
    tally.fresh += this.#hasFirst ? 1 : 0
    const isShared = this.slot.policy.isShared || isImmutable(value)
    let isTaken = this.#hasFirst
    for (const { resolve } of this.#takers ?? []) {
      tally.fresh++
      resolve(isShared || !isTaken ? value : decodedAgain(item, value))
      isTaken = true
    }
    return value
  }

  /** Serves each caller separately: the first may have to load, and the others share its load. */
  #tell(finding: Finding): unknown {
    let isTaken = false
    const next = (): Finding => {
      const isFirst = !isTaken
      isTaken = true
      return isFirst || this.slot.policy.isShared
        ? finding
        : anew(finding, this.#owner.context.clock)
    }
    const first = this.#hasFirst ? this.#ended(this.#owner.settle(this, next())) : undefined
    const takers = this.#takers ?? []
    // Serve callers that want values first: the others decide for themselves, and will read again
    // anyway.
    for (const taker of takers) {
      if (taker.wants === 'finding') continue
      this.#give(taker, this.#owner.settle(this, next()))
    }
    for (const taker of takers) if (taker.wants === 'finding') taker.resolve(next())
    return first === undefined ? undefined : plainValue(first)
  }

  /**
   * Resolves one caller. Counts its outcome, except for a caller that wants an `entry`: its own
   * call counts that.
   */
  #give({ wants, resolve }: Taker, entry: SoonEntry): void {
    resolve(wants === 'entry' ? entry : plainValue(this.#ended(entry)))
  }

  #ended<Entry extends SoonEntry>(entry: Entry): Entry {
    this.#owner.context.tally.ended(entry)
    return entry
  }
}

/** Returns a copy of the value for another caller; shares it if it cannot be decoded again. */
function decodedAgain(item: Item, value: unknown): unknown {
  const again = readValue(item)
  return again === UNREADABLE || isPromise(again) ? value : again
}

/**
 * Saves time: without this option, async_hooks tracks when each such scope is garbage collected.
 */
const SCOPE_OPTIONS = { requireManualDestroy: true }

function plainValue(entry: SoonEntry): unknown {
  return isPromise(entry) ? entry.then(({ value }) => value) : entry.value
}
