/** Limits how many tasks run at once; the others wait in order. */
export class Gate {
  readonly #limit: number
  readonly #waiting: (() => void)[] = []
  #next = 0
  #running = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Runs the task as soon as the limit allows; settles like the task. */
  async run<Result>(task: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#limit) {
      await new Promise<void>((enter) => {
        this.#waiting.push(enter)
      })
    } else this.#running++
    try {
      return await task()
    } finally {
      this.#leave()
    }
  }

  /** Passes the slot to the task that has waited longest. */
  #leave(): void {
    const enter = this.#waiting[this.#next]
    if (enter === undefined) {
      this.#running--
      this.#waiting.length = this.#next = 0
      return
    }
    this.#next++
    enter()
  }
}

/**
 * Waits until all promises are settled. Returns their results, or throws the first rejection: the
 * caller then knows that nothing is pending any more.
 */
export async function allDone<Result>(promises: readonly Promise<Result>[]): Promise<Result[]> {
  await Promise.allSettled(promises)
  return Promise.all(promises)
}
