import { AsyncResource } from 'node:async_hooks'
import type { RefillEntry } from './entry.ts'
import type { Ask, Loader, WaitUntil } from './loading.ts'
import type { Path } from './path.ts'
import type { Policy } from './policy.ts'
import type { Item, Reader, ReadHandle } from './store.ts'
import type { Tally } from './tally.ts'
import type { Finding } from './verdict.ts'
import { UNREADABLE } from './verdict.ts'

/** What is remembered of a key in use. */
export interface KeyRecord {
  readonly policy: Policy
  /** The last read of the key, which may still be joined. */
  read: Read | undefined
}

/** Who knows what the callers of a read get. */
export interface ReadOwner {
  /** Undefined when the key was forgotten meanwhile. */
  recordOf(key: string): KeyRecord | undefined
  pathOf(policy: Policy): Path
  settle(ask: Ask, finding: Finding): RefillEntry | Promise<RefillEntry>
  failed(ask: Ask, error: unknown): Promise<RefillEntry>
  readonly tally: Tally
}

/**
 * The reads of a client: one per key per turn. A read whose bytes have not left can be joined; one
 * that was sent cannot, because an invalidation may have come between.
 */
export class Reads {
  readonly #owner: ReadOwner

  constructor(owner: ReadOwner) {
    this.#owner = owner
  }

  /** The read of this turn for the key, begun if there is none. Throws MINTRING_BAD_KEY. */
  join(key: string, record: KeyRecord, loader: Loader): Read {
    const joinable = record.read
    if (joinable !== undefined && !joinable.isSent) {
      this.#owner.tally.coalesced++
      return joinable
    }
    const read = new Read(key, record, loader, this.#owner)
    read.begin()
    record.read = read
    return read
  }

  /** The same for one who decides on what was found. */
  find(ask: Ask): Promise<Finding> {
    const { key, policy } = ask
    const record = this.#owner.recordOf(key) ?? { policy, read: undefined }
    return this.join(key, record, ask.loader).finding()
  }

  /** Later callers read anew. */
  detach(key: string): void {
    const record = this.#owner.recordOf(key)
    if (record !== undefined) record.read = undefined
  }
}

interface Taker<Result> {
  resolve(result: Result | Promise<Result>): void
  reject(error: unknown): void
}

/**
 * One read and all who wait for it. What the callers of one turn ask for is nearly always the plain
 * value: they share the promise of the request itself. It is made in the async context of its first
 * caller, in which the loader runs should there be one.
 */
export class Read extends AsyncResource implements Reader, Ask {
  readonly key: string
  readonly policy: Policy
  readonly loader: Loader
  waitUntil: WaitUntil | undefined
  readonly #owner: ReadOwner
  readonly #record: KeyRecord
  readonly #path: Path
  #handle: ReadHandle | undefined
  #valueCallers = 0
  #entryCallers: Taker<RefillEntry>[] | undefined
  #finders: Taker<Finding>[] | undefined

  constructor(key: string, record: KeyRecord, loader: Loader, owner: ReadOwner) {
    super('MintringRead', SCOPE_OPTIONS)
    this.key = key
    this.policy = record.policy
    this.loader = loader
    this.#owner = owner
    this.#record = record
    this.#path = owner.pathOf(record.policy)
  }

  get scope(): AsyncResource {
    return this
  }

  get isSent(): boolean {
    return this.#handle!.sent
  }

  begin(): void {
    this.#handle = this.#path.read(this.key, this.policy, this)
  }

  /** What this read ends in, for a caller who wants the value. */
  value(): Promise<unknown> {
    this.#valueCallers++
    return this.#handle!.promise
  }

  /** The same with how it came. */
  entry(): Promise<RefillEntry> {
    this.#entryCallers ??= []
    return promiseFor(this.#entryCallers)
  }

  /** What was found, for those who decide for themselves. */
  finding(): Promise<Finding> {
    this.#finders ??= []
    return promiseFor(this.#finders)
  }

  answered(item: Item): unknown {
    this.#over()
    const path = this.#path
    if (
      this.#entryCallers === undefined &&
      this.#finders === undefined &&
      path.isPlainlyFresh(item, this.policy)
    ) {
      const value = path.freshValue(item)
      if (value !== UNREADABLE) {
        this.#owner.tally.fresh += this.#valueCallers
        return value
      }
    }
    return this.#judged(path.judge(item, this.policy))
  }

  failed(error: unknown): unknown {
    // A read can fail before it begun: nobody could have asked for its outcome yet.
    if (this.#handle === undefined) return Promise.resolve().then(() => this.failed(error))
    this.#over()
    for (const finder of this.#finders ?? []) finder.reject(error)
    const { callers } = this
    return callers === 0 ? undefined : this.#tell(this.#owner.failed(this, error))
  }

  #over(): void {
    const record = this.#record
    if (record.read === this) record.read = undefined
  }

  get callers(): number {
    return this.#valueCallers + (this.#entryCallers?.length ?? 0)
  }

  #judged(finding: Finding): unknown {
    const { callers } = this
    // The callers first: they have waited for the value, the finders will look again.
    const value = callers === 0 ? undefined : this.#tell(this.#owner.settle(this, finding))
    for (const finder of this.#finders ?? []) finder.resolve(finding)
    return value
  }

  /** Hands the entry to those who want it; answers the value for the others. */
  #tell(entry: RefillEntry | Promise<RefillEntry>): unknown {
    this.#owner.tally.ended(entry, this.callers)
    for (const caller of this.#entryCallers ?? []) caller.resolve(entry)
    if (this.#valueCallers === 0) return undefined
    return entry instanceof Promise ? entry.then(entryValue) : entry.value
  }
}

/** Nothing has to be told when such a scope is collected. */
const SCOPE_OPTIONS = { requireManualDestroy: true }

function entryValue(entry: RefillEntry): unknown {
  return entry.value
}

function promiseFor<Result>(takers: Taker<Result>[]): Promise<Result> {
  return new Promise((resolve, reject) => {
    takers.push({ resolve, reject })
  })
}
