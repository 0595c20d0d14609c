// Imported: the global one is looked up by a getter each time.
import { Buffer } from 'node:buffer'
import { MintringError } from '../errors.ts'
import { SingleAttempt } from './attempt.ts'
import type { Connection } from './connection.ts'
import { GetBatch } from './get-batch.ts'
import type { InflightQueue } from './inflight.ts'
import type { Attempt, Request, Router, Sink } from './request.ts'
import { Slab } from './slab.ts'

/** Bodies up to this size are cheaper as part of the turn's text than by reference. */
const JOINED_BODY_BYTES = 2_048
/** What one write holds at most before the socket is asked whether it takes more. */
const MAX_WRITE_BYTES = 256 * 1024

/** Writes are synchronous, so that one serves all lanes of the process. */
const slab = new Slab()

/**
 * The attempts that wait to be written to a lane, and the only place that turns commands into
 * bytes. A turn's commands leave as one text, large values aside.
 */
export class Outbox implements Sink {
  readonly #attempts: Attempt[] = []
  /** The gets of this turn that the next one may join. */
  #batch: GetBatch | undefined
  /** Attempts from here on have not begun. */
  #begun = 0
  #requests = 0
  #bytes = 0
  #connection: Connection | undefined
  #text = ''
  #textBytes = 0
  #isCorked = false

  /** Attempts that wait. */
  get length(): number {
    return this.#attempts.length
  }

  /** Requests that wait. */
  get requests(): number {
    return this.#requests
  }

  /** Bytes of the values that wait. */
  get bytes(): number {
    return this.#bytes
  }

  /** Makes an attempt at the request, or adds it to the one that gathers the gets of this turn. */
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
    if (this.#batch?.add(request) !== true) {
      this.#batch = new GetBatch(request, router)
      this.#attempts.push(this.#batch)
    }
    request.attempt = this.#batch
  }

  /** The turn is over: what came in it begins. Returns the earliest deadline. */
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

  /** Whether something has waited for a whole `requestTimeoutMs`. */
  isLate(nowMs: number, requestTimeoutMs: number): boolean {
    return this.#attempts.some((attempt) => attempt.isLate(nowMs, requestTimeoutMs))
  }

  /** Ends what is over and returns the earliest deadline of the rest. */
  expire(nowMs: number, requestTimeoutMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY
    for (const attempt of [...this.#attempts]) {
      attempt.expire(nowMs, requestTimeoutMs)
      // What has not begun has no deadline yet.
      if (attempt.isOver || attempt.startMs === 0) continue
      if (attempt.deadlineMs < nextMs) nextMs = attempt.deadlineMs
    }
    const kept = this.#attempts.filter((attempt) => !attempt.isOver)
    if (kept.length < this.#attempts.length) this.#replace(kept)
    return nextMs
  }

  /** Empties the outbox and returns what it held. */
  take(): Attempt[] {
    const taken = [...this.#attempts]
    this.#replace([])
    this.#text = ''
    this.#isCorked = false
    return taken
  }

  /**
   * Writes what has begun, in order, as far as the socket takes it. Returns how many requests are
   * in flight more.
   */
  write(connection: Connection, inflight: InflightQueue, nowMs: number): number {
    const attempts = this.#attempts
    let written = 0
    let at = 0
    this.#connection = connection
    while (at < this.#begun && !connection.isFull) {
      this.#textBytes = 0
      while (at < this.#begun && this.#textBytes + this.#text.length < MAX_WRITE_BYTES) {
        const attempt = attempts[at++]!
        const before = this.#text
        const count = isDetached(attempt) ? 0 : attempt.write(this, nowMs)
        if (count === 0) {
          this.#text = before
          continue
        }
        written += count
        inflight.push(attempt)
      }
      this.#flush(connection)
    }
    this.#connection = undefined
    this.#drop(at)
    return written
  }

  // How verbs write.

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
    // What the kernel has taken all of is free again.
    if (connection.unsentBytes === 0) slab.reuse()
    else slab.leave()
  }

  /** Forgets the first `count` attempts. */
  #drop(count: number): void {
    if (count === this.#attempts.length) this.#attempts.length = 0
    else this.#attempts.splice(0, count)
    this.#recount()
  }

  #replace(attempts: readonly Attempt[]): void {
    this.#attempts.length = 0
    this.#attempts.push(...attempts)
    this.#recount()
  }

  #recount(): void {
    this.#requests = this.#bytes = this.#begun = 0
    this.#batch = undefined
    for (const attempt of this.#attempts) {
      this.#requests += attempt.size
      this.#bytes += attempt.bytes
      if (attempt.startMs > 0) this.#begun++
    }
  }
}

/** A caller may transfer its bytes to another thread while they wait: nothing is left of them. */
function isDetached(attempt: Attempt): boolean {
  if (!(attempt instanceof SingleAttempt)) return false
  const { request } = attempt
  const { body } = request
  if (body === undefined || body.length > 0 || typeof body === 'string') return false
  try {
    if (new Uint8Array(body.buffer).length >= 0) return false
  } catch {
    const message = 'The bytes were transferred away before they could be sent'
    request.reject(new MintringError('MINTRING_BAD_VALUE', message))
  }
  return true
}

/** Memory that can be resized or is shared may change before the kernel has taken it: a copy. */
function steadyBytes(body: Uint8Array): Uint8Array {
  const { buffer } = body as { buffer: ArrayBufferLike & { resizable?: boolean } }
  const isSteady = buffer instanceof ArrayBuffer && buffer.resizable !== true
  return isSteady ? body : Uint8Array.prototype.slice.call(body)
}

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
