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
  readonly #mayLeaveOut: boolean
  #at = 0
  runs = 0

  /**
   * With a random source, makes one random sequence; otherwise all sequences, one after the other.
   * `mayLeaveOut: false` makes no move sleep.
   */
  constructor(random?: () => number, mayLeaveOut = true) {
    this.#random = random
    this.#mayLeaveOut = mayLeaveOut
  }

  get states(): number {
    return this.#met.size
  }

  /**
   * Picks one of the moves that may happen in this state. Throws Met. Without `state` the last move
   * is not over: its parts count as one move.
   */
  pick<Option extends Move>(moves: readonly Option[], state: (() => string) | undefined): Option {
    if (this.#random !== undefined) return moves[Math.floor(this.#random() * moves.length)]!
    const at = this.#at++
    if (at === this.#path.length) this.#path.push(this.#enter(moves, state?.()))
    const { name } = this.#path[at]!.left.at(-1)!
    return moves.find((move) => move.name === name)!
  }

  /** Ends the run if this state, in which nothing more can happen, was met before. */
  meet(state: () => string): void {
    if (this.#random === undefined) this.#enter([], state())
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

  #enter(moves: readonly Move[], state: string | undefined): Node {
    const asleep = this.#asleep
    const names = new Set(asleep.map(({ name }) => name))
    const before = state === undefined ? undefined : this.#meet(state, names)
    const left = moves.filter(({ name }) => !names.has(name) && before?.has(name) !== false)
    if (left.length === 0 && (before !== undefined || moves.length > 0)) throw new Met()
    const known = before === undefined ? asleep : asleep.filter(({ name }) => before.has(name))
    return { asleep: known, left: left.reverse() }
  }

  /** The moves that sleep after the last one. */
  get #asleep(): Move[] {
    const last = this.#path.at(-1)
    if (last === undefined || !this.#mayLeaveOut) return []
    return last.asleep.filter((move) => areIndependent(move, last.left.at(-1)!))
  }

  /** Records a state. Returns what slept there whenever it was met; undefined for a new state. */
  #meet(state: string, asleep: ReadonlySet<string>): ReadonlySet<string> | undefined {
    const digest = createHash('sha1').update(state).digest('base64')
    const before = this.#met.get(digest)
    this.#met.set(digest, before?.filter((name) => asleep.has(name)) ?? [...asleep])
    return before && new Set(before)
  }
}

function areIndependent(one: Move, other: Move): boolean {
  return !touches(one, other) && !touches(other, one)
}

/** Whether a move changes what the other uses. */
function touches({ changes }: Move, { reads, changes: others }: Move): boolean {
  return changes.some((it) => it === EVERYTHING || reads.includes(it) || others.includes(it))
}
