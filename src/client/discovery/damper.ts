/** After how many lookups a replaced list and its change are forgotten. */
const MEMORY_LOOKS = 10
/** How many changes within MEMORY_LOOKS lookups are applied at once, without confirmation. */
const FREE_CHANGES = 3
/** How many lookups in a row must return the same list if the list keeps changing. */
const CONFIRMATIONS = 3

/**
 * Keeps an unstable source from moving keys at every lookup. A change is applied at once, unless
 * the list was replaced within the last 10 lookups, or 3 changes were applied in that time. Then 3
 * lookups in a row must return the list.
 */
export class Damper {
  #current: string | undefined
  #looks = 0
  #left: { readonly list: string; readonly atLook: number }[] = []
  #candidate = ''
  #found = 0

  /** Whether to apply a list; `wait` when more lookups must confirm it first. */
  judge(list: string): 'same' | 'follow' | 'wait' {
    this.#looks++
    this.#left = this.#left.filter(({ atLook }) => this.#looks - atLook <= MEMORY_LOOKS)
    this.#found = list === this.#candidate ? this.#found + 1 : 1
    this.#candidate = list
    if (list === this.#current) return 'same'
    return this.#isFlapping(list) && this.#found < CONFIRMATIONS ? 'wait' : 'follow'
  }

  /** Records that the list was applied. */
  follow(list: string): void {
    if (this.#current !== undefined) this.#left.push({ list: this.#current, atLook: this.#looks })
    this.#current = list
  }

  #isFlapping(list: string): boolean {
    return this.#left.length >= FREE_CHANGES || this.#left.some((left) => left.list === list)
  }
}
