import { badArgument } from '../arguments.ts'
import { kindOf } from '../secrets.ts'

/** The clock of a server. */
export interface ServerClock {
  /** Returns the milliseconds since 1970. Must not go backwards. */
  nowMs(): number
}

/** A clock that moves only when a test calls advance(). */
export interface ManualClock extends ServerClock {
  /** Moves the clock forward by `ms` milliseconds. Throws MINTRING_BAD_ARGUMENT below 0. */
  advance(ms: number): void
}

/**
 * Creates a clock for tests: items expire when you call `advance`, without sleeping. It starts at
 * `startMs`; default: now.
 */
export function createManualClock(startMs: number = Date.now()): ManualClock {
  if (!Number.isFinite(startMs)) throw badArgument('startMs must be milliseconds since 1970')
  let now = startMs
  return {
    nowMs: () => now,
    advance(ms) {
      if (!(ms >= 0 && Number.isFinite(ms))) {
        const got = typeof ms === 'number' ? ms : kindOf(ms)
        throw badArgument(`advance() takes milliseconds, 0 or more, not ${got}`)
      }
      now += ms
    },
  }
}

/** The system clock, made monotonic: adjusting the wall clock expires no items. */
export const systemClock: ServerClock = {
  nowMs: () => performance.timeOrigin + performance.now(),
}

/**
 * memcached starts counting seconds at this value, so that 0 and 1 can mean "never" and "long ago".
 */
const FIRST_SECOND = 62
const LONG_AGO = 1
const MAX_RELATIVE_SECONDS = 2_592_000

/**
 * memcached's time: whole seconds since the server started. So an exptime of n seconds lasts
 * between n - 1 and n seconds. Source: realtime() in memcached.c.
 */
export class ServerTime {
  readonly #clock: ServerClock
  readonly #startMs: number
  /** The Unix time, in seconds, at which this server's count of seconds was 0. */
  readonly processStarted: number

  constructor(clock: ServerClock) {
    this.#clock = clock
    this.#startMs = clock.nowMs()
    this.processStarted = Math.floor(this.#startMs / 1000) - FIRST_SECOND
  }

  /** Returns the current second. */
  now(): number {
    return FIRST_SECOND + Math.floor((this.#clock.nowMs() - this.#startMs) / 1000)
  }

  /** Returns the milliseconds since 1970, for log lines. */
  nowMs(): number {
    return this.#clock.nowMs()
  }

  /** Returns how many seconds the server has been up, for `stats`. */
  uptime(now: number): number {
    return now - FIRST_SECOND + 2
  }

  /**
   * Converts a client's exptime to a second of this server. 0 means never; negative and past times
   * mean long ago.
   */
  expiry(exptime: number, now: number): number {
    if (exptime === 0) return 0
    if (exptime < 0) return LONG_AGO
    if (exptime <= MAX_RELATIVE_SECONDS) return now + exptime
    return exptime <= this.processStarted ? LONG_AGO : exptime - this.processStarted
  }
}
