import { MintringError } from '../errors.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import type { Inflight, Request } from './request.ts'

/** How many keys one coalesced `get` asks at most: more would keep the server from overlapping. */
export const MAX_BATCH_KEYS = 100
/** How long its line gets at most: proxies and old servers have small buffers. */
export const MAX_BATCH_BYTES = 6_000

/** Consecutive plain gets of one turn, written as one `get k1 … kn`. */
export class GetBatch implements Inflight {
  /** The earliest of its requests. */
  deadlineMs: number = Number.POSITIVE_INFINITY
  readonly #requests: readonly Request[]
  /** Requests for keys that an earlier one asks: asked once, answered to all. */
  #twins: Request[] | undefined
  #cursor = 0

  /** `requests` may still grow until the batch is written. */
  constructor(requests: readonly Request[]) {
    this.#requests = requests
  }

  get size(): number {
    return this.#requests.length + (this.#twins?.length ?? 0)
  }

  addTwin(request: Request): void {
    this.#twins ??= []
    this.#twins.push(request)
  }

  /** The server names hits in the order asked and leaves misses out, then says END. */
  accept(reply: Reply): boolean {
    if (reply.kind === ReplyKind.Value) {
      this.#hit(reply)
      return false
    }
    const isEnd = reply.kind === ReplyKind.End
    for (; this.#cursor < this.#requests.length; this.#cursor++) {
      const request = this.#requests[this.#cursor]!
      if (isEnd) this.#miss(request)
      else this.#answer(request, reply)
    }
    return true
  }

  fail(error: MintringError): void {
    for (const request of this.#all()) request.fail(error)
  }

  expire(nowMs: number, wholeMs: number): boolean {
    if (nowMs < this.deadlineMs) return false
    let isOver = false
    let nextMs = Number.POSITIVE_INFINITY
    for (const request of this.#all()) {
      if (request.expire(nowMs, wholeMs)) isOver = true
      if (request.deadlineMs < nextMs) nextMs = request.deadlineMs
    }
    this.deadlineMs = nextMs
    return isOver
  }

  #hit(reply: Reply): void {
    const requests = this.#requests
    let at = this.#cursor
    while (at < requests.length && !reply.keyEquals(requests[at]!.wireKey)) at++
    if (at === requests.length) {
      throw new MintringError('MINTRING_PROTOCOL', 'A value came for a key that was not asked')
    }
    for (; this.#cursor < at; this.#cursor++) this.#miss(requests[this.#cursor]!)
    this.#cursor++
    this.#answer(requests[at]!, reply)
  }

  #answer(request: Request, reply: Reply): void {
    request.verb.accept(request, reply)
    if (this.#twins === undefined) return
    for (const twin of this.#twins) {
      if (twin.wireKey === request.wireKey) twin.verb.accept(twin, reply)
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
