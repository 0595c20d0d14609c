import { createHash } from 'node:crypto'
import type { CommandInfo } from './types.ts'

/** The property with the function that runs one of our commands on the client. */
export const RUN: unique symbol = Symbol('mintring.compat.run')

/** A callback of the application. */
export type Callback = (this: unknown, error: unknown, result?: unknown) => void

/**
 * A command, as `compile` returns it to `command()`. Tracing packages read it and replace its
 * callback.
 */
export interface Query extends Partial<Omit<CommandInfo, 'key' | 'callback' | 'validate'>> {
  /** The key or keys, with their namespace. */
  key?: string | string[] | undefined
  callback?: Callback | undefined
  /** Names and types of the arguments. */
  validate?: ReadonlyArray<readonly [name: string, type: unknown]> | undefined
  /** Whether the command reads several keys. */
  multi?: boolean | undefined
  /** Absent in commands that other code compiles: their text is sent as it is. */
  [RUN]?: (() => Promise<unknown>) | undefined
}

/** The result of a command of which a part failed. */
export class PartlyDone {
  readonly error: unknown
  readonly result: unknown

  constructor(error: unknown, result: unknown) {
    this.error = error
    this.result = result
  }
}

/** The options that decide which keys are valid. */
export interface KeyRules {
  maxKeySize?: unknown
  keyCompression?: unknown
}

const LONGEST_MEMCACHED_KEY = 250

/**
 * Checks a command's arguments. Returns the message of the package `memcached` for the last invalid
 * one, or undefined. The callback may be absent.
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

/** Returns the key to send: the key itself, or its hex MD5 if it is too long. */
export function shortened(key: string, rules: KeyRules): string {
  return isLong(key, rules) ? createHash('md5').update(key).digest('hex') : key
}

/** The package `memcached` limits characters of a key, a server limits bytes: check both. */
function isLong(key: string, { maxKeySize, keyCompression }: KeyRules): boolean {
  if (key.length > Number(maxKeySize)) return true
  return Boolean(keyCompression) && Buffer.byteLength(key) > LONGEST_MEMCACHED_KEY
}
