const CARRIAGE_RETURN = 13
const LINE_FEED = 10
const FIRST_BLOCK_BYTES = 16 * 1024
/** Values of at least this size are written without a copy. */
const COPY_BELOW_BYTES = 8 * 1024
/** Replies up to this size are copied out, so that the block can be reused at once. */
const REUSE_BELOW_BYTES = 4 * 1024

/**
 * Collects replies to one connection in as few buffers as possible, so that all replies of one
 * event-loop turn are sent in one write. Text is latin1: keys leave with the bytes as they arrived.
 */
export class ReplyWriter {
  #block: Buffer = Buffer.allocUnsafe(FIRST_BLOCK_BYTES)
  /** The range of #block whose bytes are not in #parts yet. */
  #from = 0
  #to = 0
  #parts: Buffer[] = []
  /** How many #parts, and how many bytes of #block, discard() must keep. */
  #settledParts = 0
  #settledTo = 0

  /** Whether take() would return replies. */
  get pending(): boolean {
    return this.#to > 0 || this.#parts.length > 0
  }

  /** Whether replies were added since the last settle() or take(). */
  get unsettled(): boolean {
    return (
      this.#parts.length > this.#settledParts || this.#to > Math.max(this.#settledTo, this.#from)
    )
  }

  /** Protects the replies so far from discard(). */
  settle(): void {
    this.#settledParts = this.#parts.length
    this.#settledTo = this.#to
  }

  /** Adds a reply line, and its CRLF. */
  line(text: string): void {
    this.#reserve(text.length + 2)
    this.#put(text)
    this.#endLine()
  }

  /** Adds text unchanged. */
  text(text: string): void {
    this.#reserve(text.length)
    this.#put(text)
  }

  /**
   * Adds `VALUE <key> <flags> <bytes> [<cas>]` and the value. Source: doc/protocol.txt,
   * "Retrieval".
   */
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

  /**
   * Adds `CONFIG <name> <flags> <bytes>`, the value and END: ElastiCache's reply to `config get`.
   */
  config(name: string, value: Buffer): void {
    this.line(`CONFIG ${name} 0 ${value.length}`)
    this.data(value)
    this.line('END')
  }

  /**
   * Adds a data block and its CRLF. Large blocks are not copied: the caller must not change them
   * afterwards.
   */
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

  /** Returns the buffers to write, in order, and empties the writer. */
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

  /** Drops the replies since the last settle() or take(). */
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
