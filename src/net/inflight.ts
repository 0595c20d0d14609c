import type { Attempt } from './request.ts'

const FIRST_ROOM = 16

/**
 * The requests sent on a connection without a reply yet, in order: a ring buffer that doubles when
 * full.
 */
export class InflightQueue {
  #slots: (Attempt | undefined)[] = new Array<Attempt | undefined>(FIRST_ROOM).fill(undefined)
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  push(entry: Attempt): void {
    if (this.#length === this.#slots.length) this.#grow()
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = entry
    this.#length++
  }

  /** The oldest entry, to which the next reply belongs. */
  peek(): Attempt | undefined {
    return this.#slots[this.#head]
  }

  /** Removes the oldest entry. */
  shift(): void {
    if (this.#length === 0) return
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#slots.length - 1)
    this.#length--
  }

  at(index: number): Attempt | undefined {
    return this.#slots[(this.#head + index) & (this.#slots.length - 1)]
  }

  /** Empties the queue and returns its entries, oldest first. */
  take(): Attempt[] {
    const taken: Attempt[] = []
    for (let entry = this.peek(); entry !== undefined; entry = this.peek()) {
      taken.push(entry)
      this.shift()
    }
    return taken
  }

  #grow(): void {
    const old = this.#slots
    const mask = old.length - 1
    const slots = new Array<Attempt | undefined>(old.length * 2).fill(undefined)
    for (let i = 0; i < this.#length; i++) slots[i] = old[(this.#head + i) & mask]
    this.#slots = slots
    this.#head = 0
  }
}
