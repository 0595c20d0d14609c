import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { MintringError } from '../errors.ts'

/** How far a warm-up came: so many keys from the first one are done, of which this is the last. */
export interface WarmPosition {
  readonly position: number
  readonly key: string
}

/** More than a line with the longest key takes. */
const TAIL_BYTES = 4096

/**
 * The log of a warm-up: a line of JSON a few times a second, appended, so that a crash costs at
 * most the last one. A run that ended says so, and the next one begins anew.
 */
export class WarmLog {
  readonly #file: number
  readonly #last: WarmPosition | undefined

  /** Opens or makes the file. Throws MINTRING_BAD_ARGUMENT for one that is no such log. */
  constructor(path: string) {
    this.#file = openSync(path, 'a+')
    try {
      this.#last = this.#readLast(path)
    } catch (error) {
      closeSync(this.#file)
      throw error
    }
  }

  /** Where the run before broke off; undefined when there was none, or it ended. */
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
    // The process died while it wrote that.
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

/** Whether a line that breaks off may be one of ours. */
function isBeginning(broken: string): boolean {
  return ['{"position":', '{"isFinished":'].some(
    (start) => broken.startsWith(start) || start.startsWith(broken),
  )
}

function noLog(path: string): never {
  throw new MintringError('MINTRING_BAD_ARGUMENT', `resumeFrom: ${path} is no log of a warm-up`)
}
