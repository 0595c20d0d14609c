/** Lists that are left, and changes, are remembered for this many looks. */
const MEMORY_LOOKS = 10
/** Changes within that memory that are followed at once. */
const FREE_CHANGES = 3
/** How often in a row a list must be found when lists flap. */
const CONFIRMATIONS = 3

/**
 * Keeps a source that cannot make up its mind from moving keys at every look. A change is followed
 * at once, unless it goes back to a list that was left in the last 10 looks, or 3 changes were
 * followed in that time: then the list must be found 3 times in a row.
 */
export class Damper {
  #current: string | undefined
  #looks = 0
  #left: { readonly list: string; readonly atLook: number }[] = []
  #candidate = ''
  #found = 0

  /** Whether the list is to be followed: `wait` when it has to prove itself first. */
  judge(list: string): 'same' | 'follow' | 'wait' {
    this.#looks++
    this.#left = this.#left.filter(({ atLook }) => this.#looks - atLook <= MEMORY_LOOKS)
    this.#found = list === this.#candidate ? this.#found + 1 : 1
    this.#candidate = list
    if (list === this.#current) return 'same'
    return this.#isFlapping(list) && this.#found < CONFIRMATIONS ? 'wait' : 'follow'
  }

  /** The list is followed now. */
  follow(list: string): void {
    if (this.#current !== undefined) this.#left.push({ list: this.#current, atLook: this.#looks })
    this.#current = list
  }

  #isFlapping(list: string): boolean {
    return this.#left.length >= FREE_CHANGES || this.#left.some((left) => left.list === list)
  }
}
