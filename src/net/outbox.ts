// Import Buffer from the module: the global Buffer is a getter, which would run at each use.
import { Buffer } from 'node:buffer'
import { MintringError } from '../errors.ts'
import { SingleAttempt } from './attempt.ts'
import type { Connection } from './connection.ts'
import { GetBatch } from './get-batch.ts'
import type { InflightQueue } from './inflight.ts'
import type { Attempt, Request, Router, Sink } from './request.ts'
import { Slab } from './slab.ts'

/** Smaller bodies are cheaper as part of the tick's text than as a separate buffer. */
const JOINED_BODY_BYTES = 2_048
/** The maximum size of one write; after it, the socket's buffer is checked. */
const MAX_WRITE_BYTES = 256 * 1024

/**
 * How many keys one combined `get` reads at most. In larger ones, client and server would wait for
 * each other.
 */
const MAX_BATCH_KEYS = 100
/** The maximum length of its line: proxies and old servers have small buffers. */
const MAX_BATCH_BYTES = 6_000

/** One slab serves all connections of the process, because writes are synchronous. */
const slab = new Slab()

/**
 * The attempts waiting to be written to a connection, and the only place that encodes commands. The
 * commands of a tick are sent as one text, except for large values.
 */
export class Outbox implements Sink {
  readonly #attempts: Attempt[] = []
  /** The batch that the next get of this tick may join. */
  #batch: GetBatch | undefined
  /** The length of its line. */
  #lineBytes = 0
  /** The index of the first attempt that has not begun. */
  #begun = 0
  /** How many attempts `write` has passed. A failing attempt may empty the queue meanwhile. */
  #at = 0
  #requests = 0
  #bytes = 0
  #connection: Connection | undefined
  /** Whether the next attempt waits until no other one is in flight. */
  isHeld = false
  #text = ''
  #textBytes = 0
  #isCorked = false

  /** How many attempts are waiting. */
  get length(): number {
    return this.#attempts.length
  }

  /** How many requests are waiting. */
  get requests(): number {
    return this.#requests
  }

  /** The bytes of the waiting values. */
  get bytes(): number {
    return this.#bytes
  }

  /** Queues a request as a new attempt, or adds a get to this tick's batch. */
  push(request: Request, router: Router): void {
    this.#requests++
    if (request.verb.coalesce !== true) {
      this.#batch = undefined
      const attempt = new SingleAttempt(request, router)
      request.attempt = attempt
      this.#attempts.push(attempt)
      if (request.body !== undefined) this.#bytes += request.body.length
      return
    }
    request.attempt = this.#batchFor(request, router)
  }

