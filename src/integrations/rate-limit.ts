/**
 * `mintring/rate-limit`: a store for express-rate-limit and hono-rate-limiter.
 * @module rate-limit
 */

import { randomUUID } from 'node:crypto'
import { refuseCallbacks } from '../arguments.ts'
import type { MemcachedClient } from '../client/client.ts'
import { MintringError } from '../errors.ts'
import { performance } from '../runtime.ts'
import { checkAdapter, PREFIX } from './adapter-arguments.ts'
import { byMeta } from './by-meta.ts'
import { Generations } from './generations.ts'
import { lifetimeOfMs, lifetimeToExptime } from './lifetime.ts'
import { generationKey, safeKey } from './safe-key.ts'

/** How many hits a client has made in its window, and when the window ends. */
export interface RateLimitInfo {
  /** Hits in this window, this one included. */
  readonly totalHits: number
  /** When the window ends. */
  readonly resetTime: Date
}

/** Settings of `RateLimitStore`. */
export interface RateLimitStoreOptions {
  /** Put before every key. Default `rl:`. */
  readonly prefix?: string
}

/** When a window without end ends: the last second that memcached and other 32-bit clocks know. */
const NEVER = new Date(2_147_483_647_000)
/** How long a reset by another process may go unnoticed. */
const GENERATION_AGE_MS = 1000

/**
 * A store for express-rate-limit and hono-rate-limiter, which take it as
 * `store: new RateLimitStore(client)`. A hit is one round trip: `ma` counts, starts the counter and
 * tells its seconds left, atomically. Windows are rounded up to whole seconds. A hit is never
 * counted twice: one whose answer was lost rejects with the client's MintringError
 * (`passOnStoreError` lets such requests through).
 *
 * Servers without meta commands count in windows that begin with the clock's (each minute, for a
 * window of a minute) instead of with the first hit, since they cannot tell how long an item lives.
 */
export class RateLimitStore {
  /** Tells express-rate-limit that processes share the counters. */
  readonly localKeys = false as const
  /** Put before every key. */
  readonly prefix: string
  private readonly client: MemcachedClient
  private readonly generation: Generation
  /** 0 for a window without end. */
  private windowSeconds = 60

  constructor(client: MemcachedClient, options: RateLimitStoreOptions = {}) {
    checkAdapter('RateLimitStore', client, options, { prefix: PREFIX })
    this.client = client
    this.prefix = options.prefix ?? 'rl:'
    this.generation = new Generation(client, this.prefix)
  }

  /** Called by the host with its settings. Throws MINTRING_BAD_ARGUMENT. */
  init(options: { readonly windowMs: number }): void {
    const { windowMs } = options
    if (!(windowMs > 0)) {
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

  /** What was counted so far; undefined for a client without a hit in its window. */
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
   * Begins the window of a client anew, for `windowMs` from now, and keeps its hits. On servers
   * without meta commands windows follow the clock, and this changes nothing.
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

  /** Takes a hit back, down to none. */
  async decrement(key: string): Promise<void> {
    const counter = await this.counter(key)
    await byMeta<unknown>(
      () => this.client.meta.ma(counter, { M: 'D', D: 1 }),
      () => this.client.decr(this.clockWindow(counter).windowKey),
    )
  }

  /** Forgets the hits of one client. */
  async resetKey(key: string): Promise<void> {
    const counter = await this.counter(key)
    await byMeta<unknown>(
      () => this.client.meta.md(counter),
      () => this.client.delete(this.clockWindow(counter).windowKey),
    )
  }

  /** Forgets the hits of all clients; other processes follow within a second. */
  async resetAll(): Promise<void> {
    await this.generation.renew()
  }

  private async counter(key: string): Promise<string> {
    const word = await this.generation.word()
    return this.legal(`${this.prefix}${word}${key}`)
  }

  /** The counter of the clock's current window, and when that ends. */
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

refuseCallbacks(RateLimitStore.prototype)

/**
 * A word that is part of every counter's key, so that a new word resets all. It is kept for a
 * second, and read again behind the hits: they need not wait for it, nor for the host it lives on.
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
    // Without an answer the last word goes on: a limit must not fall with the host of one key.
    const asked = this._word
    const found = await this._client.get(this._key()).catch(() => asked)
    // Nor must it fall when this process alone loses sight of that host.
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
