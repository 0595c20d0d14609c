import { types } from 'node:util'
import { checkSettings, FLAG, isObject, type Rule, WORDS } from './checks.ts'

/**
 * Faults to simulate. Without `only` they affect all replies. Bytes are counted per connection,
 * from the injection on. Faults that are not set do not occur.
 */
export interface Faults {
  /** Delays replies by this many milliseconds. */
  readonly delayMs?: number
  /** Sends replies in small portions, with a pause after each. */
  readonly drip?: {
    /** The size of each portion of a reply, in bytes. */
    readonly bytes: number
    /** The pause after each portion, in milliseconds. */
    readonly everyMs: number
  }
  /** Ends the connection (FIN) after this many bytes of replies. */
  readonly truncateAfterBytes?: number
  /** Resets the connection (RST) after this many bytes of replies. */
  readonly resetAfterBytes?: number
  /** Sends these bytes in place of each reply. The command is executed. */
  readonly garbage?: string | Uint8Array
  /** Executes commands, but sends no replies. */
  readonly dropReplies?: boolean
  /**
   * Half-open connections: they stay up, but no command on them is executed or gets a reply, ever.
   */
  readonly blackHole?: boolean
  /** Refuses new connections. Open ones continue. */
  readonly refuse?: boolean
  /** Limits the faults to commands with these verbs, such as `['get', 'mg']`. */
  readonly only?: readonly string[]
  /** Ends the faults after this many replies. */
  readonly times?: number
}

const COUNT: Rule = ['a number, 0 or more', (given) => isNumber(given, 0)]

const RULES: Readonly<Record<keyof Faults, Rule>> = {
  delayMs: COUNT,
  drip: ['an object such as { bytes: 1, everyMs: 10 }', isDrip],
  truncateAfterBytes: COUNT,
  resetAfterBytes: COUNT,
  garbage: ['text or bytes', (given) => typeof given === 'string' || types.isUint8Array(given)],
  dropReplies: FLAG,
  blackHole: FLAG,
  refuse: FLAG,
  only: WORDS,
  times: COUNT,
}

/** Throws MINTRING_BAD_ARGUMENT for unknown names and invalid values. */
export function checkFaults(faults: Faults): void {
  checkSettings('inject', faults, RULES)
}

function isDrip(given: unknown): boolean {
  if (!isObject(given)) return false
  const { bytes, everyMs, ...others } = given
  return isNumber(bytes, 1) && isNumber(everyMs, 0) && Object.keys(others).length === 0
}

function isNumber(given: unknown, min: number): boolean {
  return Number.isFinite(given) && (given as number) >= min
}

/** The current faults of a server, and how many more replies they affect. */
export class FaultPlan {
  #faults: Faults | undefined
  #left: number
  /** Increases with each injection, so that connections notice a new one. */
  generation = 0

  constructor(faults: Faults | undefined) {
    this.#faults = faults
    this.#left = faults?.times ?? Number.POSITIVE_INFINITY
  }

  /** Whether faults may affect the next reply, so that each reply must be sent separately. */
  get active(): boolean {
    return this.#faults !== undefined && this.#left > 0
  }

  get refuses(): boolean {
    return this.#faults?.refuse ?? false
  }

  /** Replaces the current faults; undefined removes them. */
  set(faults: Faults | undefined): void {
    this.#faults = faults
    this.#left = faults?.times ?? Number.POSITIVE_INFINITY
    this.generation++
  }

  /** Returns the faults that affect a command, or undefined. */
  for(verb: string): Faults | undefined {
    if (!this.active) return undefined
    const faults = this.#faults!
    return faults.only === undefined || faults.only.includes(verb) ? faults : undefined
  }

  /** Counts one affected reply. */
  use(): void {
    this.#left--
  }
}
