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
  deadlineMs: number
  readonly #requests: readonly Request[]
  /** The same key asked again: [index of the first, request, …]. Asked once, answered to all. */
  #twins: (number | Request)[] | undefined
  #cursor = 0

  constructor(requests: readonly Request[], deadlineMs: number) {
    this.#requests = requests
    this.deadlineMs = deadlineMs
  }

  get size(): number {
    return this.#requests.length + (this.#twins?.length ?? 0) / 2
  }

  addTwin(index: number, request: Request): void {
    this.#twins ??= []
    this.#twins.push(index, request)
    if (request.deadlineMs < this.deadlineMs) this.deadlineMs = request.deadlineMs
  }

  /** The server names hits in the order asked and leaves misses out, then says END. */
  accept(reply: Reply): boolean {
    if (reply.kind === ReplyKind.Value) {
      this.#hit(reply)
      return false
    }
    const isEnd = reply.kind === ReplyKind.End
    for (; this.#cursor < this.#requests.length; this.#cursor++) {
      if (isEnd) this.#miss(this.#cursor)
      else this.#answer(this.#cursor, reply)
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
    let index = this.#cursor
    while (index < requests.length && !reply.keyEquals(requests[index]!.wireKey)) index++
    if (index === requests.length) {
      throw new MintringError('MINTRING_PROTOCOL', 'A value came for a key that was not asked')
    }
    for (; this.#cursor < index; this.#cursor++) this.#miss(this.#cursor)
    this.#cursor++
    this.#answer(index, reply)
  }

  #answer(index: number, reply: Reply): void {
    const request = this.#requests[index]!
    request.verb.accept(request, reply)
    this.#eachTwin(index, (twin) => twin.verb.accept(twin, reply))
  }

  #miss(index: number): void {
    const request = this.#requests[index]!
    request.verb.miss?.(request)
    this.#eachTwin(index, (twin) => twin.verb.miss?.(twin))
  }

  #eachTwin(index: number, tell: (twin: Request) => void): void {
    const twins = this.#twins
    if (twins === undefined) return
    for (let i = 0; i < twins.length; i += 2) {
      if (twins[i] === index) tell(twins[i + 1] as Request)
    }
  }

  *#all(): Iterable<Request> {
    yield* this.#requests
    for (const twin of this.#twins ?? []) if (typeof twin !== 'number') yield twin
  }
}
