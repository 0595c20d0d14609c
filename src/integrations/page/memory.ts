import type { Asked } from './asked.ts'

/**
 * The visitors for whom a page cannot be stored: all, or only those who send one of these request
 * headers.
 */
export type Unstored = 'all' | readonly string[]

interface InVain {
  readonly kind: 'unstored'
  readonly who: Unstored
  retryAtMs: number
}

/** A failure of the application at an address. */
export interface PageFailure {
  readonly kind: 'failing'
  readonly retryAtMs: number
  readonly backOffMs: number
  passesLeft: number
}

/** The last outcome at an address. */
type Known = InVain | PageFailure

const MAX_ADDRESSES = 10_000
const FIRST_BACK_OFF_MS = 250
const MAX_BACK_OFF_MS = 2000
/** How many visitors of a failing address may reach the application during one back-off. */
const MAX_PASSES = 16

/**
 * Remembers the outcome of the last render of each address (as Varnish's hit-for-miss does). If the
 * page could not be stored, requests go straight to the application instead of waiting for each
 * other; one every `forMs` tries to store it again. If the application failed, one request retries
 * after a back-off, and the others wait for it.
 */
export class PageOutcomes {
  readonly #forMs: number
  readonly #nowMs: () => number
  readonly #known = new Map<string, Known>()

  constructor(forMs: number, nowMs: () => number) {
    this.#forMs = forMs
    this.#nowMs = nowMs
  }

  /**
   * Whether a request goes straight to the application because the last render was not stored. Once
   * per `forMs` it returns false, so that one request tries again.
   */
  isInVain(address: string, asked: Asked): boolean {
    const known = this.#known.get(address)
    if (known?.kind !== 'unstored') return false
    const { who } = known
    if (who !== 'all' && !who.some((name) => asked.header(name) !== undefined)) return false
    const nowMs = this.#nowMs()
    if (nowMs < known.retryAtMs) return true
    known.retryAtMs = nowMs + this.#forMs
    return false
  }

  /** Returns the last failure at an address; undefined if the last render did not fail. */
  failure(address: string): PageFailure | undefined {
    const known = this.#known.get(address)
    return known?.kind === 'failing' ? known : undefined
  }

  /** Returns the ms until a failing address may be retried; 0 for other addresses. */
  backOffMs(address: string): number {
    return Math.max(0, (this.failure(address)?.retryAtMs ?? 0) - this.#nowMs())
  }

  /** Whether one more visitor may reach the application, which may be failing. */
  mayPass(address: string): boolean {
    const failure = this.failure(address)
    return failure === undefined || failure.passesLeft-- > 0
  }

  unstored(address: string, who: Unstored): void {
    this.#put(address, { kind: 'unstored', who, retryAtMs: this.#nowMs() + this.#forMs })
  }

  failed(address: string): void {
    const lastMs = this.failure(address)?.backOffMs ?? FIRST_BACK_OFF_MS / 2
    const backOffMs = Math.min(MAX_BACK_OFF_MS, lastMs * 2)
    const retryAtMs = this.#nowMs() + backOffMs
    this.#put(address, { kind: 'failing', backOffMs, retryAtMs, passesLeft: MAX_PASSES })
  }

  forget(address: string): void {
    this.#known.delete(address)
  }

  #put(address: string, known: Known): void {
    this.#known.delete(address)
    if (this.#known.size >= MAX_ADDRESSES) {
      const [oldest] = this.#known.keys()
      this.#known.delete(oldest!)
    }
    this.#known.set(address, known)
  }
}
