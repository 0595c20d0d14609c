import { type ParserLimits, parserLimits } from './limits.ts'
import { malformed } from './malformed.ts'
import { Reply } from './reply.ts'
import { readHitLine, readStoredLine, STORED } from './reply-hit.ts'
import { ReplyKind } from './reply-kind.ts'
import { lineFault, NO_DATA, readLine } from './reply-line.ts'

const CR = 0x0d
const LF = 0x0a
const EMPTY: Buffer = Buffer.alloc(0)
const SHORT_COPY_BYTES = 64
const FIRST_LINE_BYTES = 512
const FIRST_SHARED_BYTES = 4096
/**
 * Values up to this size that arrive in several chunks share one buffer: most are decoded at once
 * and not kept.
 */
const SHARED_VALUE_BYTES = 64 * 1024
/**
 * The first allocation for a value that is larger than this. It grows as bytes arrive: announcing a
 * large value must not make the client allocate memory.
 */
const FIRST_VALUE_BYTES = 1024 * 1024

/**
 * Parses the replies of a memcached server, text and meta, in chunks cut anywhere.
 *
 * `push` calls `onReply` once per reply, always with the same `Reply` object. For bytes that
 * violate the protocol, `push` throws a MINTRING_PROTOCOL error that says where they are. It also
 * rethrows errors of `onReply`. After an error the parser is unusable: every later `push` throws
 * the same error.
 */
export class ReplyParser {
  readonly #onReply: (reply: Reply) => void
  readonly #maxLineBytes: number
  readonly #maxValueBytes: number
  readonly #reply: Reply = new Reply()
  /** How many bytes arrived in earlier chunks. */
  #consumed = 0
  /** The beginning of a line whose end has not arrived, or the line of an incomplete value. */
  #line: Buffer = EMPTY
  #lineBytes = 0
  #shared: Buffer = EMPTY
  /** The buffer for a value of which some bytes have not arrived yet. */
  #value: Buffer = EMPTY
  /** The announced length of the incomplete value; -1 if there is none. */
  #valueBytes = -1
  /** How many bytes of the incomplete value have arrived. */
  #collected = 0
  #dead = false
  #failure: unknown = undefined

  /** Throws MINTRING_BAD_ARGUMENT for limits that are invalid. */
  constructor(onReply: (reply: Reply) => void, limits?: Partial<ParserLimits>) {
    this.#onReply = onReply
    const { maxLineBytes, maxValueBytes } = parserLimits(limits)
    this.#maxLineBytes = maxLineBytes
    this.#maxValueBytes = maxValueBytes
  }

  /** How many bytes of an incomplete reply are held. 0 between replies. */
  get pendingBytes(): number {
    return this.#lineBytes + this.#collected
  }

  /** Parses the next bytes of the connection. The caller may reuse the chunk when this returns. */
  push(chunk: Buffer): void {
    if (this.#dead) throw this.#failure
    try {
      this.#read(chunk)
    } catch (error) {
      this.#dead = true
      this.#failure = error
      this.#forget()
      throw error
    }
    this.#consumed += chunk.length
  }

  #forget(): void {
    this.#reply.release()
    this.#line = this.#value = this.#shared = EMPTY
    this.#lineBytes = this.#collected = 0
  }

