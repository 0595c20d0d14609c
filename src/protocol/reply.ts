// Imported: the global one is looked up by a getter each time.
import { Buffer } from 'node:buffer'
import { ReplyKind } from './reply-kind.ts'

/** The value of `Reply.ttl` when the reply told none. */
export const TTL_UNTOLD = -2

const EMPTY: Buffer = Buffer.alloc(0)

type Decode = (this: Buffer, start: number, end: number) => string

/** What `toString('utf8')` ends in after it has looked the encoding up, each time anew. */
const utf8Slice: Decode =
  (Buffer.prototype as { utf8Slice?: Decode }).utf8Slice ??
  function (start, end) {
    return this.toString('utf8', start, end)
  }

/**
 * One reply, as the parser found it. A parser has ONE of these and fills it again for each reply:
 * read what you need inside the callback and keep nothing of it, except `data` when `dataOwned`.
 * Positions (`…Start`, `…End`) are into `lineBuffer` or `data`, which may be the chunk just pushed.
 */
export class Reply {
  /** What the line is. */
  kind: ReplyKind = ReplyKind.Line

  /** The line is `lineBuffer[lineStart, lineEnd)`, without its line end. */
  lineBuffer: Buffer = EMPTY
  /** Where the line begins in `lineBuffer`. */
  lineStart = 0
  /** Where the line ends, its line end not included. */
  lineEnd = 0
  /** The key of VALUE, CONFIG, ME and of the meta flag `k`; the name of a STAT. Equal when none. */
  keyStart = 0
  /** Where the key ends. */
  keyEnd = 0
  /** The key is base64 (meta flag `b`). */
  keyIsBase64 = false

  /** Client flags: the second field of VALUE, or the meta flag `f`. 0 when not told. */
  flags = 0
  /** Bytes of the value; for meta replies without a value, the flag `s`. 0 when not told. */
  size = 0
  /** The value is `data[dataStart, dataEnd)`; empty when the reply has none. */
  data: Buffer = EMPTY
  /** Where the value begins in `data`. */
  dataStart = 0
  /** Where the value ends in `data`. */
  dataEnd = 0
  /** `data` was made for this reply alone and may be kept. Otherwise it is a view: copy to keep. */
  dataOwned = false

  /** Meta `t`: seconds to live, -1 for ever, TTL_UNTOLD when not told. */
  ttl: number = TTL_UNTOLD
  /** Meta `W`: this client won the right to refill. */
  won = false
  /** Meta `X`: the item was invalidated. */
  stale = false
  /** Meta `Z`: another client has the right to refill. */
  lost = false
  /** Meta `h`: 1 when the item was read before, 0 when not, -1 when not told. */
  hit = -1
  /** Meta `l`: seconds since the last access, -1 when not told. */
  lastAccess = -1
  /** Meta `O`: where the opaque begins in `lineBuffer`. Equal to its end when none came. */
  opaqueStart = 0
  /** Where the opaque ends. */
  opaqueEnd = 0
  /** The CAS id: where its digits begin in `lineBuffer`. Equal to their end when none came. */
  casStart = 0
  /** Where the digits of the CAS id end. */
  casEnd = 0

  /** Forgets the last reply's fields and takes a new line. The parser calls this. */
  begin(lineBuffer: Buffer, lineStart: number, lineEnd: number): void {
    // A write of a young object to an old one is work for the collector: one per chunk will do.
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

  /** Moves the line to another buffer that holds the same bytes from 0. The parser calls this. */
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

  /** Lets go of the buffers, so that an idle parser holds no memory. The parser calls this. */
  release(): void {
    this.begin(EMPTY, 0, 0)
    this.data = EMPTY
  }

  /** The whole line, latin1. */
  text(): string {
    return this.lineBuffer.toString('latin1', this.lineStart, this.lineEnd)
  }

  /** The line after its first word: an error's text, a version, a stat's name and value. Latin1. */
  rest(): string {
    const text = this.text()
    const space = text.indexOf(' ')
    return space < 0 ? '' : text.slice(space + 1)
  }

  /** Whether the key's bytes are those of `latin1Key`. Allocates nothing. */
  keyEquals(latin1Key: string): boolean {
    return rangeEquals(this.lineBuffer, this.keyStart, this.keyEnd, latin1Key)
  }

  /** The key, latin1; '' when the reply named none. */
  keyText(): string {
    return this.lineBuffer.toString('latin1', this.keyStart, this.keyEnd)
  }

  /** Meta `O`, latin1; '' when the reply had none. */
  get opaque(): string {
    return this.lineBuffer.toString('latin1', this.opaqueStart, this.opaqueEnd)
  }

  /** Whether the opaque token is `latin1`. Allocates nothing. */
  opaqueEquals(latin1: string): boolean {
    return rangeEquals(this.lineBuffer, this.opaqueStart, this.opaqueEnd, latin1)
  }

  /** Whether the reply told a CAS id: `gets`, `gats`, meta `c`. */
  get hasCas(): boolean {
    return this.casEnd > this.casStart
  }

  /** The CAS id in decimal; '' when not told. */
  get casText(): string {
    return this.lineBuffer.toString('latin1', this.casStart, this.casEnd)
  }

  /** The CAS id; 0n when not told (memcached without CAS also tells 0). */
  get cas(): bigint {
    return this.hasCas ? BigInt(this.casText) : 0n
  }

  /** The number of a ReplyKind.Number; 0n for other replies. */
  get number(): bigint {
    return this.kind === ReplyKind.Number ? BigInt(this.text().trimEnd()) : 0n
  }

  /** The value as UTF-8. */
  valueString(): string {
    return utf8Slice.call(this.data, this.dataStart, this.dataEnd)
  }

  /** The value in a buffer the caller may keep: the owned one, else a copy. */
  valueBuffer(): Buffer {
    const length = this.dataEnd - this.dataStart
    if (this.dataOwned && this.data.length === length) {
      // It can be handed out once: the next call gets a copy.
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
