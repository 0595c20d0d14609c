// Imported because the global Buffer is a getter, which costs a call on each access.
import { Buffer } from 'node:buffer'
import { ReplyKind } from './reply-kind.ts'

/** The value of `Reply.ttl` if the reply has no ttl. */
export const TTL_UNTOLD = -2

const EMPTY: Buffer = Buffer.alloc(0)

type Decode = (this: Buffer, start: number, end: number) => string

/**
 * What `toString('utf8')` calls after looking up the encoding; calling it directly saves the
 * lookup.
 */
const utf8Slice: Decode =
  (Buffer.prototype as { utf8Slice?: Decode }).utf8Slice ??
  function (start, end) {
    return this.toString('utf8', start, end)
  }

/**
 * One reply. A parser has ONE Reply and overwrites it for each reply: read it inside the callback
 * and keep no reference, except to `data` if `dataOwned`. Positions (`…Start`, `…End`) refer to
 * `lineBuffer` or `data`, which may be the chunk passed to `push`.
 */
export class Reply {
  /** The kind of the line. */
  kind: ReplyKind = ReplyKind.Line

  /** The buffer that contains the line: `lineBuffer[lineStart, lineEnd)`, without its line end. */
  lineBuffer: Buffer = EMPTY
  /** Where the line begins in `lineBuffer`. */
  lineStart = 0
  /** Where the line ends, its line end not included. */
  lineEnd = 0
  /**
   * The start of the key of VALUE, CONFIG, ME or the meta flag `k`, or of the name of a STAT. Equal
   * to `keyEnd` if there is none.
   */
  keyStart = 0
  /** Where the key ends. */
  keyEnd = 0
  /** Whether the key is base64 (meta flag `b`). */
  keyIsBase64 = false

  /** Client flags: the second field of VALUE, or the meta flag `f`. 0 if absent. */
  flags = 0
  /** Bytes of the value; for a meta reply without a value, the flag `s`. 0 if absent. */
  size = 0
  /**
   * The buffer that contains the value: `data[dataStart, dataEnd)`, which is empty for replies
   * without a value.
   */
  data: Buffer = EMPTY
  /** Where the value begins in `data`. */
  dataStart = 0
  /** Where the value ends in `data`. */
  dataEnd = 0
  /**
   * Whether `data` was allocated for this reply alone, so that you may keep it. Otherwise it is a
   * view: copy what you keep.
   */
  dataOwned = false

  /** Meta `t`: the remaining ttl in seconds; -1 if the item never expires; TTL_UNTOLD if absent. */
  ttl: number = TTL_UNTOLD
  /** Meta `W`: the server chose this client to refill the item. */
  won = false
  /** Meta `X`: the item is marked stale. */
  stale = false
  /** Meta `Z`: the server has already chosen another client to refill the item. */
  lost = false
  /** Meta `h`: 1 if the item was read before, 0 if not, -1 if absent. */
  hit = -1
  /** Meta `l`: seconds since the last access, -1 if absent. */
  lastAccess = -1
  /** Meta `O`: where the opaque token begins in `lineBuffer`. Equal to `opaqueEnd` if absent. */
  opaqueStart = 0
  /** Where the opaque token ends. */
  opaqueEnd = 0
  /** Where the digits of the CAS id begin in `lineBuffer`. Equal to `casEnd` if absent. */
  casStart = 0
  /** Where the digits of the CAS id end. */
  casEnd = 0

  /** Resets all fields and takes a new line. For the parser only. */
  begin(lineBuffer: Buffer, lineStart: number, lineEnd: number): void {
    // Assigning an object to a field costs a write barrier, so an unchanged buffer is not assigned.
    if (this.lineBuffer !== lineBuffer) this.lineBuffer = lineBuffer
    this.lineStart = lineStart
    this.lineEnd = lineEnd
    this.keyStart = this.keyEnd = 0
    this.keyIsBase64 = false
    this.flags = 0
    this.size = 0
    this.dataStart = this.dataEnd = 0
    this.dataOwned = false
    this.ttl = TTL_UNTOLD
    this.won = this.stale = this.lost = false
    this.hit = -1
    this.lastAccess = -1
    this.opaqueStart = this.opaqueEnd = 0
    this.casStart = this.casEnd = 0
  }

