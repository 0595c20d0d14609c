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

/**
 * What one host must be told before its copy of a key can be believed: keys that were changed or
 * removed elsewhere. Exact up to a bound; beyond it a filter that knows every key and some more.
 */
export class Debts {
  readonly #owed = new Map<string, Owed>()
  #filter: KeyFilter | undefined
  /** Keys that the filter names and that were deleted since, oldest first. */
  readonly #cleared = new Set<string>()
  #overflow = 0
  #flush: Way | undefined

  /** Keys that are known one by one. */
  get size(): number {
    return this.#owed.size
  }

  /** Changes that are known by the filter alone. */
  get overflow(): number {
    return this.#overflow
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

  /** The host was flushed. */
  settleFlush(flush: Way): void {
    if (this.#flush === flush) this.#flush = undefined
  }

  /** The host was told. */
  settle(owed: Owed, maxKeys: number): void {
    const id = idOf(owed.wireKey, owed.debt.isBase64)
    if (this.#owed.get(id) === owed) this.#owed.delete(id)
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
