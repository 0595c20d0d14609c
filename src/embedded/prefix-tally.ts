interface PrefixRow {
  gets: number
  hits: number
  sets: number
  deletes: number
}

/**
 * The limit on counted prefixes. All further ones share one counter, because keys are user input.
 */
const MAX_PREFIXES = 10_000

/** Counts commands per key prefix (up to the first `:`) while `stats detail` is on. */
export class PrefixTally {
  enabled = false
  readonly #rows = new Map<string, PrefixRow>()

  get(key: string, hit: boolean): void {
    const row = this.#row(key)
    if (row === undefined) return
    row.gets++
    if (hit) row.hits++
  }

  set(key: string): void {
    const row = this.#row(key)
    if (row !== undefined) row.sets++
  }

  delete(key: string): void {
    const row = this.#row(key)
    if (row !== undefined) row.deletes++
  }

  clear(): void {
    this.#rows.clear()
  }

  /** Returns the lines of `stats detail dump`, without END. */
  *lines(): Generator<string> {
    for (const [prefix, row] of this.#rows) {
      yield `PREFIX ${prefix} get ${row.gets} hit ${row.hits} set ${row.sets} del ${row.deletes}`
    }
  }

  #row(key: string): PrefixRow | undefined {
    const colon = key.indexOf(':')
    if (colon < 0) return undefined
    const prefix = key.slice(0, colon)
    const known = this.#rows.get(prefix)
    if (known !== undefined || this.#rows.size >= MAX_PREFIXES) return known
    const row: PrefixRow = { gets: 0, hits: 0, sets: 0, deletes: 0 }
    this.#rows.set(prefix, row)
    return row
  }
}