  /** Adds a get to the batch; starts another one when the line is full, or the get goes alone. */
  #batchFor(request: Request, router: Router): GetBatch {
    const { isAlone } = request
    const batch = this.#batch
    this.#lineBytes += 1 + request.wireKey.length
    const isFull = this.#lineBytes > MAX_BATCH_BYTES
    if (batch !== undefined && !isFull && !isAlone && batch.size < MAX_BATCH_KEYS) {
      batch.add(request)
      return batch
    }
    const next = new GetBatch(request, router)
    this.#lineBytes = request.wireKey.length
    this.#attempts.push(next)
    this.#batch = isAlone ? undefined : next
    return next
  }

  /** Begins the attempts of the ending tick. Returns the earliest deadline. */
  begin(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY
    this.#batch = undefined
    for (; this.#begun < this.#attempts.length; this.#begun++) {
      const attempt = this.#attempts[this.#begun]!
      attempt.begin(nowMs)
      if (attempt.deadlineMs < nextMs) nextMs = attempt.deadlineMs
    }
    return nextMs
  }

  /** Whether a request has waited a full `requestTimeoutMs`. */
  isLate(nowMs: number, requestTimeoutMs: number): boolean {
    return this.#attempts.some((attempt) => attempt.isLate(nowMs, requestTimeoutMs))
  }

  /** Fails the requests that timed out, and returns the earliest deadline of the others. */
  expire(nowMs: number, requestTimeoutMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY
    for (const attempt of [...this.#attempts]) {
      attempt.expire(nowMs, requestTimeoutMs)
      // An attempt that has not begun has no deadline yet.
      if (attempt.isOver || attempt.startMs === 0) continue
      if (attempt.deadlineMs < nextMs) nextMs = attempt.deadlineMs
    }
    const kept = this.#attempts.filter((attempt) => !attempt.isOver)
    if (kept.length < this.#attempts.length) this.#replace(kept)
    return nextMs
  }

  /**
   * Empties the queue. `isSparing`: leaves attempts that are never retried, and the others count as
   * not tried, so that they have their whole time again.
   */
  take(isSparing = false): Attempt[] {
    const isKept = ({ isOnce }: Attempt): boolean => isSparing && isOnce
    const all = [...this.#attempts]
    this.#replace(all.filter(isKept))
    const taken = all.filter((attempt) => !isKept(attempt))
    if (isSparing) for (const attempt of taken) attempt.startMs = 0
    return taken
  }

  /**
   * Writes begun attempts in order until the socket is full, or one must be alone in flight.
   * Returns how many requests were sent.
   */
  write(connection: Connection, inflight: InflightQueue, nowMs: number): number {
    const attempts = this.#attempts
    let written = 0
    this.#connection = connection
    let isBarred = inflight.peek()?.isAlone === true
    this.isHeld = false
    while (this.#at < this.#begun && !connection.isFull && !this.isHeld) {
      this.#textBytes = 0
      while (this.#at < this.#begun && this.#textBytes + this.#text.length < MAX_WRITE_BYTES) {
        const attempt = attempts[this.#at]!
        const { isAlone } = attempt
        this.isHeld = isBarred || (isAlone && inflight.length > 0)
        if (this.isHeld) break
        this.#at++
        const before = this.#text
        const count = isDetached(attempt) ? 0 : attempt.write(this, nowMs)
        if (count === 0) {
          this.#text = before
          continue
        }
        written += count
        inflight.push(attempt)
        isBarred = isAlone
      }
      this.#flush(connection)
    }
    this.#connection = undefined
    this.#dropWritten()
    return written
  }

  // The Sink methods, which verbs call.

  text(line: string): void {
    this.#text += line
  }

  data(body: string | Uint8Array): void {
    if (body.length <= JOINED_BODY_BYTES) {
      this.#text += typeof body === 'string' ? body : latin1Of(body)
    } else {
      const connection = this.#connection!
      if (!this.#isCorked) connection.cork()
      this.#isCorked = true
      const bytes = typeof body === 'string' ? slab.take(body) : steadyBytes(body)
      connection.writeBytes(this.#text, bytes)
      this.#textBytes += this.#text.length + body.length
      this.#text = ''
    }
    this.#text += '\r\n'
  }

  #flush(connection: Connection): void {
    if (this.#text !== '') connection.write(this.#text)
    this.#text = ''
    if (this.#isCorked) connection.uncork()
    this.#isCorked = false
    // Reuse the slab once the kernel has accepted everything.
    if (connection.unsentBytes === 0) slab.reuse()
    else slab.leave()
  }

  #dropWritten(): void {
    if (this.#at === this.#attempts.length) this.#attempts.length = 0
    else this.#attempts.splice(0, this.#at)
    this.#recount()
  }

  #replace(attempts: readonly Attempt[]): void {
    this.#attempts.length = 0
    this.#attempts.push(...attempts)
    this.#recount()
  }

  #recount(): void {
    this.#requests = this.#bytes = this.#begun = this.#at = 0
    this.#batch = undefined
    for (const attempt of this.#attempts) {
      this.#requests += attempt.size
      this.#bytes += attempt.bytes
      if (attempt.startMs > 0) this.#begun++
    }
  }
}

/**
 * Whether a caller transferred the bytes of its value to another thread while they waited here.
 * They are then gone.
 */
function isDetached(attempt: Attempt): boolean {
  if (!(attempt instanceof SingleAttempt)) return false
  const { request } = attempt
  const { body } = request
  if (body === undefined || body.length > 0 || typeof body === 'string') return false
  try {
    if (new Uint8Array(body.buffer).length >= 0) return false
  } catch {
    const message = 'The bytes were transferred to another thread before they could be sent'
    request.reject(new MintringError('MINTRING_BAD_VALUE', message))
  }
  return true
}

/** Copies shared or resizable memory, which may change before the kernel has read it. */
function steadyBytes(body: Uint8Array): Uint8Array {
  const { buffer } = body as { buffer: ArrayBufferLike & { resizable?: boolean } }
  const isSteady = buffer instanceof ArrayBuffer && buffer.resizable !== true
  return isSteady ? body : Uint8Array.prototype.slice.call(body)
}

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
