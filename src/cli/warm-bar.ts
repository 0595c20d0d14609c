import { performance } from '../runtime.ts'
import type { CliIo } from './io.ts'

const BAR_WIDTH = 30

/** How far a run is. */
export interface BarProgress {
  /** Keys done, those of the run before included. */
  readonly done: number
  /** Keys that the run before had done. */
  readonly before: number
  readonly failed: number
  /** All keys; 0 when that is unknown. */
  readonly total: number
}

/** One line that draws over itself, on standard error, on a terminal only. */
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

  /** Shows a text instead. */
  say(text: string): void {
    if (!this.#io.isTTY) return
    this.#isDrawn = true
    this.#io.err(`\r${text}\u001b[K`)
  }

  /** What takes the line away again; '' when there is none. */
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
