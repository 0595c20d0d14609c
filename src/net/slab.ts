// Import Buffer from the module: the global Buffer is a getter, which would run at each use.
import { Buffer } from 'node:buffer'

/**
 * Enough for one write of a connection and one more value. What does not fit gets its own buffer.
 */
const SLAB_BYTES = 512 * 1024

/**
 * A reused buffer that encodes large texts for sockets. Joining them with other text would copy
 * them twice, and a new buffer for each would burden the garbage collector. Sockets accept most
 * writes at once, so the next write can reuse the same bytes.
 */
export class Slab {
  #bytes: Buffer | undefined
  #at = 0

  /** Returns the text's bytes; the caller may use them until `reuse`. ASCII only. */
  take(text: string): Uint8Array {
    const { length } = text
    if (length > SLAB_BYTES - this.#at) return Buffer.from(text, 'latin1')
    this.#bytes ??= Buffer.allocUnsafeSlow(SLAB_BYTES)
    const start = this.#at
    this.#at += this.#bytes.write(text, start, length, 'latin1')
    return this.#bytes.subarray(start, this.#at)
  }

  /** Reuses the slab, because all its bytes have been sent. */
  reuse(): void {
    this.#at = 0
  }

  /**
   * Leaves the slab to the sockets that still reference its bytes; the next text gets a new slab.
   */
  leave(): void {
    if (this.#at > 0) this.#bytes = undefined
    this.#at = 0
  }
}
