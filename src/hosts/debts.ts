import type { Debt } from '../net/request.ts'
import { KeyFilter } from './key-filter.ts'

/** Where a debt is on its way: commands behind it on the same lane need not wait for it. */
export interface Way {
  /** The lane that carries it, and in which of its lives; undefined when none does. */
  lane: unknown
  life: number
}

/** What a host must be told of one key. */
export interface Owed extends Way {
  readonly wireKey: string
  readonly debt: Debt
}

/** What was owed when a flush was sent: the host forgets all of it. */
interface Covered {
  readonly flush: Way
  readonly owed: Map<string, Owed>
  readonly filter: KeyFilter | undefined
  readonly overflow: number
}

/**
 * What one host must be told before its copy of a key can be believed: keys that were changed or
 * removed elsewhere. Exact up to a bound; beyond it a filter that knows every key and some more.
 */
export class Debts {
  #owed = new Map<string, Owed>()
  #filter: KeyFilter | undefined
  /** Keys that the filter names and that were deleted since, oldest first. */
  readonly #cleared = new Set<string>()
  #overflow = 0
  #flush: Way | undefined
  /** Belongs to the flush that is on its way. */
  #covered: Covered | undefined

  /** Keys that are known one by one. */
  get size(): number {
    return this.#owed.size + (this.#covered?.owed.size ?? 0)
  }

  /** Changes that are known by the filter alone. */
  get overflow(): number {
    return this.#overflow + (this.#covered?.overflow ?? 0)
  }

  get isEmpty(): boolean {
    return this.#owed.size === 0 && this.#filter === undefined && this.#flush === undefined
  }

  /** Set when everything the host holds must be forgotten. */
  get flush(): Way | undefined {
    return this.#flush
  }

  /** Notes that the host must be flushed before it is believed for any key. */
  addFlush(): Way {
    this.#flush = { lane: undefined, life: 0 }
    return this.#flush
  }

  /** Notes a debt. A delete outlives a mark. Returns whether it still fits the bound. */
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

  /** Notes that every key of a filter may have to be deleted. */
  addFilter(filter: KeyFilter, maxKeys: number): void {
    this.#filter ??= new KeyFilter(maxKeys)
    this.#filter.addAll(filter)
    this.#cleared.clear()
    this.#overflow++
  }

  /** What the host must be told before a command about the key; undefined for nothing. */
  find(wireKey: string, isBase64: boolean): Owed | undefined {
    const id = idOf(wireKey, isBase64)
    const known = this.#owed.get(id)
    if (known !== undefined || this.#filter?.has(id) !== true || this.#cleared.has(id)) return known
    const owed: Owed = { wireKey, debt: { isMark: false, isBase64 }, lane: undefined, life: 0 }
    this.#owed.set(id, owed)
    return owed
  }

  /** The next debts to deliver, oldest first. */
  next(count: number): Owed[] {
    const found: Owed[] = []
    for (const owed of this.#owed.values()) {
      if (owed.lane === undefined) found.push(owed)
      if (found.length === count) break
    }
    return found
  }

  /** The flush was sent: what is owed now is forgotten with all else. */
  beginFlush(flush: Way): void {
    this.failFlush()
    const [owed, filter, overflow] = [this.#owed, this.#filter, this.#overflow]
    this.#covered = { flush, owed, filter, overflow }
    this.#owed = new Map()
    this.#filter = undefined
    this.#overflow = 0
    this.#cleared.clear()
  }

  /** The host was flushed. */
  settleFlush(flush: Way): void {
    if (this.#flush === flush) this.#flush = undefined
    if (this.#covered?.flush === flush) this.#covered = undefined
  }

  /** The flush may not have been executed: what it was to cover is owed again. */
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

  /** The host was told. */
  settle(owed: Owed, maxKeys: number): void {
    const id = idOf(owed.wireKey, owed.debt.isBase64)
    // A flush covers it, or the key was changed again.
    if (this.#owed.get(id) !== owed) return
    this.#owed.delete(id)
    if (this.#filter === undefined) return
    // A key that no longer fits is deleted once more when it is read: never believed wrongly.
    if (this.#cleared.size >= maxKeys) this.#cleared.delete(this.#cleared.values().next().value!)
    this.#cleared.add(id)
  }
}

/** Base64 keys are other keys than the same text. A space is in no key. */
function idOf(wireKey: string, isBase64: boolean): string {
  return isBase64 ? `${wireKey} b` : wireKey
}
