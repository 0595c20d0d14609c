/** Limits the memory of all page bodies that are being rendered and stored. */
export class Room {
  #freeBytes: number

  constructor(bytes: number) {
    this.#freeBytes = bytes
  }

  /**
   * Runs a render with a share of the memory. Releases the share once the render has ended and
   * `answered` is settled: until then the body is being gzipped and stored.
   */
  during<Value>(
    answered: Promise<unknown>,
    render: (share: Share) => Promise<Value>,
  ): Promise<Value> {
    const share = new Share(this)
    const rendered = render(share)
    void Promise.allSettled([rendered, answered]).then(() => share.giveBack())
    return rendered
  }

  /** Reserves bytes; returns false if they exceed the limit. */
  take(bytes: number): boolean {
    if (bytes > this.#freeBytes) return false
    this.#freeBytes -= bytes
    return true
  }

  give(bytes: number): void {
    this.#freeBytes += bytes
  }
}

/** The memory that one render has reserved. */
export class Share {
  readonly #room: Room
  #bytes = 0

  constructor(room: Room) {
    this.#room = room
  }

  /** Reserves more bytes for this render; returns false if they exceed the limit of all. */
  take(bytes: number): boolean {
    if (!this.#room.take(bytes)) return false
    this.#bytes += bytes
    return true
  }

  /** Releases all bytes, for a body that is not stored. */
  giveBack(): void {
    this.#room.give(this.#bytes)
    this.#bytes = 0
  }
}
