import { createHash } from 'node:crypto'
import type { CommandInfo } from './types.ts'

/** How a command of ours is done, on the client. */
export const RUN: unique symbol = Symbol('mintring.compat.run')

/** A callback of a user's. */
export type Callback = (this: unknown, error: unknown, result?: unknown) => void

/**
 * A command, as `command()` gets it from those who compile it. Tracing packages read it, and put
 * their own callback in.
 */
export interface Query extends Partial<Omit<CommandInfo, 'key' | 'callback' | 'validate'>> {
  /** The key, or the keys, with the namespace before it. */
  key?: string | string[] | undefined
  callback?: Callback | undefined
  /** Names and types of the arguments. */
  validate?: ReadonlyArray<readonly [name: string, type: unknown]> | undefined
  /** Whether it reads several keys. */
  multi?: boolean | undefined
  /** Absent in commands that others compile: those go to the server as they are written. */
  [RUN]?: (() => Promise<unknown>) | undefined
}

/** A command that was done in part: what failed, and the rest. */
export class PartlyDone {
  readonly error: unknown
  readonly result: unknown

  constructor(error: unknown, result: unknown) {
    this.error = error
    this.result = result
  }
}

/** What decides over keys. */
export interface KeyRules {
  maxKeySize?: unknown
  keyCompression?: unknown
}

const LONGEST_MEMCACHED_KEY = 250

/**
 * What is wrong with a command's arguments, in the words of the package `memcached`; of several
 * faults the last one. A callback is not asked for: here a command without one is done.
 */
export function faultOf(query: Query, rules: KeyRules): string | undefined {
  let fault: string | undefined
  for (const [name, type] of query.validate ?? []) {
    if (type === Function) continue
    const value = (query as Record<string, unknown>)[name]
    const wanted = (type as { name: string }).name
    if (Object.prototype.toString.call(value) !== `[object ${wanted}]`) {
      fault = `Argument "${name}" is not a valid ${wanted}.`
    } else if (name === 'key') {
      fault ??= keyFaultOf(value as string | unknown[], rules)
    }
  }
  return fault
}

function keyFaultOf(key: string | unknown[], rules: KeyRules): string | undefined {
  if (typeof key === 'string') return oneKeyFaultOf('key', key, rules)
  const faults = key.map((one, index) => oneKeyFaultOf(String(index), String(one), rules))
  return faults.findLast((fault) => fault !== undefined)
}

function oneKeyFaultOf(name: string, key: string, rules: KeyRules): string | undefined {
  if (isLong(key, rules)) {
    if (rules.keyCompression) return undefined
    return `Argument "${name}" is longer than the maximum allowed length of ${rules.maxKeySize}`
  }
  return /\s/.test(key) ? 'The key should not contain any whitespace or new lines' : undefined
}

/** The key on the wire: itself, or its hex MD5 where it is too long. */
export function shortened(key: string, rules: KeyRules): string {
  return isLong(key, rules) ? createHash('md5').update(key).digest('hex') : key
}

/** That package counts characters; what has too many bytes is refused by every memcached. */
function isLong(key: string, { maxKeySize, keyCompression }: KeyRules): boolean {
  if (key.length > Number(maxKeySize)) return true
  return Boolean(keyCompression) && Buffer.byteLength(key) > LONGEST_MEMCACHED_KEY
}
