import type { Host } from './host.ts'

/** The first dial of a host: its requests wait until a second host has replied. */
export class FirstDial {
  readonly home: Host
  startMs = 0
  /** Resolves when one of the others has replied, or all have failed. */
  readonly over: Promise<void>
  isOver = false
  readonly #others: Iterator<Host> & Iterable<Host>
  #searches = 0
  #end: () => void = () => {}

  constructor(home: Host, others: readonly Host[]) {
    this.home = home
    this.#others = others.values()
    this.over = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  end(): void {
    this.isOver = true
    this.#end()
  }

  /** Dials one of the other hosts after the other, until one replies. */
  async search(): Promise<void> {
    this.#searches++
    for (const other of this.#others) {
      const isThere = await other.ready().then(
        () => true,
        () => false,
      )
      if (isThere) return this.end()
    }
    this.#searches--
    if (this.#searches === 0) this.end()
  }
}
