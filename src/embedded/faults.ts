import { MintringError } from '../errors.ts'

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

/** Throws MINTRING_BAD_ARGUMENT for unknown names and invalid numbers. */
export function checkFaults(faults: Faults): void {
  for (const name of Object.keys(faults)) {
    if (!NAMES.has(name))
      throw new MintringError('MINTRING_BAD_ARGUMENT', `there is no fault '${name}'`)
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
