import { MintringError } from '../errors.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { getHeadOf } from '../protocol/request.ts'
import { failRequest } from './attempt.ts'
import { KeySet } from './key-set.ts'
import type { Attempt, Request, Router, Sink } from './request.ts'

/**
 * The keys of the batch being written. One set serves all batches, because writes are synchronous.
 */
const seen = new KeySet()

/**
 * An attempt at consecutive plain gets of one tick, which are sent as one `get k1 … kn`. Loops over
 * all requests count, because an iteration allocates until it is optimized.
 */
export class GetBatch implements Attempt {
  readonly router: Router
  startMs = 0
  /** 0 before it began. Whole numbers, which V8 stores in the object itself. */
  deadlineMs = 0
  /** All requests before the write; afterwards one per distinct key. */
  readonly #requests: Request[]
  /** Further requests for the same keys: each key is sent once and settles all its requests. */
  #twins: Request[] | undefined = undefined
  #cursor = 0
  /**
   * How the keys were sent: in one line, or each in a line of its own. Then `hit`: the value of the
   * key at the cursor has arrived.
   */
  #form: 'joined' | 'single' | 'hit' = 'joined'
  #isExtended = false

  constructor(request: Request, router: Router) {
    this.router = router
    this.#requests = [request]
  }

  get isAlone(): boolean {
    return this.#requests[0]?.isAlone === true
  }

  get isOnce(): boolean {
    return this.#requests[0]?.isOnce === true
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

  add(request: Request): void {
    this.#requests.push(request)
  }

  begin(nowMs: number): void {
    this.startMs = nowMs
    const requests = this.#requests
    let firstMs = 0
    for (let i = 0; i < requests.length; i++) {
      const deadlineMs = requests[i]!.begin(nowMs)
      if (firstMs === 0 || deadlineMs < firstMs) firstMs = deadlineMs
    }
    this.deadlineMs = firstMs
  }

  /** Writes each distinct key once, for its first request. */
  write(out: Sink, nowMs: number): number {
    if (nowMs >= this.deadlineMs) this.expire(nowMs, 0)
    const requests = this.#requests
    let distinct = 0
    for (let i = 0; i < requests.length; i++) {
      const request = requests[i]!
      if (!this.#isWaiting(request)) continue
      request.sent = true
      if (seen.add(request.wireKey)) requests[distinct++] = request
      else {
        this.#twins ??= []
        this.#twins.push(request)
      }
    }
    seen.clear()
    requests.length = distinct
    if (distinct === 0) return 0
    if (this.router.abilities?.singleGets !== true) out.text(getHeadOf(requests))
    else {
      this.#form = 'single'
      for (const request of requests) out.text(getHeadOf([request]))
    }
    return this.size
  }

  /**
   * Processes a reply. The server returns hits in the order of the keys, omits misses, and ends
   * with END.
   */
  accept(reply: Reply): boolean {
    if (this.#form !== 'joined') return this.#acceptSingle(reply)
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
    if (this.startMs === 0) return false
    return nowMs >= this.deadlineMs && nowMs - this.startMs >= requestTimeoutMs - 1
  }

  expire(nowMs: number, requestTimeoutMs: number): void {
    if (this.startMs === 0 || nowMs < this.deadlineMs) return
    let nextMs = Number.POSITIVE_INFINITY
    for (const request of [...this.#all()]) {
      const deadlineMs = this.#deadlineOf(request)
      if (nowMs >= deadlineMs) failRequest(request, this, deadlineMs, undefined)
      else if (this.#isWaiting(request) && deadlineMs < nextMs) nextMs = deadlineMs
    }
    const isOver = nextMs === Number.POSITIVE_INFINITY
    this.deadlineMs = isOver ? Math.ceil(nowMs + requestTimeoutMs) : nextMs
  }

  extend(): void {
    this.#isExtended = true
    let firstMs = 0
    for (const request of this.#all()) {
      const { finalMs } = request
      if (this.#isWaiting(request) && (firstMs === 0 || finalMs < firstMs)) firstMs = finalMs
    }
    if (firstMs > this.deadlineMs) this.deadlineMs = firstMs
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
      if (this.#form === 'hit' || !reply.keyEquals(request.wireKey)) throw unasked()
      this.#form = 'hit'
      this.#settle(request, reply)
      return false
    }
    if (reply.kind !== ReplyKind.End) this.#settle(request, reply)
    else if (this.#form === 'single') this.#miss(request)
    this.#form = 'single'
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
    if (this.#twins !== undefined) this.#settleTwins(request, reply)
  }

  #miss(request: Request): void {
    request.verb.miss?.(request)
    if (this.#twins !== undefined) this.#missTwins(request)
  }

  #settleTwins({ wireKey }: Request, reply: Reply): void {
    for (const twin of this.#twins!) {
      if (twin.wireKey === wireKey) twin.verb.accept(twin, reply, this)
    }
  }

  #missTwins({ wireKey }: Request): void {
    for (const twin of this.#twins!) if (twin.wireKey === wireKey) twin.verb.miss?.(twin)
  }

  *#all(): Iterable<Request> {
    yield* this.#requests
    yield* this.#twins ?? []
  }
}

function unasked(): MintringError {
  return new MintringError('MINTRING_PROTOCOL', 'A value arrived for a key that was not requested')
}
