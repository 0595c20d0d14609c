import { performance } from '../runtime.ts'
import type { CliIo } from './io.ts'

const BAR_WIDTH = 30

/** The progress of a run. */
export interface BarProgress {
  /** Keys that are done, including those of an earlier run. */
  readonly done: number
  /** Keys that an earlier run had done. */
  readonly before: number
  readonly failed: number
  /** The number of all keys; 0 if unknown. */
  readonly total: number
}

/** A progress line on standard error that overwrites itself. It is drawn only on a terminal. */
export class WarmBar {
  readonly #io: CliIo
  readonly #startMs = performance.now()
  #isDrawn = false

  constructor(io: CliIo) {
    this.#io = io
  }

  update({ done, before, failed, total }: BarProgress): void {
    if (!this.#io.isTTY) return
    const seconds = (performance.now() - this.#startMs) / 1000
    const perSecond = Math.round((done - before) / Math.max(seconds, 0.001))
    const failures = failed > 0 ? `, ${failed} failed` : ''
    this.say(`${bar(done, total)}${done} keys, ${perSecond}/s${failures}`)
  }

  /** Shows a text in place of the progress. */
  say(text: string): void {
    if (!this.#io.isTTY) return
    this.#isDrawn = true
    this.#io.err(`\r${text}\u001b[K`)
  }

  /** Returns the characters that erase the line; '' if none is drawn. */
  clear(): string {
    if (!this.#isDrawn) return ''
    this.#isDrawn = false
    return '\r\u001b[K'
  }
}

function bar(done: number, total: number): string {
  if (total === 0) return ''
  const share = Math.min(1, done / total)
  const full = Math.round(share * BAR_WIDTH)
  return `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${Math.floor(share * 100)} % · `
}
