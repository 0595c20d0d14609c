import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { MintringError } from '../errors.ts'

/** The position of a warm-up: the first `position` keys are done, and `key` is the last of them. */
export interface WarmPosition {
  readonly position: number
  readonly key: string
}

/** How much of the end of a log to read: more than one line with the longest key. */
const TAIL_BYTES = 4096

/**
 * The log of a warm-up. It appends a line of JSON several times a second, so that a crash loses at
 * most the last one. A finished run marks the log, and the next run starts from the beginning.
 */
export class WarmLog {
  readonly #file: number
  readonly #last: WarmPosition | undefined

  /** Opens or creates the file. Throws MINTRING_BAD_ARGUMENT if it is another kind of file. */
  constructor(path: string) {
    this.#file = openSync(path, 'a+')
    try {
      this.#last = this.#readLast(path)
    } catch (error) {
      closeSync(this.#file)
      throw error
    }
  }

  /** Where the previous run was interrupted; undefined if there was none, or it finished. */
  get last(): WarmPosition | undefined {
    return this.#last
  }

  write(at: WarmPosition): void {
    writeSync(this.#file, `${JSON.stringify(at)}\n`)
  }

  close(isFinished: boolean): void {
    if (isFinished) writeSync(this.#file, `${JSON.stringify({ isFinished })}\n`)
    closeSync(this.#file)
  }

  #readLast(path: string): WarmPosition | undefined {
    const { size } = fstatSync(this.#file)
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES))
    readSync(this.#file, tail, 0, tail.length, size - tail.length)
    const end = tail.lastIndexOf('\n') + 1
    const broken = tail.toString('utf8', end)
    if (!isBeginning(broken)) return noLog(path)
    // The last line is incomplete: the process died while it wrote that line.
    if (broken !== '') ftruncateSync(this.#file, size - tail.length + end)
    if (end === 0) return undefined
    const line = parse(tail.toString('utf8', 0, end).trimEnd().split('\n').at(-1)!)
    if (line?.isFinished === true) {
      ftruncateSync(this.#file, 0)
      return undefined
    }
    const isPosition = Number.isSafeInteger(line?.position) && typeof line?.key === 'string'
    return isPosition ? { position: line.position!, key: line.key! } : noLog(path)
  }
}

type Line = Partial<WarmPosition> & { readonly isFinished?: boolean }

function parse(line: string): Line | undefined {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** Whether an incomplete line may be one of ours. */
function isBeginning(broken: string): boolean {
  return ['{"position":', '{"isFinished":'].some(
    (start) => broken.startsWith(start) || start.startsWith(broken),
  )
}

function noLog(path: string): never {
  throw new MintringError('MINTRING_BAD_ARGUMENT', `resumeFrom: ${path} is not a log of warm()`)
}