  /** Moves the line to a buffer that has the same bytes at position 0. For the parser only. */
  moveLine(buffer: Buffer): void {
    const by = this.lineStart
    this.lineBuffer = buffer
    this.lineStart = 0
    this.lineEnd -= by
    this.keyStart -= by
    this.keyEnd -= by
    this.opaqueStart -= by
    this.opaqueEnd -= by
    this.casStart -= by
    this.casEnd -= by
  }

  /** Drops the buffers, so that an idle parser holds no memory. For the parser only. */
  release(): void {
    this.begin(EMPTY, 0, 0)
    this.data = EMPTY
  }

  /** Returns the whole line as latin1. */
  text(): string {
    return this.lineBuffer.toString('latin1', this.lineStart, this.lineEnd)
  }

  /**
   * Returns the line after its first word, as latin1: the text of an error, a version, or the name
   * and value of a stat.
   */
  rest(): string {
    const text = this.text()
    const space = text.indexOf(' ')
    return space < 0 ? '' : text.slice(space + 1)
  }

  /** Returns whether the key has the bytes of `latin1Key`. Allocates nothing. */
  keyEquals(latin1Key: string): boolean {
    return rangeEquals(this.lineBuffer, this.keyStart, this.keyEnd, latin1Key)
  }

  /** Returns the key as latin1; '' if the reply has none. */
  keyText(): string {
    return this.lineBuffer.toString('latin1', this.keyStart, this.keyEnd)
  }

  /** Meta `O`, the opaque token, as latin1; '' if absent. */
  get opaque(): string {
    return this.lineBuffer.toString('latin1', this.opaqueStart, this.opaqueEnd)
  }

  /** Returns whether the opaque token is `latin1`. Allocates nothing. */
  opaqueEquals(latin1: string): boolean {
    return rangeEquals(this.lineBuffer, this.opaqueStart, this.opaqueEnd, latin1)
  }

  /** Whether the reply has a CAS id: `gets`, `gats`, meta `c`. */
  get hasCas(): boolean {
    return this.casEnd > this.casStart
  }

  /** The CAS id in decimal; '' if absent. */
  get casText(): string {
    return this.lineBuffer.toString('latin1', this.casStart, this.casEnd)
  }

  /** The CAS id; 0n if absent. memcached without CAS (`-C`) also sends 0. */
  get cas(): bigint {
    return this.hasCas ? BigInt(this.casText) : 0n
  }

  /** The number of a ReplyKind.Number reply; 0n for others. */
  get number(): bigint {
    return this.kind === ReplyKind.Number ? BigInt(this.text().trimEnd()) : 0n
  }

  /** Returns the value decoded as UTF-8. */
  valueString(): string {
    return utf8Slice.call(this.data, this.dataStart, this.dataEnd)
  }

  /** Returns the value in a buffer that the caller may keep: `data` if owned, otherwise a copy. */
  valueBuffer(): Buffer {
    const length = this.dataEnd - this.dataStart
    if (this.dataOwned && this.data.length === length) {
      // Only one caller may own the buffer, so the next call returns a copy of the value.
      this.dataOwned = false
      return this.data
    }
    const copy = Buffer.allocUnsafe(length)
    this.data.copy(copy, 0, this.dataStart, this.dataEnd)
    return copy
  }
}

function rangeEquals(bytes: Buffer, start: number, end: number, latin1: string): boolean {
  const length = latin1.length
  if (end - start !== length) return false
  for (let i = 0; i < length; i++) {
    if (bytes[start + i] !== latin1.charCodeAt(i)) return false
  }
  return true
}
