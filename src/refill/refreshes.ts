/** A refresh that runs, and at most one that waits for it to end. */
interface Turns {
  readonly running: Promise<unknown>
  next: Promise<unknown> | undefined
}

/**
 * Refreshes of one process: per key at most one runs and one waits. A call never shares a refresh
 * that began before it, since that may have read what the call is about; calls that come while one
 * runs share the next.
 */
export class Refreshes {
  readonly #turns = new Map<string, Turns>()

  get size(): number {
    return this.#turns.size
  }

  run<Result>(key: string, refresh: () => Promise<Result>): Promise<Result> {
    const turns = this.#turns.get(key)
    if (turns === undefined) return this.#start(key, refresh)
    turns.next ??= turns.running.catch(() => {}).then(() => this.#start(key, refresh))
    return turns.next as Promise<Result>
  }

  #start<Result>(key: string, refresh: () => Promise<Result>): Promise<Result> {
    const running = refresh()
    const turns: Turns = { running, next: undefined }
    this.#turns.set(key, turns)
    const end = (): void => {
      // With a next one waiting, that takes the place.
      if (this.#turns.get(key) === turns && turns.next === undefined) this.#turns.delete(key)
    }
    running.then(end, end)
    return running
  }
}
