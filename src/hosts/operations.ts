import { performance, setTimeout } from '../runtime.ts'

/** How often it is looked whether something is still under way. */
const LOOK_MS = 5

/** What close() waits for: hosts with requests, and operations of several commands. */
export class Operations {
  readonly #hasRequests: () => boolean
  #underWay = 0

  /** `hasRequests` tells whether some host has requests. */
  constructor(hasRequests: () => boolean) {
    this.#hasRequests = hasRequests
  }

  get isBusy(): boolean {
    return this.#underWay > 0 || this.#hasRequests()
  }

  /** Counts an operation of several commands until it ends, and returns it. */
  during<Result>(operation: Promise<Result>): Promise<Result> {
    const over = (): void => {
      this.#underWay--
    }
    this.#underWay++
    operation.then(over, over)
    return operation
  }

  /** Waits until nothing is under way, or until `endMs`. `isBusy` tells what else to wait for. */
  async drain(endMs: number, isBusy: () => boolean = () => false): Promise<void> {
    while ((this.isBusy || isBusy()) && performance.now() < endMs) {
      await new Promise((wake) => setTimeout(wake, LOOK_MS))
    }
  }
}
