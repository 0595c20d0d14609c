import { performance, setTimeout } from '../runtime.ts'

/** How often drain() checks whether everything has finished. */
const LOOK_MS = 5

/** Tracks what close() waits for: hosts with requests, and operations of several commands. */
export class Operations {
  readonly #hasRequests: () => boolean
  #underWay = 0

  /** `hasRequests` returns whether some host has requests. */
  constructor(hasRequests: () => boolean) {
    this.#hasRequests = hasRequests
  }

  get isBusy(): boolean {
    return this.#underWay > 0 || this.#hasRequests()
  }

  /** Counts an operation of several commands until it ends; returns it. */
  during<Result>(operation: Promise<Result>): Promise<Result> {
    const over = (): void => {
      this.#underWay--
    }
    this.#underWay++
    operation.then(over, over)
    return operation
  }

  /**
   * Waits until everything has finished, or until `endMs`. `isBusy` returns whether other work
   * remains.
   */
  async drain(endMs: number, isBusy: () => boolean = () => false): Promise<void> {
    while ((this.isBusy || isBusy()) && performance.now() < endMs) {
      await new Promise((wake) => setTimeout(wake, LOOK_MS))
    }
  }
}
