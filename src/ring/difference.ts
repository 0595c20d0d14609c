import type { Key } from './key.ts'

/** How the servers of two rings differ. Servers are matched by name or address. */
export interface Change {
  /** Servers of the first ring. */
  readonly labelsBefore: readonly string[]
  /** Servers of the second ring. */
  readonly labelsAfter: readonly string[]
  /** Servers that only the first ring has. */
  readonly removed: readonly string[]
  /** Servers that only the second ring has. */
  readonly added: readonly string[]
  /** Servers of both rings whose weight differs. */
  readonly reweighted: readonly string[]
}

/** How many of some keys change server when one ring replaces another. */
export interface Difference {
  /** The number of keys counted. */
  readonly keys: number
  /** Keys whose server changes. */
  readonly moved: number
  /** Moved keys whose servers, before and after, were neither added, removed nor reweighted. */
  readonly unrelated: number
  /** Servers that only the first ring has. */
  readonly removed: readonly string[]
  /** Servers that only the second ring has. */
  readonly added: readonly string[]
  /** Servers of both rings whose weight differs. */
  readonly reweighted: readonly string[]
  /** Keys per server in the first ring, in the order of its servers. */
  readonly before: readonly number[]
  /** Keys per server in the second ring, in the order of its servers. */
  readonly after: readonly number[]
}

interface Lookup {
  indexOf(key: Key): number
}

/** Counts moved keys for `Ring.diff`. Uses constant memory, however many keys there are. */
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

/** Counts, key by key, the moves that replacing one ring by another causes. */
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

  /** Counts one key. `from` is its server's index in the first ring, `to` in the second. */
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
