// Imported: the global one is looked up by a getter each time.
import { Buffer } from 'node:buffer'
import { MintringError } from '../errors.ts'
import type { Connection } from './connection.ts'
import { GetBatch, MAX_BATCH_BYTES, MAX_BATCH_KEYS } from './get-batch.ts'
import type { InflightQueue } from './inflight.ts'
import { KeySet } from './key-set.ts'
import type { Request } from './request.ts'
import { Slab } from './slab.ts'

/** Bodies up to this size are cheaper as part of the turn's text than by reference. */
const JOINED_BODY_BYTES = 2_048
/** What one write holds at most before the socket is asked whether it takes more. */
const MAX_WRITE_BYTES = 256 * 1024

/** Writes are synchronous, so that one serves all lanes of the process. */
const slab = new Slab()

/** What waits to be written to a lane. A turn's requests leave as one text, large values aside. */
export class Outbox {
  readonly #requests: Request[] = []
  /** The keys of the batch being gathered. */
  readonly #seen = new KeySet()
  #bytes = 0
  #text = ''
  #textBytes = 0
  #written = 0
  #isCorked = false

  get length(): number {
    return this.#requests.length
  }

  /** Bytes of the values that wait. */
  get bytes(): number {
    return this.#bytes
  }

  push(request: Request): void {
    this.#requests.push(request)
    if (request.body !== undefined) this.#bytes += request.body.length
  }

  /** Puts requests before all others. */
  pushFirst(requests: readonly Request[]): void {
    this.#requests.unshift(...requests)
  }

  /** Fails what is over and answers the earliest deadline of the rest. */
  expire(nowMs: number, fail: (request: Request) => void): number {
    let nextMs = Number.POSITIVE_INFINITY
    const over: Request[] = []
    let kept = 0
    for (const request of this.#requests) {
      if (request.settled || nowMs >= request.deadlineMs) {
        this.#forget(request)
        over.push(request)
        continue
      }
      if (request.deadlineMs < nextMs) nextMs = request.deadlineMs
      this.#requests[kept++] = request
    }
    this.#requests.length = kept
    over.forEach(fail)
    return nextMs
  }

  /** Empties the outbox and answers what it held. */
  take(): Request[] {
    this.#bytes = 0
    this.#text = ''
    this.#isCorked = false
    return this.#requests.splice(0)
  }

  /** Writes all that the socket takes, in order. Answers how many requests are in flight more. */
  write(connection: Connection, inflight: InflightQueue): number {
    const requests = this.#requests
    const { length } = requests
    this.#written = 0
    let at = 0
    while (at < length && !connection.isFull) at = this.#writeSome(connection, inflight, at)
    if (at < length) requests.splice(0, at)
    else requests.length = this.#bytes = 0
    return this.#written
  }

  #writeSome(connection: Connection, inflight: InflightQueue, from: number): number {
    const requests = this.#requests
    let at = from
    this.#textBytes = 0
    while (at < requests.length && this.#textBytes + this.#text.length < MAX_WRITE_BYTES) {
      const request = requests[at]!
      if (request.settled) {
        this.#forget(request)
        at++
      } else if (isDetached(request.body)) {
        at++
        request.reject(gone())
      } else if (request.verb.coalesce === true) {
        at = this.#gather(inflight, at)
      } else {
        at++
        request.sent = true
        this.#written++
        inflight.push(request)
        this.#text += request.head
        if (request.body !== undefined) this.#addBody(connection, request.body)
      }
    }
    this.#flush(connection)
    return at
  }

  #addBody(connection: Connection, body: string | Uint8Array): void {
    this.#bytes -= body.length
    if (body.length <= JOINED_BODY_BYTES) {
      this.#text += typeof body === 'string' ? body : latin1Of(body)
    } else {
      if (!this.#isCorked) connection.cork()
      this.#isCorked = true
      const bytes = typeof body === 'string' ? slab.take(body) : body
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

  /** Takes the run of plain gets that begins at `from`: `get k1 … kn`. Answers where it ended. */
  #gather(inflight: InflightQueue, from: number): number {
    const requests = this.#requests
    const limit = Math.min(requests.length, from + MAX_BATCH_KEYS)
    const asked: Request[] = []
    const batch = new GetBatch(asked)
    const seen = this.#seen
    let line = 'get'
    let at = from
    for (; at < limit && line.length < MAX_BATCH_BYTES; at++) {
      const request = requests[at]!
      if (request.verb.coalesce !== true) break
      if (request.settled) continue
      const { wireKey, deadlineMs } = request
      request.sent = true
      this.#written++
      if (deadlineMs < batch.deadlineMs) batch.deadlineMs = deadlineMs
      if (seen.add(wireKey)) {
        asked.push(request)
        line += ` ${wireKey}`
      } else {
        batch.addTwin(request)
      }
    }
    seen.clear()
    this.#text += `${line}\r\n`
    inflight.push(batch)
    return at
  }

  #forget(request: Request): void {
    if (request.body !== undefined) this.#bytes -= request.body.length
  }
}

/** A caller may transfer its bytes to another thread while they wait: nothing is left of them. */
function isDetached(body: string | Uint8Array | undefined): boolean {
  if (body === undefined || body.length > 0 || typeof body === 'string') return false
  try {
    return new Uint8Array(body.buffer).length < 0
  } catch {
    return true
  }
}

function gone(): MintringError {
  const message = 'The bytes were transferred away before they could be sent'
  return new MintringError('MINTRING_BAD_VALUE', message)
}

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
