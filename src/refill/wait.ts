import type { Timer } from '../clock.ts'
import type { ErrorCode } from '../errors.ts'
import { isMintringError, MintringError } from '../errors.ts'
import type { RefillContext } from './context.ts'
import type { Finding, Lease, RefillEntry, SoonEntry } from './finding.ts'
import type { Ask, Terms } from './loader.ts'
import { anew } from './share.ts'

const FIRST_DELAY_MS = 5
const DELAY_GROWTH = 1.6
const MAX_DELAY_MS = 200
const DELAY_JITTER = 0.25

/** A stale value that may still be served, and the lease of its item. */
export interface Fallback {
  readonly entry: RefillEntry
  readonly lease: Lease
}

/** A caller that cannot be served at once. */
export interface Waiter<Slot extends Terms> {
  readonly ask: Ask<Slot>
  /** What the caller gets if the wait ends without a fresh value. */
  readonly fallback: Fallback | undefined
  /** Whether the caller needs a value loaded after its call, so that no stale value will do. */
  readonly wantsFresh: boolean
  /** When the caller stops waiting for other clients' loads. */
  readonly untilMs: number
  /** How many more times the caller may read, because a load that it shared was not stored. */
  readonly rereads: number
}

/** The functions of the Refiller that a wait uses. */
interface WaitOwner<Slot extends Terms> {
  readonly context: RefillContext
  /** Reads the key again, counted as a poll. Rejects when the cache is unreachable. */
  poll(ask: Ask<Slot>): Promise<Finding>
  /** Returns what the waiter gets, or undefined if it must keep waiting. */
  resume(waiter: Waiter<Slot>, finding: Finding): SoonEntry | undefined
  unreachable(waiter: Waiter<Slot>, error: unknown): Promise<RefillEntry>
  timedOut(waiter: Waiter<Slot>): Promise<RefillEntry>
}

interface Waiting<Slot extends Terms> {
  readonly waiter: Waiter<Slot>
  readonly resolve: (entry: SoonEntry) => void
  readonly reject: (error: unknown) => void
}

/**
 * All waiters of this process for one key that another process loads; a single poller serves them.
 * It polls with the normal read, so it can also win a lease that has become free.
 */
export class Wait<Slot extends Terms> {
  readonly #owner: WaitOwner<Slot>
  readonly #onOver: (wait: Wait<Slot>) => void
  #waiting: Waiting<Slot>[] = []
  #delayMs = FIRST_DELAY_MS
  #timer: Timer | undefined

  /** Calls `onOver` when the last waiter is gone. */
  constructor(owner: WaitOwner<Slot>, onOver: (wait: Wait<Slot>) => void) {
    this.#owner = owner
    this.#onOver = onOver
  }

  join(waiter: Waiter<Slot>): Promise<RefillEntry> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ waiter, resolve, reject })
      if (this.#waiting.length === 1) this.#schedule()
    })
  }

  #schedule(): void {
    const { clock } = this.#owner.context
    const spread = 1 + DELAY_JITTER * (2 * clock.random() - 1)
    const untilMs = this.#waiting.reduce((least, { waiter }) => {
      return Math.min(least, waiter.untilMs)
    }, Number.POSITIVE_INFINITY)
    const leftMs = untilMs - clock.nowMs()
    const delayMs = Math.max(0, Math.min(this.#delayMs * spread, leftMs))
    this.#delayMs = Math.min(MAX_DELAY_MS, this.#delayMs * DELAY_GROWTH)
    this.#timer = clock.after(delayMs, () => this.#wake())
  }

  #wake(): void {
    this.#timer = undefined
    const owner = this.#owner
    const { clock } = owner.context
    const nowMs = clock.nowMs()
    this.#settle(({ waiter }) => (waiter.untilMs <= nowMs ? owner.timedOut(waiter) : undefined))
    const first = this.#waiting[0]
    if (first === undefined) return
    owner.poll(first.waiter.ask).then(
      (finding) => {
        let isTaken = false
        this.#settle(({ waiter }) => {
          const own = isTaken ? anew(finding, clock) : finding
          isTaken = true
          return owner.resume(waiter, own)
        })
        this.#goOn()
      },
      (error: unknown) => {
        // Keep waiting: that this process rejected the request because it is overloaded says
        // nothing about the cache.
        const isBusy = isMintringError(error) && error.code === 'MINTRING_OVERLOADED'
        if (!isBusy) this.#settle(({ waiter }) => owner.unreachable(waiter, error))
        this.#goOn()
      },
    )
  }

  #goOn(): void {
    if (this.#waiting.length > 0 && this.#timer === undefined) this.#schedule()
  }

  /** Resolves the waiters for which `entryFor` returns a result; ends the wait when none remain. */
  #settle(entryFor: (waiting: Waiting<Slot>) => SoonEntry | undefined): void {
    const all = this.#waiting
    this.#waiting = []
    for (const waiting of all) {
      const entry = entryFor(waiting)
      if (entry === undefined) this.#waiting.push(waiting)
      else waiting.resolve(entry)
    }
    if (this.#waiting.length === 0 && this.#timer === undefined) this.#onOver(this)
  }
}

/** Returns the error for a caller that waited too long, with `onWaitTimeout: 'throw'`. */
export function waitTimedOut({ slot }: Ask): MintringError {
  return new MintringError(
    'MINTRING_WAIT_TIMEOUT',
    `Another caller is loading the key and did not finish within ${slot.policy.waitTimeoutMs} ms`,
  )
}

/** Codes of errors that do not mean that the cache is unreachable. */
const NOT_UNREACHABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MINTRING_BAD_ARGUMENT',
  'MINTRING_BAD_KEY',
  'MINTRING_BAD_POLICY',
  'MINTRING_CLOSED',
  'MINTRING_OVERLOADED',
])

/**
 * Whether an error says nothing about the state of the cache. A load without the cache would then
 * be wrong.
 */
export function isOwnFault(error: unknown): boolean {
  return isMintringError(error) && NOT_UNREACHABLE.has(error.code)
}
