import { createHash } from 'node:crypto'

/** One thing that may happen next, and what it uses. */
export interface Move {
  /** Differs from the names of all other moves that may happen in the same state. */
  readonly name: string
  readonly reads: readonly string[]
  readonly changes: readonly string[]
}

/** Changes everything: passing time. */
export const EVERYTHING = '*'

/** Thrown when a sequence of choices leads only to states that were reached before. */
export class Met extends Error {}

/** A state on the way to the current one. */
interface Node {
  /** Moves that need not be tried here, and those that were. */
  readonly asleep: Move[]
  /** What is tried here, the next one last. */
  readonly left: Move[]
}

/**
 * Chooses what happens next: in every order, by runs that each repeat the last one up to the last
 * choice that has another option. Two reductions leave out runs, but no state:
 *
 * - Two sequences that reach the same state have the same future, so the second one ends there.
 * - Sleep sets (P. Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems",
 *   1996, chapter 5): when a move was tried in a state, and another one that is independent of it
 *   is tried next, then trying the first one after it would only reach a state that is known: the
 *   two commute. The first move sleeps until a move runs that depends on it. If a state is reached
 *   again with fewer sleeping moves, those that slept before and do not now are tried then.
 */
export class Choices {
  readonly #path: Node[] = []
  /** For each state that was reached, the moves that sleep there (see above). */
  readonly #met = new Map<string, readonly string[]>()
  readonly #random: (() => number) | undefined
  #at = 0
  runs = 0

  /** With a random source, one random sequence; otherwise all sequences, one after the other. */
  constructor(random?: () => number) {
    this.#random = random
  }

  get states(): number {
    return this.#met.size
  }

  /** Picks one of the moves that may happen in this state. Throws Met. */
  pick<Option extends Move>(moves: readonly Option[], state: () => string): Option {
    if (this.#random !== undefined) return moves[Math.floor(this.#random() * moves.length)]!
    const at = this.#at++
    if (at === this.#path.length) this.#path.push(this.#enter(moves, state()))
    const { name } = this.#path[at]!.left.at(-1)!
    return moves.find((move) => move.name === name)!
  }

  /** Ends the run if this state was met before. */
  meet(state: () => string): void {
    if (this.#random === undefined && this.#at === this.#path.length) this.#enter([], state())
  }

  /** Goes on to the next sequence; returns false when all were taken. */
  next(): boolean {
    this.runs++
    this.#at = 0
    for (;;) {
      const node = this.#path.at(-1)
      if (node === undefined) return false
      node.asleep.push(node.left.pop()!)
      if (node.left.length > 0) return true
      this.#path.pop()
    }
  }

  #enter(moves: readonly Move[], state: string): Node {
    const last = this.#path.at(-1)
    const taken = last?.left.at(-1)
    const asleep = last?.asleep.filter((move) => areIndependent(move, taken!)) ?? []
    const names = new Set(asleep.map(({ name }) => name))
    const digest = createHash('sha1').update(state).digest('base64')
    const before = this.#met.get(digest)
    const left = moves.filter(({ name }) => !names.has(name) && before?.includes(name) !== false)
    this.#met.set(digest, before?.filter((name) => names.has(name)) ?? [...names])
    if (left.length === 0 && (before !== undefined || moves.length > 0)) throw new Met()
    const known = before === undefined ? asleep : asleep.filter(({ name }) => before.includes(name))
    return { asleep: known, left: left.reverse() }
  }
}

function areIndependent(one: Move, other: Move): boolean {
  return !touches(one, other) && !touches(other, one)
}

/** Whether a move changes what the other uses. */
function touches({ changes }: Move, { reads, changes: others }: Move): boolean {
  return changes.some((it) => it === EVERYTHING || reads.includes(it) || others.includes(it))
}
