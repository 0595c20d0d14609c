import { MintringError } from '../errors.ts'

/**
 * What can go wrong on purpose. Without `only`, every reply is concerned; bytes are counted per
 * connection, from the moment the fault was injected. All that is not said stays healthy.
 */
export interface Faults {
  /** Replies are held back this long, in milliseconds. */
  readonly delayMs?: number
  /** Replies trickle: this many bytes at a time, one portion every so many milliseconds. */
  readonly drip?: {
    /** The size of a portion. */
    readonly bytes: number
    /** The pause between two portions, in milliseconds. */
    readonly everyMs: number
  }
  /** After this many bytes of replies the connection is ended (FIN). */
  readonly truncateAfterBytes?: number
  /** After this many bytes of replies the connection is reset (RST). */
  readonly resetAfterBytes?: number
  /** These bytes are sent in place of each reply; the command is executed. */
  readonly garbage?: string | Uint8Array
  /** Commands are executed and their replies lost. */
  readonly dropReplies?: boolean
  /** Half-open: the connection stays up, and nothing on it is executed or answered ever again. */
  readonly blackHole?: boolean
  /** New connections are refused; those that are open go on. */
  readonly refuse?: boolean
  /** Only commands with these verbs are concerned, such as `['get', 'mg']`. */
  readonly only?: readonly string[]
  /** The faults wear off after this many replies. */
  readonly times?: number
}

const NAMES: ReadonlySet<string> = new Set<keyof Faults>([
  'delayMs',
  'drip',
  'truncateAfterBytes',
  'resetAfterBytes',
  'garbage',
  'dropReplies',
  'blackHole',
  'refuse',
  'only',
  'times',
])

/** Throws MINTRING_BAD_ARGUMENT for unknown names and for numbers that are invalid. */
export function checkFaults(faults: Faults): void {
  for (const name of Object.keys(faults)) {
    if (!NAMES.has(name)) throw new MintringError('MINTRING_BAD_ARGUMENT', `no fault '${name}'`)
  }
  const numbers = {
    delayMs: faults.delayMs,
    truncateAfterBytes: faults.truncateAfterBytes,
    resetAfterBytes: faults.resetAfterBytes,
    times: faults.times,
    'drip.everyMs': faults.drip?.everyMs,
    'drip.bytes': faults.drip?.bytes,
  }
  for (const [name, value] of Object.entries(numbers)) {
    const least = name === 'drip.bytes' ? 1 : 0
    if (value === undefined || (Number.isFinite(value) && value >= least)) continue
    throw new MintringError('MINTRING_BAD_ARGUMENT', `fault ${name} cannot be ${value}`)
  }
}

/** The faults of a server at present, and how many replies they are still good for. */
export class FaultPlan {
  #faults: Faults | undefined
  #left: number
  /** Counts injections, so that connections notice a new one. */
  generation = 0

  constructor(faults: Faults | undefined) {
    this.#faults = faults
    this.#left = faults?.times ?? Number.POSITIVE_INFINITY
  }

  /** Whether replies must be handled one by one. */
  get active(): boolean {
    return this.#faults !== undefined && this.#left > 0
  }

  get refuses(): boolean {
    return this.#faults?.refuse ?? false
  }

  /** Replaces what is going wrong; undefined heals. */
  set(faults: Faults | undefined): void {
    this.#faults = faults
    this.#left = faults?.times ?? Number.POSITIVE_INFINITY
    this.generation++
  }

  /** The faults that concern a command, or undefined. */
  for(verb: string): Faults | undefined {
    if (!this.active) return undefined
    const faults = this.#faults!
    return faults.only === undefined || faults.only.includes(verb) ? faults : undefined
  }

  /** One reply was spoilt. */
  use(): void {
    this.#left--
  }
}