  #read(chunk: Buffer): void {
    const length = chunk.length
    if (length === 0) return
    let at = 0
    if (this.#valueBytes >= 0) at = this.#collect(chunk, 0)
    else if (this.#lineBytes > 0) at = this.#continueLine(chunk)
    while (at < length) {
      const value = readHitLine(this.#reply, chunk, at, this.#maxLineBytes, this.#maxValueBytes)
      if (value > 0) {
        at = this.#readValue(chunk, value, this.#reply.size)
      } else if (readStoredLine(this.#reply, chunk, at, this.#maxLineBytes)) {
        this.#onReply(this.#reply)
        at += STORED.length
      } else {
        at = this.#accept(chunk, at)
      }
    }
    if (this.#valueBytes < 0) this.#reply.release()
  }

  /**
   * Parses a line that is complete in the chunk, and as much of its value as the chunk has. Returns
   * the position after it.
   */
  #accept(chunk: Buffer, start: number): number {
    const lineFeed = findLineFeed(chunk, start)
    if (lineFeed < 0) return this.#holdLine(chunk, start, chunk.length)
    const next = lineFeed + 1
    const size = this.#readLine(chunk, start, lineFeed, this.#consumed + start)
    if (size !== NO_DATA) return this.#readValue(chunk, next, size)
    this.#onReply(this.#reply)
    return next
  }

  #readLine(buffer: Buffer, start: number, lineFeed: number, offset: number): number {
    const reply = this.#reply
    const whole = lineFeed > start && buffer[lineFeed - 1] === CR
    const end = whole ? lineFeed - 1 : lineFeed
    if (end - start > this.#maxLineBytes) throw this.#tooLong(buffer, start, offset)
    reply.begin(buffer, start, end)
    const size = readLine(reply)
    if (size < NO_DATA) throw malformed(lineFault(size), offset, buffer, start, end)
    // Only lines of metadump and watch end in a bare line feed.
    if (!whole && reply.kind !== ReplyKind.Line) {
      throw malformed('Line feed without carriage return', offset, buffer, start, end)
    }
    if (size > this.#maxValueBytes) {
      const what = `Value of ${size} bytes, over maxValueBytes ${this.#maxValueBytes},`
      throw malformed(what, offset, buffer, start, end)
    }
    return size
  }

  #tooLong(buffer: Buffer, start: number, offset: number): Error {
    const what = `Line over maxLineBytes ${this.#maxLineBytes}`
    return malformed(what, offset, buffer, start, start + this.#maxLineBytes)
  }

  /**
   * Keeps the beginning of a line. Its line feed may come one byte after the limit, behind a CR.
   */
  #holdLine(chunk: Buffer, start: number, end: number): number {
    const held = this.#lineBytes
    const total = held + end - start
    const most = this.#maxLineBytes + 1
    const kept = Math.min(total, most)
    if (this.#line.length < kept) {
      const room = Math.min(most, Math.max(FIRST_LINE_BYTES, kept, this.#line.length * 2))
      const larger = Buffer.allocUnsafe(room)
      this.#line.copy(larger, 0, 0, held)
      this.#line = larger
    }
    copyBytes(chunk, start, this.#line, held, kept - held)
    if (total > most) throw this.#tooLong(this.#line, 0, this.#consumed - held + start)
    this.#lineBytes = kept
    return end
  }

  #continueLine(chunk: Buffer): number {
    const lineFeed = findLineFeed(chunk, 0)
    if (lineFeed < 0) return this.#holdLine(chunk, 0, chunk.length)
    const offset = this.#consumed - this.#lineBytes
    this.#holdLine(chunk, 0, lineFeed)
    const lineBytes = this.#lineBytes
    this.#lineBytes = 0
    const size = this.#readLine(this.#line, 0, lineBytes, offset)
    if (size !== NO_DATA) return this.#readValue(chunk, lineFeed + 1, size)
    this.#onReply(this.#reply)
    return lineFeed + 1
  }

  #readValue(chunk: Buffer, start: number, size: number): number {
    const end = start + size
    if (end + 2 > chunk.length) return this.#beginValue(chunk, start, size)
    if (chunk[end] !== CR) throw this.#badEnd(chunk, end)
    if (chunk[end + 1] !== LF) throw this.#badEnd(chunk, end + 1)
    const reply = this.#reply
    if (reply.data !== chunk) reply.data = chunk
    reply.dataStart = start
    reply.dataEnd = end
    this.#onReply(reply)
    return end + 2
  }

  #badEnd(chunk: Buffer, at: number): Error {
    const what = 'Value not followed by CR LF: wrong byte'
    return malformed(what, this.#consumed + at, chunk, at, at + 1)
  }

  /** Copies the part of the value that the chunk has into the parser's own buffers. */
  #beginValue(chunk: Buffer, start: number, size: number): number {
    const reply = this.#reply
    const { lineStart, lineEnd } = reply
    if (reply.lineBuffer === chunk) {
      this.#holdLine(chunk, lineStart, lineEnd)
      reply.moveLine(this.#line)
    }
    this.#lineBytes = lineEnd - lineStart
    this.#value = this.#roomFor(size)
    this.#valueBytes = size
    this.#collected = 0
    return this.#collect(chunk, start)
  }

  #roomFor(size: number): Buffer {
    if (size > SHARED_VALUE_BYTES) return Buffer.allocUnsafe(Math.min(size, FIRST_VALUE_BYTES))
    if (this.#shared.length < size) {
      const room = Math.max(FIRST_SHARED_BYTES, 2 ** Math.ceil(Math.log2(size)))
      this.#shared = Buffer.allocUnsafe(room)
    }
    return this.#shared
  }

  #collect(chunk: Buffer, start: number): number {
    const size = this.#valueBytes
    let at = start
    if (this.#collected < size) {
      const take = Math.min(size - this.#collected, chunk.length - at)
      this.#append(chunk, at, take)
      at += take
    }
    while (this.#collected >= size && at < chunk.length) {
      const last = this.#collected > size
      if (chunk[at] !== (last ? LF : CR)) throw this.#badEnd(chunk, at)
      at++
      this.#collected++
      if (last) return this.#finishValue(at)
    }
    return at
  }

  #append(chunk: Buffer, start: number, length: number): void {
    const have = this.#collected
    const needed = have + length
    if (needed > this.#value.length) {
      const room = Math.min(this.#valueBytes, Math.max(needed, this.#value.length * 2))
      const larger = Buffer.allocUnsafe(room)
      this.#value.copy(larger, 0, 0, have)
      this.#value = larger
    }
    copyBytes(chunk, start, this.#value, have, length)
    this.#collected = needed
  }

  #finishValue(at: number): number {
    const reply = this.#reply
    reply.data = this.#value
    reply.dataStart = 0
    reply.dataEnd = this.#valueBytes
    reply.dataOwned = this.#value !== this.#shared
    this.#value = EMPTY
    this.#valueBytes = -1
    this.#lineBytes = this.#collected = 0
    this.#onReply(reply)
    return at
  }
}

/** Copies a few bytes: a plain loop is faster than calling Buffer. */
function copyBytes(from: Buffer, start: number, to: Buffer, at: number, length: number): void {
  if (length > SHORT_COPY_BYTES) from.copy(to, at, start, start + length)
  else for (let i = 0; i < length; i++) to[at + i] = from[start + i]!
}

/**
 * Returns the position of the next line feed, or -1. Lines are short, so a plain loop is fastest.
 */
function findLineFeed(chunk: Buffer, from: number): number {
  const end = chunk.length
  for (let i = from; i < end; i++) if (chunk[i] === LF) return i
  return -1
}
