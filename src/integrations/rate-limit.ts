/**
 * `mintring/rate-limit`: a store for express-rate-limit and hono-rate-limiter.
 * @module rate-limit
 */

import { randomUUID } from 'node:crypto'
import { refuseCallbacks } from '../arguments.ts'
import type { MemcachedClient } from '../client/client.ts'
import { MintringError } from '../errors.ts'
import { performance } from '../runtime.ts'
import { checkAdapter, checkCalls, PREFIX, RATE_KEY } from './adapter-arguments.ts'
import { byMeta } from './by-meta.ts'
import { Generations } from './generations.ts'
import { lifetimeOfMs, lifetimeToExptime } from './lifetime.ts'
import { generationKey, safeKey } from './safe-key.ts'

/** A client's hits in its window, and when the window ends. */
export interface RateLimitInfo {
  /** Hits in this window, this one included. */
  readonly totalHits: number
  /** When the window ends. */
  readonly resetTime: Date
}

/** Options of `RateLimitStore`. */
export interface RateLimitStoreOptions {
  /** The prefix of every key. Default `rl:`. */
  readonly prefix?: string
}

/**
 * When an endless window ends: the last second that memcached and other 32-bit clocks can express.
 */
const NEVER = new Date(2_147_483_647_000)
/** How long this process may miss a reset by another process. */
const GENERATION_AGE_MS = 1000

/**
 * A store for express-rate-limit and hono-rate-limiter: `store: new RateLimitStore(client)`. A hit
 * takes one round trip: the command `ma` atomically creates or increments the counter and returns
 * its remaining seconds. Windows are rounded up to whole seconds. A hit is never counted twice: if
 * its reply is lost, the call rejects with the client's MintringError (`passOnStoreError` lets such
 * requests through).
 *
 * Servers without meta commands cannot return the remaining lifetime of an item. There the windows
 * follow the clock (each minute, for a window of a minute) instead of starting with the first hit.
 */
export class RateLimitStore {
  /** Tells express-rate-limit that processes share the counters. */
  readonly localKeys = false as const
  /** The prefix of every key. */
  readonly prefix: string
  private readonly client: MemcachedClient
  private readonly generation: Generation
  /** The window length; 0 for an endless window. */
  private windowSeconds = 60

  constructor(client: MemcachedClient, options: RateLimitStoreOptions = {}) {
    checkAdapter('RateLimitStore', client, options, { prefix: PREFIX })
    this.client = client
    this.prefix = options.prefix ?? 'rl:'
    this.generation = new Generation(client, this.prefix)
  }

  /** Sets the window length; the rate limiter calls it. Throws MINTRING_BAD_ARGUMENT. */
  init(options: { readonly windowMs: number }): void {
    const { windowMs } = Object(options) as { windowMs?: number }
    if (typeof windowMs !== 'number' || !(windowMs > 0)) {
      const what = `windowMs must be a number above 0, not ${String(windowMs)}`
      throw new MintringError('MINTRING_BAD_ARGUMENT', what)
    }
    const lifetime = lifetimeOfMs(windowMs)
    this.windowSeconds = lifetime === 'over' ? 1 : lifetime
  }

  /** Counts a hit. */
  async increment(key: string): Promise<RateLimitInfo> {
    const counter = await this.counter(key)
    const ttl = this.windowSeconds
    return byMeta(
      async () => {
        const flags = { N: lifetimeToExptime(ttl), J: 1, D: 1, v: true, t: true }
        const { value, ttl: leftSeconds = ttl || -1 } = await this.client.meta.ma(counter, flags)
        return infoOf(Number(value), leftSeconds)
      },
      async () => {
        const { windowKey, resetTime } = this.clockWindow(counter)
        const total = await this.client.incr(windowKey, 1, { initial: 1, ttl })
        return { totalHits: Number(total), resetTime }
      },
    )
  }

  /** Reads the hits without counting one; undefined if the client has none in its window. */
  async get(key: string): Promise<RateLimitInfo | undefined> {
    const counter = await this.counter(key)
    return byMeta(
      async () => {
        const { value, ttl = 0 } = await this.client.meta.mg(counter, { v: true, t: true })
        return value === undefined ? undefined : infoOf(Number(value), ttl)
      },
      async () => {
        const { windowKey, resetTime } = this.clockWindow(counter)
        const value = await this.client.get(windowKey)
        return value === undefined ? undefined : { totalHits: Number(value), resetTime }
      },
    )
  }

