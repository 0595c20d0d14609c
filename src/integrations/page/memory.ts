/** Who need not try to store an address: nobody's render can be, or not those with cookies. */
export type Uncacheable = 'for all' | 'with cookies'

const MAX_ADDRESSES = 10_000

/**
 * The addresses whose pages could not be stored lately (Varnish's hit-for-miss): requests for them
 * go straight to the application, instead of waiting for one another's render in vain.
 */
export class UncacheableAddresses {
  readonly #forMs: number
  readonly #nowMs: () => number
  readonly #entries = new Map<string, { readonly who: Uncacheable; readonly untilMs: number }>()

  constructor(forMs: number, nowMs: () => number) {
    this.#forMs = forMs
    this.#nowMs = nowMs
  }

  get(address: string): Uncacheable | undefined {
    const entry = this.#entries.get(address)
    if (entry === undefined) return undefined
    if (entry.untilMs > this.#nowMs()) return entry.who
    this.#entries.delete(address)
    return undefined
  }

  add(address: string, who: Uncacheable): void {
    this.#entries.delete(address)
    if (this.#entries.size >= MAX_ADDRESSES) {
      const [oldest] = this.#entries.keys()
      this.#entries.delete(oldest!)
    }
    this.#entries.set(address, { who, untilMs: this.#nowMs() + this.#forMs })
  }

  delete(address: string): void {
    this.#entries.delete(address)
  }
}
