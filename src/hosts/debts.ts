import type { Debt } from '../net/request.ts'
import { KeyFilter } from './key-filter.ts'

/** The delivery of a debt: later commands on the same lane need not wait for it. */
export interface Way {
  /** The lane that carries it, and the number of the lane's life; undefined when not sent. */
  lane: unknown
  life: number
}

/** A change that a host missed for one key. */
export interface Owed extends Way {
  readonly wireKey: string
  readonly debt: Debt
}

/** The debts when a flush was sent; the flush settles them all. */
interface Covered {
  readonly flush: Way
  readonly owed: Map<string, Owed>
  readonly filter: KeyFilter | undefined
  readonly overflow: number
}

/**
 * The changes that a host missed (its debts): it must apply them before its values of these keys
 * are used. Exact up to a limit. Beyond it, a filter contains every key, and matches some others
 * too.
 */
export class Debts {
  #owed = new Map<string, Owed>()
  #filter: KeyFilter | undefined
  /** Keys that match the filter and have been deleted since, oldest first. */
  readonly #cleared = new Set<string>()
  #overflow = 0
  #flush: Way | undefined
  /** The debts that the pending flush covers. */
  #covered: Covered | undefined

  /** The number of debts that are recorded exactly. */
  get size(): number {
    return this.#owed.size + (this.#covered?.owed.size ?? 0)
  }

  /** The number of changes that only the filter contains. */
  get overflow(): number {
    return this.#overflow + (this.#covered?.overflow ?? 0)
  }

  get isEmpty(): boolean {
    return this.#owed.size === 0 && this.#filter === undefined && this.#flush === undefined
  }

  /** Set when the host must be flushed. */
  get flush(): Way | undefined {
    return this.#flush
  }

  /** Records that the host must be flushed before any of its values is used. */
  addFlush(): Way {
    this.#flush = { lane: undefined, life: 0 }
    return this.#flush
  }

  /**
   * Records a debt. A delete replaces a mark, but not the reverse. Returns false if only the filter
   * has room for it.
   */
  add(wireKey: string, debt: Debt, maxKeys: number): boolean {
    const id = idOf(wireKey, debt.isBase64)
    const known = this.#owed.get(id)
    if (known === undefined && this.#owed.size >= maxKeys) {
      this.#filter ??= new KeyFilter(maxKeys)
      this.#filter.add(id)
      this.#cleared.delete(id)
      this.#overflow++
      return false
    }
    const stronger = known !== undefined && !known.debt.isMark ? known.debt : debt
    this.#owed.set(id, { wireKey, debt: stronger, lane: undefined, life: 0 })
    return true
  }

  /** Adds all keys of a filter. */
  addFilter(filter: KeyFilter, maxKeys: number): void {
    this.#filter ??= new KeyFilter(maxKeys)
    this.#filter.addAll(filter)
    this.#cleared.clear()
    this.#overflow++
  }

  /** Returns the debt that the host must apply before a command on the key; undefined if none. */
  find(wireKey: string, isBase64: boolean): Owed | undefined {
    const id = idOf(wireKey, isBase64)
    const known = this.#owed.get(id)
    if (known !== undefined || this.#filter?.has(id) !== true || this.#cleared.has(id)) return known
    const owed: Owed = { wireKey, debt: { isMark: false, isBase64 }, lane: undefined, life: 0 }
    this.#owed.set(id, owed)
    return owed
  }

  /** Returns the next debts to deliver, oldest first. */
  next(count: number): Owed[] {
    const found: Owed[] = []
    for (const owed of this.#owed.values()) {
      if (owed.lane === undefined) found.push(owed)
      if (found.length === count) break
    }
    return found
  }

  /** Moves the current debts to the flush that is being sent. */
  beginFlush(flush: Way): void {
    this.failFlush()
    const [owed, filter, overflow] = [this.#owed, this.#filter, this.#overflow]
    this.#covered = { flush, owed, filter, overflow }
    this.#owed = new Map()
    this.#filter = undefined
    this.#overflow = 0
    this.#cleared.clear()
  }

  /** Forgets the debts that the successful flush covered. */
  settleFlush(flush: Way): void {
    if (this.#flush === flush) this.#flush = undefined
    if (this.#covered?.flush === flush) this.#covered = undefined
  }

  /** Restores the debts of a flush that may not have been executed. */
  failFlush(): void {
    const covered = this.#covered
    if (covered === undefined) return
    this.#covered = undefined
    for (const [id, { wireKey, debt }] of covered.owed) {
      if (!this.#owed.has(id)) this.#owed.set(id, { wireKey, debt, lane: undefined, life: 0 })
    }
    if (covered.filter === undefined) return
    if (this.#filter !== undefined) covered.filter.addAll(this.#filter)
    this.#filter = covered.filter
    this.#overflow += covered.overflow
    this.#cleared.clear()
  }

  /** Removes a debt that the host has applied. */
  settle(owed: Owed, maxKeys: number): void {
    const id = idOf(owed.wireKey, owed.debt.isBase64)
    // Meanwhile a flush covered it, or the key was changed again.
    if (this.#owed.get(id) !== owed) return
    this.#owed.delete(id)
    if (this.#filter === undefined) return
    // A key dropped here is only deleted once more when it is read.
    if (this.#cleared.size >= maxKeys) this.#cleared.delete(this.#cleared.values().next().value!)
    this.#cleared.add(id)
  }
}

/** Returns a key's id: the base64 key is another key than the same text, and no key has a space. */
function idOf(wireKey: string, isBase64: boolean): string {
  return isBase64 ? `${wireKey} b` : wireKey
}
