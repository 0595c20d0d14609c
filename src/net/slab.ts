// Imported: the global one is looked up by a getter each time.
import { Buffer } from 'node:buffer'

/** Room for a write of the outbox and one value more. What does not fit gets bytes of its own. */
const SLAB_BYTES = 512 * 1024

/**
 * Where large texts become bytes on their way to a socket: joined with other text they would be
 * copied twice, and bytes made for each of them keep the collector busy. Sockets take most writes
 * at once, so that the same bytes serve the next write.
 */
export class Slab {
  #bytes: Buffer | undefined
  #at = 0

  /** The text's bytes, which are the caller's until `reuse`. ASCII only. */
  take(text: string): Uint8Array {
    const { length } = text
    if (length > SLAB_BYTES - this.#at) return Buffer.from(text, 'latin1')
    this.#bytes ??= Buffer.allocUnsafeSlow(SLAB_BYTES)
    const start = this.#at
    this.#at += this.#bytes.write(text, start, length, 'latin1')
    return this.#bytes.subarray(start, this.#at)
  }

  /** All that was taken has left. */
  reuse(): void {
    this.#at = 0
  }

  /** Sockets still reference the bytes taken: allocate a new slab. */
  leave(): void {
    if (this.#at > 0) this.#bytes = undefined
    this.#at = 0
  }
}
