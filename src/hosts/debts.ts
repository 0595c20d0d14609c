import type { Debt } from '../net/request.ts'
import { KeyFilter } from './key-filter.ts'

/**
 * How far the delivery of a missed change is: later commands on the same connection need not wait
 * for it.
 */
export interface Way {
  /**
   * The connection on which it was sent, and a number that changes when that ends; undefined when
   * not sent.
   */
  lane: unknown
  life: number
}

/** A change that a host missed for one key. */
export interface Owed extends Way {
  readonly wireKey: string
  readonly debt: Debt
}

/**
 * The changes that a host had missed when a flush was sent. If the flush runs, they are all done.
 */
interface Covered {
  readonly flush: Way
  readonly owed: Map<string, Owed>
  readonly filter: KeyFilter | undefined
}

/**
 * The changes that a host missed: it must apply them before its values of these keys are used.
 * Exact up to a limit. Beyond it, a filter contains every key, and may match some others too.
 */
export class Debts {
  #owed = new Map<string, Owed>()
  #filter: KeyFilter | undefined
  /** Keys that match the filter and have been deleted since, oldest first. */
  readonly #cleared = new Set<string>()
  #flush: Way | undefined
  /** The missed changes that the pending flush will settle if it runs. */
  #covered: Covered | undefined

  /** The number of missed changes that are recorded exactly. */
  get size(): number {
    return this.#owed.size + (this.#covered?.owed.size ?? 0)
  }

  /** The number of missed changes beyond the exact limit: only the filter contains their keys. */
  get overflow(): number {
    return (this.#filter?.size ?? 0) + (this.#covered?.filter?.size ?? 0)
  }

  /** Whether there is a filter that ends once all its keys have been asked for. */
  get canWorkOff(): boolean {
    return this.#filter?.isExact === true
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
   * Records a missed change. A delete replaces a change that only marks the key stale, but not the
   * reverse. Returns false if the key went to the filter because the exact limit was reached.
   */
  add(wireKey: string, debt: Debt, maxKeys: number): boolean {
    const id = idOf(wireKey, debt.isBase64)
    const known = this.#owed.get(id)
    if (known === undefined && this.#owed.size >= maxKeys) {
      this.#filter ??= new KeyFilter(maxKeys)
      this.#filter.add(id)
      this.#cleared.delete(id)
      return false
    }
    this.#recordExactly(id)
    const stronger = known !== undefined && !known.debt.isMark ? known.debt : debt
    this.#owed.set(id, { wireKey, debt: stronger, lane: undefined, life: 0 })
    return true
  }

  /** Adds all keys of a filter. */
  addFilter(filter: KeyFilter, maxKeys: number): void {
    this.#filter ??= new KeyFilter(maxKeys)
    this.#filter.addAll(filter)
    this.#cleared.clear()
  }

  /** Drops a key from the filter, because it is now recorded by name; and the filter if empty. */
  #recordExactly(id: string): void {
    this.#filter?.forget(id)
    if (this.#filter?.size !== 0) return
    this.#filter = undefined
    this.#cleared.clear()
  }

  /**
   * Returns the missed change that the host must apply before a command on the key; undefined if
   * none.
   */
  find(wireKey: string, isBase64: boolean): Owed | undefined {
    const id = idOf(wireKey, isBase64)
    const known = this.#owed.get(id)
    if (known !== undefined || this.#filter?.has(id) !== true || this.#cleared.has(id)) return known
    const owed: Owed = { wireKey, debt: { isMark: false, isBase64 }, lane: undefined, life: 0 }
    this.#owed.set(id, owed)
    this.#recordExactly(id)
    return owed
  }

  /** Returns the next missed changes to send, oldest first. */
  next(count: number): Owed[] {
    const found: Owed[] = []
    for (const owed of this.#owed.values()) {
      if (owed.lane === undefined) found.push(owed)
      if (found.length === count) break
    }
    return found
  }

  /** Assigns the current missed changes to the flush that is being sent. */
  beginFlush(flush: Way): void {
    this.failFlush()
    this.#covered = { flush, owed: this.#owed, filter: this.#filter }
    this.#owed = new Map()
    this.#filter = undefined
    this.#cleared.clear()
  }

  /** Forgets the missed changes that the successful flush settled. */
  settleFlush(flush: Way): void {
    if (this.#flush === flush) this.#flush = undefined
    if (this.#covered?.flush === flush) this.#covered = undefined
  }

  /**
   * Restores the missed changes that a flush was to settle, because it may not have been executed.
   */
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
    this.#cleared.clear()
    for (const id of this.#owed.keys()) this.#recordExactly(id)
  }

  /** Removes a missed change that the host has applied. */
  settle(owed: Owed, maxKeys: number): void {
    const id = idOf(owed.wireKey, owed.debt.isBase64)
    // A flush may have settled it meanwhile, or the key was changed again: then there is nothing to
    // remove.
    if (this.#owed.get(id) !== owed) return
    this.#owed.delete(id)
    if (this.#filter === undefined) return
    // A dropped key still matches the filter. So it is deleted once more at its next read, which
    // does no harm.
    if (this.#cleared.size >= maxKeys) this.#cleared.delete(this.#cleared.values().next().value!)
    this.#cleared.add(id)
  }
}

/**
 * Returns an id for a key. A key sent as base64 gets a suffix with a space, which no key contains:
 * it is another key than the same text sent as it is.
 */
function idOf(wireKey: string, isBase64: boolean): string {
  return isBase64 ? `${wireKey} b` : wireKey
}
