import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { MintringError } from '../errors.ts'

/** The change of servers that a log belongs to. */
export interface PumpChange {
  readonly from: readonly string[]
  readonly to: readonly string[]
  /** When its handover ends, in Unix milliseconds. */
  readonly endsAtMs: number
}

/** How far two runs' end times of one handover may differ, because their clocks differ. */
const SAME_END_MS = 60_000

/**
 * The log of a copy to new hosts: a line for the change of servers, and one for each finished slab
 * class of a host. A run resumes at a slab class, because dumps within a class have no order.
 */
export class PumpLog {
  readonly #file: number
  readonly #done = new Set<string>()

  /** Opens or creates the file. Throws MINTRING_BAD_ARGUMENT if it is another kind of file. */
  constructor(path: string, change: PumpChange) {
    const { lines, rest } = read(path)
    const [first, ...others] = lines
    if (first === undefined ? rest !== '' : parsed(first)?.endsAtMs === undefined) {
      const text = `resumeFrom: ${path} is not a log of warmFromPrevious()`
      throw new MintringError('MINTRING_BAD_ARGUMENT', text)
    }
    this.#file = openSync(path, 'a')
    if (first !== undefined && isSame(first, change)) {
      for (const line of others) this.#done.add(line)
      // The last line is incomplete: the process died while it wrote that line.
      if (rest !== '') writeSync(this.#file, '\n')
      return
    }
    ftruncateSync(this.#file, 0)
    writeSync(this.#file, `${JSON.stringify(change)}\n`)
  }

  has(host: string, slabClass: number): boolean {
    return this.#done.has(lineOf(host, slabClass))
  }

  write(host: string, slabClass: number): void {
    writeSync(this.#file, `${lineOf(host, slabClass)}\n`)
  }

  close(): void {
    closeSync(this.#file)
  }
}

const lineOf = (host: string, slabClass: number): string => JSON.stringify({ host, slabClass })

/** Returns the complete lines of a file, and the incomplete rest. */
function read(path: string): { readonly lines: readonly string[]; readonly rest: string } {
  try {
    const lines = readFileSync(path, 'utf8').split('\n')
    return { lines: lines.slice(0, -1), rest: lines.at(-1)! }
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return { lines: [], rest: '' }
    throw error
  }
}

function isSame(line: string, change: PumpChange): boolean {
  const logged = parsed(line)
  if (logged === undefined || Math.abs(logged.endsAtMs - change.endsAtMs) > SAME_END_MS)
    return false
  return same(logged.from, change.from) && same(logged.to, change.to)
}

const same = (a: readonly string[], b: readonly string[]): boolean =>
  JSON.stringify(a) === JSON.stringify(b)

function parsed(line: string): PumpChange | undefined {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
