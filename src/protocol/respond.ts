const CARRIAGE_RETURN = 13
const LINE_FEED = 10
const FIRST_BLOCK_BYTES = 16 * 1024
/** Values from this size on are handed over as they are instead of being copied. */
const COPY_BELOW_BYTES = 8 * 1024
/** Replies up to this size are copied out, so that the block can be used again at once. */
const REUSE_BELOW_BYTES = 4 * 1024

/**
 * Gathers the replies of one turn of a connection into as few buffers as possible, for one write.
 * Text is latin1: keys go out byte for byte as they came in.
 */
export class ReplyWriter {
  #block: Buffer = Buffer.allocUnsafe(FIRST_BLOCK_BYTES)
  /** Where the bytes not yet in #parts begin and end in #block. */
  #from = 0
  #to = 0
  #parts: Buffer[] = []
  /** How much of #parts and of #block discard() must leave alone. */
  #settledParts = 0
  #settledTo = 0

  /** Whether there are replies that take() has not fetched. */
  get pending(): boolean {
    return this.#to > 0 || this.#parts.length > 0
  }

  /** Whether there are replies since the last settle() or take(). */
  get unsettled(): boolean {
    return (
      this.#parts.length > this.#settledParts || this.#to > Math.max(this.#settledTo, this.#from)
    )
  }

  /** Puts the replies so far beyond the reach of discard(). */
  settle(): void {
    this.#settledParts = this.#parts.length
    this.#settledTo = this.#to
  }

  /** A whole reply line; the CR LF is added. */
  line(text: string): void {
    this.#reserve(text.length + 2)
    this.#put(text)
    this.#endLine()
  }

  /** Text as it is. */
  text(text: string): void {
    this.#reserve(text.length)
    this.#put(text)
  }

  /** `VALUE <key> <flags> <bytes> [<cas>]` and the value. Source: doc/protocol.txt, "Retrieval". */
  value(key: string, flags: number, value: Buffer, cas?: bigint): void {
    const casText = cas === undefined ? '' : ` ${cas}`
    const tail = ` ${flags} ${value.length}${casText}`
    this.#reserve(key.length + tail.length + 8)
    this.#put('VALUE ')
    this.#put(key)
    this.#put(tail)
    this.#endLine()
    this.data(value)
  }

  /** `CONFIG <name> <flags> <bytes>`, the value and END: ElastiCache's answer to `config get`. */
  config(name: string, value: Buffer): void {
    this.line(`CONFIG ${name} 0 ${value.length}`)
    this.data(value)
    this.line('END')
  }

  /** A data block and its CR LF. Large ones are not copied: they must not change afterwards. */
  data(value: Buffer): void {
    if (value.length >= COPY_BELOW_BYTES) {
      this.#closePart()
      this.#parts.push(value)
      this.#reserve(2)
    } else {
      this.#reserve(value.length + 2)
      value.copy(this.#block, this.#to)
      this.#to += value.length
    }
    this.#endLine()
  }

  /** The buffers to write, in order; the writer is empty afterwards. */
  take(): Buffer[] {
    if (this.#parts.length === 0 && this.#to - this.#from <= REUSE_BELOW_BYTES) {
      const small = Buffer.allocUnsafe(this.#to - this.#from)
      this.#block.copy(small, 0, this.#from, this.#to)
      this.#from = this.#to = this.#settledTo = 0
      return [small]
    }
    this.#closePart()
    const parts = this.#parts
    this.#parts = []
    this.#settledParts = 0
    this.#renew(FIRST_BLOCK_BYTES)
    return parts
  }

  /** Forgets the replies since the last settle() or take(). */
  discard(): void {
    this.#parts.length = this.#settledParts
    this.#to = Math.max(this.#settledTo, this.#from)
  }

  #put(text: string): void {
    const block = this.#block
    if (text.length > 24) {
      this.#to += block.write(text, this.#to, 'latin1')
      return
    }
    for (let at = 0; at < text.length; at++) block[this.#to++] = text.charCodeAt(at)
  }

  #endLine(): void {
    this.#block[this.#to++] = CARRIAGE_RETURN
    this.#block[this.#to++] = LINE_FEED
  }

  #reserve(bytes: number): void {
    if (this.#to + bytes <= this.#block.length) return
    this.#closePart()
    this.#renew(Math.max(FIRST_BLOCK_BYTES * 4, bytes))
  }

  #closePart(): void {
    if (this.#settledTo > this.#from) {
      this.#parts.push(this.#block.subarray(this.#from, this.#settledTo))
      this.#settledParts = this.#parts.length
      this.#from = this.#settledTo
    }
    if (this.#to > this.#from) this.#parts.push(this.#block.subarray(this.#from, this.#to))
    this.#from = this.#to
  }

  #renew(bytes: number): void {
    this.#block = Buffer.allocUnsafeSlow(bytes)
    this.#from = this.#to = this.#settledTo = 0
  }
}
