import type { Report } from './report.ts'

const TOKENS = 30

/** The outcome of an append. */
type Fate = 'open' | 'done' | 'undone'

/** A token that a caller appends to a text, until its outcome is known. */
export interface Append {
  readonly key: string
  readonly token: string
  readonly tell: (fate: Fate) => void
  readonly missing: () => void
}

/** A text to which many callers append tokens: it must hold every token once, in any order. */
export class Log {
  readonly #name: string
  readonly #isAlone: boolean
  readonly #report: Report
  #generation = 0
  #fates: Fate[] = []
  #isMade = false

  constructor(name: string, isAlone: boolean, report: Report) {
    this.#name = name
    this.#isAlone = isAlone
    this.#report = report
  }

  get key(): string {
    return `${this.#name}.${this.#generation}`
  }

  get head(): string {
    return `${this.key}|`
  }

  /**
   * Records that the `add` of the text's beginning was acknowledged. From now on the text exists.
   */
  made(key: string): void {
    if (key === this.key) this.#isMade = true
  }

  /** Begins an append; the caller reports its outcome, or that the text was absent. */
  append(): Append {
    if (this.#fates.length >= TOKENS) {
      this.#generation++
      this.#fates = []
      this.#isMade = false
    }
    const { key } = this
    const fates = this.#fates
    const wasMade = this.#isMade
    const number = fates.push('open') - 1
    const tell = (fate: Fate): void => {
      fates[number] = fate
    }
    const missing = (): void => {
      tell('undone')
      if (!wasMade || !this.#isAlone) return
      this.#report.add('falseAcks', `append found no ${key}, though it had been added`)
    }
    return { key, token: `${number};`, tell, missing }
  }

  /** Begins a read. The returned check compares its result with what was certain when it began. */
  read(): { readonly key: string; readonly check: (value: unknown) => void } {
    const { key, head } = this
    const fates = this.#fates
    const done = fates.flatMap((fate, number) => (fate === 'done' ? [number] : []))
    const wasMade = this.#isMade
    const check = (value: unknown): void => {
      if (value === undefined) {
        this.#report.misses++
        if (wasMade && this.#isAlone) this.#report.add('falseAcks', `${key} is gone`)
        return
      }
      if (typeof value !== 'string' || !value.startsWith(head)) {
        this.#report.add('wrong', `get ${key} returned ${String(value).slice(0, 60)}`)
        return
      }
      this.#report.hits++
      const tokens = value.slice(head.length).split(';').slice(0, -1).map(Number)
      this.#checkTokens(key, tokens, fates, done)
    }
    return { key, check }
  }

  #checkTokens(key: string, tokens: number[], fates: Fate[], done: number[]): void {
    const seen = new Set<number>()
    for (const token of tokens) {
      if (seen.has(token)) this.#report.add('twice', `${key} has the token ${token} twice`)
      if (fates[token] === undefined) this.#report.add('wrong', `${key} has a foreign token`)
      if (fates[token] === 'undone') {
        this.#report.add('falseAcks', `${key} has the token ${token}, reported as not appended`)
      }
      seen.add(token)
    }
    const lost = this.#isAlone ? done.find((number) => !seen.has(number)) : undefined
    if (lost !== undefined) this.#report.add('stale', `${key} lacks the acknowledged token ${lost}`)
  }
}
