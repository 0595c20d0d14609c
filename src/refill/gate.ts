/** Lets so many tasks run at once; the others wait their turn. */
export class Gate {
  readonly #limit: number
  readonly #waiting: (() => void)[] = []
  #next = 0
  #running = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Runs the task when there is room. Settles as it does. */
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

  /** The place goes to the one who has waited longest. */
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
