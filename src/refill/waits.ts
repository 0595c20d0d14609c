import { MintringError } from '../errors.ts'
import type { Clock, Timer } from './clock.ts'
import type { RefillEntry } from './entry.ts'
import type { Ask } from './loading.ts'
import type { Finding } from './verdict.ts'

const FIRST_DELAY_MS = 5
const DELAY_GROWTH = 1.6
const MAX_DELAY_MS = 200
const DELAY_JITTER = 0.25

/** A caller that waits for what another client loads. */
export interface Waiter {
  readonly ask: Ask
  /** What it gets if the wait ends without a fresh value: a stale one that may still be served. */
  readonly fallback: RefillEntry | undefined
  /** Only what was loaded after this call began will do: a stale value is none. */
  readonly wantsFresh: boolean
}

/** What a wait asks of its owner. */
export interface WaitOwner {
  readonly clock: Clock
  /** Reads the key once more, counted as a poll. Rejects when the cache cannot be reached. */
  poll(ask: Ask): Promise<Finding>
  /** The answer for a waiter, or undefined when it has to go on waiting. */
  resume(waiter: Waiter, finding: Finding): RefillEntry | Promise<RefillEntry> | undefined
  unreachable(waiter: Waiter, error: unknown): Promise<RefillEntry>
  timedOut(waiter: Waiter): Promise<RefillEntry>
}

interface Waiting {
  readonly waiter: Waiter
  readonly untilMs: number
  readonly resolve: (entry: RefillEntry | Promise<RefillEntry>) => void
}

/**
 * The waits of one process: one poller per key, whoever waits for it. It polls by the same read
 * that everybody makes, so it also inherits a lease whose holder died.
 */
export class Waits {
  readonly #owner: WaitOwner
  readonly #waits = new Map<string, Wait>()

  constructor(owner: WaitOwner) {
    this.#owner = owner
  }

  get size(): number {
    return this.#waits.size
  }

  join(waiter: Waiter): Promise<RefillEntry> {
    const { key } = waiter.ask
    let wait = this.#waits.get(key)
    if (wait === undefined) {
      const started = new Wait(this.#owner, () => {
        if (this.#waits.get(key) === started) this.#waits.delete(key)
      })
      this.#waits.set(key, started)
      wait = started
    }
    return wait.join(waiter)
  }

  /** Later callers begin a wait of their own. */
  detach(key: string): void {
    this.#waits.delete(key)
  }
}

class Wait {
  readonly #owner: WaitOwner
  readonly #onOver: () => void
  #waiting: Waiting[] = []
  #delayMs = FIRST_DELAY_MS
  #timer: Timer | undefined

  constructor(owner: WaitOwner, onOver: () => void) {
    this.#owner = owner
    this.#onOver = onOver
  }

  join(waiter: Waiter): Promise<RefillEntry> {
    const untilMs = this.#owner.clock.nowMs() + waiter.ask.policy.waitTimeoutMs
    return new Promise((resolve) => {
      this.#waiting.push({ waiter, untilMs, resolve })
      if (this.#waiting.length === 1) this.#schedule()
    })
  }

  #schedule(): void {
    const { clock } = this.#owner
    const spread = 1 + DELAY_JITTER * (2 * clock.random() - 1)
    // One policy per key: who came first has to leave first.
    const leftMs = this.#waiting[0]!.untilMs - clock.nowMs()
    const delayMs = Math.max(0, Math.min(this.#delayMs * spread, leftMs))
    this.#delayMs = Math.min(MAX_DELAY_MS, this.#delayMs * DELAY_GROWTH)
    this.#timer = clock.after(delayMs, () => this.#wake())
  }

  #wake(): void {
    this.#timer = undefined
    const nowMs = this.#owner.clock.nowMs()
    this.#settle((waiting) =>
      waiting.untilMs <= nowMs ? this.#owner.timedOut(waiting.waiter) : undefined,
    )
    const first = this.#waiting[0]
    if (first === undefined) return
    this.#owner.poll(first.waiter.ask).then(
      (finding) => {
        this.#settle(({ waiter }) => this.#owner.resume(waiter, finding))
        if (this.#waiting.length > 0) this.#schedule()
      },
      (error: unknown) => this.#settle(({ waiter }) => this.#owner.unreachable(waiter, error)),
    )
  }

  /** Lets those go for whom there is an answer; ends when nobody is left. */
  #settle(answer: (waiting: Waiting) => RefillEntry | Promise<RefillEntry> | undefined): void {
    const all = this.#waiting
    this.#waiting = []
    for (const waiting of all) {
      const entry = answer(waiting)
      if (entry === undefined) this.#waiting.push(waiting)
      else waiting.resolve(entry)
    }
    if (this.#waiting.length === 0 && this.#timer === undefined) this.#onOver()
  }
}

/** What a caller gets who waited too long and wants to be told. */
export function waitTimedOut(ask: Ask): MintringError {
  return new MintringError(
    'MINTRING_WAIT_TIMEOUT',
    `Another client is loading the key and did not finish within ${ask.policy.waitTimeoutMs} ms`,
  )
}
