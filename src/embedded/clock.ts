/** Where a server takes the time from. */
export interface ServerClock {
  /** Milliseconds since 1970. Must not run backwards. */
  nowMs(): number
}

/** A clock that stands still until a test moves it. */
export interface ManualClock extends ServerClock {
  /** Moves the clock forward by `ms` milliseconds; a negative or non-finite step throws. */
  advance(ms: number): void
}

/**
 * A clock for tests: expiry happens when `advance` says so, without sleeping.
 * Starts at `startMs`, the present by default.
 */
export function createManualClock(startMs: number = Date.now()): ManualClock {
  let now = startMs
  return {
    nowMs: () => now,
    advance(ms) {
      if (!(ms >= 0 && Number.isFinite(ms))) throw new RangeError(`cannot advance by ${ms} ms`)
      now += ms
    },
  }
}

/** The machine's clock, made monotonic: a step of the wall clock expires nothing. */
export const systemClock: ServerClock = {
  nowMs: () => performance.timeOrigin + performance.now(),
}

/**
 * memcached counts its seconds from this value, so that 0 and 1 can mean "never" and "long ago".
 */
const FIRST_SECOND = 62
const LONG_AGO = 1
const MAX_RELATIVE_SECONDS = 2_592_000

/**
 * memcached's time: whole seconds that tick from the moment the server started. An exptime of n
 * seconds therefore lasts between n - 1 and n seconds. Source: realtime() in memcached.c.
 */
export class ServerTime {
  readonly #clock: ServerClock
  readonly #startMs: number
  /** The Unix time of second 0. */
  readonly processStarted: number

  constructor(clock: ServerClock) {
    this.#clock = clock
    this.#startMs = clock.nowMs()
    this.processStarted = Math.floor(this.#startMs / 1000) - FIRST_SECOND
  }

  /** The present second. */
  now(): number {
    return FIRST_SECOND + Math.floor((this.#clock.nowMs() - this.#startMs) / 1000)
  }

  /** Milliseconds since 1970, for log lines. */
  nowMs(): number {
    return this.#clock.nowMs()
  }

  /** Seconds the server has been up, as `stats` tells it. */
  uptime(now: number): number {
    return now - FIRST_SECOND + 2
  }

  /** A client's exptime as a second of this server: 0 never, negative and past ones long ago. */
  expiry(exptime: number, now: number): number {
    if (exptime === 0) return 0
    if (exptime < 0) return LONG_AGO
    if (exptime <= MAX_RELATIVE_SECONDS) return now + exptime
    return exptime <= this.processStarted ? LONG_AGO : exptime - this.processStarted
  }
}
