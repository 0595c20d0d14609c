import type { Key } from './key.ts'

/** Which servers two rings do not share, by name or address. */
export interface Change {
  /** Servers of the first ring. */
  readonly labelsBefore: readonly string[]
  /** Servers of the second ring. */
  readonly labelsAfter: readonly string[]
  /** Servers of the first ring alone. */
  readonly removed: readonly string[]
  /** Servers of the second ring alone. */
  readonly added: readonly string[]
  /** Servers of both that have another weight. */
  readonly reweighted: readonly string[]
}

/** What a change of rings does to some keys. */
export interface Difference {
  /** Keys looked at. */
  readonly keys: number
  /** Keys whose server changes. */
  readonly moved: number
  /**
   * Moved keys that neither leave nor reach a server that was added, removed or given another
   * weight.
   */
  readonly unrelated: number
  /** Servers of the first ring alone. */
  readonly removed: readonly string[]
  /** Servers of the second ring alone. */
  readonly added: readonly string[]
  /** Servers of both that have another weight. */
  readonly reweighted: readonly string[]
  /** Keys per server before, in the order of the first ring's servers. */
  readonly before: readonly number[]
  /** Keys per server after, in the order of the second ring's servers. */
  readonly after: readonly number[]
}

interface Lookup {
  indexOf(key: Key): number
}

/** Counts moved keys for `Ring.diff`. Memory does not grow with the number of keys. */
export function differenceBetween(
  before: Lookup,
  after: Lookup,
  change: Change,
  keys: Iterable<Key>,
): Difference {
  const counter = new DifferenceCounter(change)
  for (const key of keys) counter.count(before.indexOf(key), after.indexOf(key))
  return counter.result()
}

/** Counts one key at a time what replacing one ring by another does. */
export class DifferenceCounter {
  readonly #change: Change
  readonly #afterOf: Int32Array
  readonly #changedBefore: Uint8Array
  readonly #changedAfter: Uint8Array
  readonly #countsBefore: Float64Array
  readonly #countsAfter: Float64Array
  #keys = 0
  #moved = 0
  #unrelated = 0

  constructor(change: Change) {
    const changed = new Set([...change.removed, ...change.added, ...change.reweighted])
    const positions = new Map(change.labelsAfter.map((label, index) => [label, index]))
    this.#change = change
    this.#afterOf = Int32Array.from(change.labelsBefore, (label) => positions.get(label) ?? -1)
    this.#changedBefore = Uint8Array.from(change.labelsBefore, (l) => Number(changed.has(l)))
    this.#changedAfter = Uint8Array.from(change.labelsAfter, (l) => Number(changed.has(l)))
    this.#countsBefore = new Float64Array(change.labelsBefore.length)
    this.#countsAfter = new Float64Array(change.labelsAfter.length)
  }

  /** Counts one key that goes from a server of the first ring to one of the second. */
  count(from: number, to: number): void {
    this.#keys++
    this.#countsBefore[from]!++
    this.#countsAfter[to]!++
    if (this.#afterOf[from] === to) return
    this.#moved++
    if (!this.#changedBefore[from] && !this.#changedAfter[to]) this.#unrelated++
  }

  result(): Difference {
    const { removed, added, reweighted } = this.#change
    return {
      keys: this.#keys,
      moved: this.#moved,
      unrelated: this.#unrelated,
      removed,
      added,
      reweighted,
      before: [...this.#countsBefore],
      after: [...this.#countsAfter],
    }
  }
}
