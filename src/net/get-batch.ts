import { MintringError } from '../errors.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { getHead } from '../protocol/request.ts'
import { failRequest } from './attempt.ts'
import { KeySet } from './key-set.ts'
import type { Attempt, Request, Router, Sink } from './request.ts'

/**
 * How many keys one combined `get` reads at most. In larger ones, client and server would wait for
 * each other.
 */
const MAX_BATCH_KEYS = 100
/** The maximum length of its line: proxies and old servers have small buffers. */
const MAX_BATCH_BYTES = 6_000

/**
 * The keys of the batch being written. One set serves all batches, because writes are synchronous.
 */
const seen = new KeySet()

/** An attempt at consecutive plain gets of one tick, which are sent as one `get k1 … kn`. */
export class GetBatch implements Attempt {
  readonly router: Router
  readonly isAlone: boolean
  startMs = 0
  deadlineMs: number = Number.POSITIVE_INFINITY
  /** All requests before the write; afterwards one per distinct key. */
  readonly #requests: Request[]
  /** Further requests for the same keys: each key is sent once and settles all its requests. */
  #twins: Request[] | undefined
  #lineBytes: number
  #cursor = 0
  /** Whether each key was sent in a line of its own. */
  #isSingle = false
  /** Whether the value of the key at the cursor has arrived. */
  #isHit = false
  #isExtended = false

  constructor(request: Request, router: Router) {
    this.router = router
    this.isAlone = request.isAlone
    this.#requests = [request]
    this.#lineBytes = request.wireKey.length
  }

  get size(): number {
    return this.#requests.length + (this.#twins?.length ?? 0)
  }

  get bytes(): number {
    return 0
  }

  get isUnchanged(): boolean {
    return false
  }

  get isOver(): boolean {
    const requests = this.#requests
    for (let i = this.#cursor; i < requests.length; i++) {
      if (this.#isWaiting(requests[i]!)) return false
    }
    return this.#twins?.some((twin) => this.#isWaiting(twin)) !== true
  }

  /** Adds a get if it still fits the line. */
  add(request: Request): boolean {
    if (this.isAlone || request.isAlone) return false
    const { length } = this.#requests
    const lineBytes = this.#lineBytes + 1 + request.wireKey.length
    if (length >= MAX_BATCH_KEYS || lineBytes > MAX_BATCH_BYTES) return false
    this.#requests.push(request)
    this.#lineBytes = lineBytes
    return true
  }

  begin(nowMs: number): void {
    this.startMs = nowMs
    for (const request of this.#requests) {
      const deadlineMs = request.begin(nowMs)
      if (deadlineMs < this.deadlineMs) this.deadlineMs = deadlineMs
    }
  }

  /** Writes each distinct key once, for its first request. */
  write(out: Sink, nowMs: number): number {
    if (nowMs >= this.deadlineMs) this.expire(nowMs, 0)
    const requests = this.#requests
    const keys: string[] = []
    for (const request of requests) {
      if (!this.#isWaiting(request)) continue
      request.sent = true
      if (seen.add(request.wireKey)) {
        requests[keys.length] = request
        keys.push(request.wireKey)
      } else {
        this.#twins ??= []
        this.#twins.push(request)
      }
    }
    seen.clear()
    requests.length = keys.length
    if (keys.length === 0) return 0
    this.#isSingle = this.router.abilities?.singleGets === true
    if (this.#isSingle) for (const key of keys) out.text(getHead([key]))
    else out.text(getHead(keys))
    return this.size
  }

  /**
   * Processes a reply. The server returns hits in the order of the keys, omits misses, and ends
   * with END.
   */
  accept(reply: Reply): boolean {
    if (this.#isSingle) return this.#acceptSingle(reply)
    if (reply.kind === ReplyKind.Value) {
      this.#hit(reply)
      return false
    }
    const isEnd = reply.kind === ReplyKind.End
    for (; this.#cursor < this.#requests.length; this.#cursor++) {
      const request = this.#requests[this.#cursor]!
      if (isEnd) this.#miss(request)
      else this.#settle(request, reply)
    }
    return true
  }

  fail(error: MintringError): void {
    for (const request of [...this.#all()]) {
      failRequest(request, this, this.#deadlineOf(request), error)
    }
  }

  noteHangUp(isOldest: boolean): void {
    for (const request of this.#all()) request.noteHangUp(isOldest)
  }

  get isSuspect(): boolean {
    for (const request of this.#all()) if (request.isSuspect) return true
    return false
  }

  isLate(nowMs: number, requestTimeoutMs: number): boolean {
    return nowMs >= this.deadlineMs && nowMs - this.startMs >= requestTimeoutMs - 1
  }

  expire(nowMs: number, requestTimeoutMs: number): void {
    if (nowMs < this.deadlineMs) return
    let nextMs = Number.POSITIVE_INFINITY
    for (const request of [...this.#all()]) {
      const deadlineMs = this.#deadlineOf(request)
      if (nowMs >= deadlineMs) failRequest(request, this, deadlineMs, undefined)
      else if (this.#isWaiting(request) && deadlineMs < nextMs) nextMs = deadlineMs
    }
    const isOver = nextMs === Number.POSITIVE_INFINITY
    this.deadlineMs = isOver ? nowMs + requestTimeoutMs : nextMs
  }

  extend(): void {
    this.#isExtended = true
    this.deadlineMs = Number.POSITIVE_INFINITY
    for (const request of this.#all()) {
      if (!this.#isWaiting(request)) continue
      this.deadlineMs = Math.min(this.deadlineMs, request.finalMs)
    }
  }

  #isWaiting(request: Request): boolean {
    return !request.settled && request.attempt === this
  }

  #deadlineOf(request: Request): number {
    if (this.startMs === 0) return Number.POSITIVE_INFINITY
    return this.#isExtended ? request.finalMs : request.deadlineFrom(this.startMs)
  }

  /** Processes the reply for one key: VALUE and END, END alone, or an error line. */
  #acceptSingle(reply: Reply): boolean {
    const request = this.#requests[this.#cursor]!
    if (reply.kind === ReplyKind.Value) {
      if (this.#isHit || !reply.keyEquals(request.wireKey)) throw unasked()
      this.#isHit = true
      this.#settle(request, reply)
      return false
    }
    if (reply.kind !== ReplyKind.End) this.#settle(request, reply)
    else if (!this.#isHit) this.#miss(request)
    this.#isHit = false
    return ++this.#cursor === this.#requests.length
  }

  #hit(reply: Reply): void {
    const requests = this.#requests
    let at = this.#cursor
    while (at < requests.length && !reply.keyEquals(requests[at]!.wireKey)) at++
    if (at === requests.length) throw unasked()
    for (; this.#cursor < at; this.#cursor++) this.#miss(requests[this.#cursor]!)
    this.#cursor++
    this.#settle(requests[at]!, reply)
  }

  #settle(request: Request, reply: Reply): void {
    request.verb.accept(request, reply, this)
    if (this.#twins === undefined) return
    for (const twin of this.#twins) {
      if (twin.wireKey === request.wireKey) twin.verb.accept(twin, reply, this)
    }
  }

  #miss(request: Request): void {
    request.verb.miss?.(request)
    if (this.#twins === undefined) return
    for (const twin of this.#twins) {
      if (twin.wireKey === request.wireKey) twin.verb.miss?.(twin)
    }
  }

  *#all(): Iterable<Request> {
    yield* this.#requests
    yield* this.#twins ?? []
  }
}

function unasked(): MintringError {
  return new MintringError('MINTRING_PROTOCOL', 'A value arrived for a key that was not requested')
}