  /**
   * Extends the window of a client to `windowMs` from now, and keeps its hits. Does nothing on
   * servers without meta commands, where windows are aligned to the clock.
   */
  async extend(key: string, windowMs: number): Promise<void> {
    const counter = await this.counter(key)
    const lifetime = lifetimeOfMs(windowMs)
    const seconds = lifetime === 'over' ? 1 : lifetime
    await byMeta<unknown>(
      () => this.client.meta.mg(counter, { T: lifetimeToExptime(seconds) }),
      () => Promise.resolve(),
    )
  }

  /** Removes one hit; the count stays at least 0. */
  async decrement(key: string): Promise<void> {
    const counter = await this.counter(key)
    await byMeta<unknown>(
      () => this.client.meta.ma(counter, { M: 'D', D: 1 }),
      () => this.client.decr(this.clockWindow(counter).windowKey),
    )
  }

  /** Deletes the hits of one client. */
  async resetKey(key: string): Promise<void> {
    const counter = await this.counter(key)
    await byMeta<unknown>(
      () => this.client.meta.md(counter),
      () => this.client.delete(this.clockWindow(counter).windowKey),
    )
  }

  /** Deletes the hits of all clients; other processes notice within a second. */
  async resetAll(): Promise<void> {
    await this.generation.renew()
  }

  private async counter(key: string): Promise<string> {
    const word = await this.generation.word()
    return this.legal(`${this.prefix}${word}${key}`)
  }

  /** Returns the counter's key in the current window, if windows are aligned to the clock. */
  private clockWindow(counter: string): { readonly windowKey: string; readonly resetTime: Date } {
    const windowMs = this.windowSeconds * 1000
    if (windowMs === 0) return { windowKey: this.legal(`${counter}:0`), resetTime: NEVER }
    const number = Math.floor(Date.now() / windowMs)
    const windowKey = this.legal(`${counter}:${number}`)
    return { windowKey, resetTime: new Date((number + 1) * windowMs) }
  }

  private legal(key: string): string {
    return safeKey(key, this.client.behaviors.keyPrefix)
  }
}

refuseCallbacks(
  checkCalls(RateLimitStore.prototype, {
    increment: [RATE_KEY],
    get: [RATE_KEY],
    extend: [RATE_KEY],
    decrement: [RATE_KEY],
    resetKey: [RATE_KEY],
  }),
)

/**
 * Caches the generation, a word in every counter's key: a new word resets all counters. The cached
 * word is reread every second in the background, so that hits wait neither for it nor for its host.
 */
class Generation {
  private readonly _client: MemcachedClient
  private readonly _home: Generations
  private readonly _scope: string
  private _word = ''
  private _readAtMs = Number.NEGATIVE_INFINITY
  private _first: Promise<void> | undefined

  constructor(client: MemcachedClient, scope: string) {
    this._client = client
    this._home = new Generations(client)
    this._scope = scope
  }

  async word(): Promise<string> {
    if (performance.now() - this._readAtMs > GENERATION_AGE_MS) {
      this._readAtMs = performance.now()
      const reading = this._read()
      this._first ??= reading
    }
    await this._first
    return this._word
  }

  async renew(): Promise<void> {
    const word = `${randomUUID()}:`
    await this._client.set(this._key(), word)
    this._word = word
    this._readAtMs = performance.now()
  }

  private async _read(): Promise<void> {
    // If the read fails, keep the last generation: one failed host must not reset all limits.
    const asked = this._word
    const found = await this._client.get(this._key()).catch(() => asked)
    // Keep it also after a miss while its host is down for us: other processes may still read it.
    if (found === undefined && !this._home.isUp(this._key())) return
    if (this._word === asked) this._word = typeof found === 'string' ? found : ''
  }

  private _key(): string {
    return generationKey(this._scope, this._client.behaviors.keyPrefix)
  }
}

function infoOf(totalHits: number, leftSeconds: number): RateLimitInfo {
  const isEndless = leftSeconds === -1
  return { totalHits, resetTime: isEndless ? NEVER : new Date(Date.now() + leftSeconds * 1000) }
}
