/**
 * `mintring/fastify-rate-limit`: a store for @fastify/rate-limit.
 * @module fastify-rate-limit
 */
import type { MemcachedClient } from '../client/client.ts'
import { setImmediate } from '../runtime.ts'
import {
  argument,
  CALLBACK,
  checkAdapter,
  checkCalls,
  PREFIX,
  RATE_KEY,
  unless,
} from './adapter-arguments.ts'
import { RateLimitStore } from './rate-limit.ts'

/** Options of `fastifyRateLimitStore`. */
export interface FastifyRateLimitStoreOptions {
  /** The prefix of every key. Default `rl:`. */
  readonly prefix?: string
}

/** The hits of one client in its window, and when the window ends. */
export interface FastifyRateLimitResult {
  /** Hits in this window. */
  current: number
  /** Milliseconds until the window ends; 0 when there is no window. */
  ttl: number
}

/** Receives an error, or the counted hits. */
export type FastifyRateLimitCallback = (
  error: Error | null,
  result?: FastifyRateLimitResult,
) => void

/** The settings of @fastify/rate-limit that its stores implement. */
export interface FastifyRateLimitSettings {
  /** Whether each request beyond the limit restarts the client's window. */
  readonly continueExceeding?: boolean
  /** Whether each request beyond the limit doubles the client's waiting time. */
  readonly exponentialBackoff?: boolean
}

/** The route that a child store counts for. */
export interface FastifyRateLimitRoute extends FastifyRateLimitSettings {
  /** The route, as Fastify describes it. */
  readonly routeInfo?: {
    /** The HTTP method or methods of the route. */
    readonly method?: string | string[]
    /** The path of the route. */
    readonly url?: string
  }
}

/** The interface that @fastify/rate-limit calls. */
export interface FastifyRateLimitStore {
  /** Counts a hit of `key` in a window of `timeWindow` ms that allows `max` hits. */
  incr(key: string, callback: FastifyRateLimitCallback, timeWindow: number, max: number): void
  /** Reads the hits without counting one. */
  read(key: string, callback: FastifyRateLimitCallback, timeWindow: number): void
  /** Returns a store that counts the hits of one route separately. */
  child(route: FastifyRateLimitRoute): FastifyRateLimitStore
}

/**
 * The maximum number of cached stores, one for each window length. Without it the cache could grow
 * for ever: `timeWindow` may be a function that returns a new length each time.
 */
const MAX_WINDOWS = 64

/**
 * Returns the class for the option `store: fastifyRateLimitStore(client)` of @fastify/rate-limit.
 * All processes share the counters, and a hit takes one round trip. With `continueExceeding` or
 * `exponentialBackoff`, a hit beyond the limit takes a second one and needs servers with meta
 * commands. Windows are rounded up to whole seconds. A request whose hit could not be counted
 * fails, unless @fastify/rate-limit has `skipOnError: true`.
 */
export function fastifyRateLimitStore(
  client: MemcachedClient,
  options: FastifyRateLimitStoreOptions = {},
): new (
  settings?: FastifyRateLimitSettings,
) => FastifyRateLimitStore {
  checkAdapter('fastifyRateLimitStore', client, options, { prefix: PREFIX })
  return class extends Store {
    constructor(settings: FastifyRateLimitSettings = {}) {
      super(client, options.prefix ?? 'rl:', settings)
    }
  }
}

class Store implements FastifyRateLimitStore {
  private readonly client: MemcachedClient
  private readonly prefix: string
  private readonly settings: FastifyRateLimitSettings
  private readonly windows = new Map<number, RateLimitStore>()

  constructor(client: MemcachedClient, prefix: string, settings: FastifyRateLimitSettings) {
    this.client = client
    this.prefix = prefix
    this.settings = settings
  }

  incr(key: string, callback: FastifyRateLimitCallback, timeWindow: number, max: number): void {
    settle(this.count(key, timeWindow, max), callback)
  }

  read(key: string, callback: FastifyRateLimitCallback, timeWindow: number): void {
    const found = async (): Promise<FastifyRateLimitResult> => {
      const info = await this.window(timeWindow).get(key)
      return info === undefined ? { current: 0, ttl: 0 } : resultOf(info.totalHits, info.resetTime)
    }
    settle(found(), callback)
  }

  child(route: FastifyRateLimitRoute): FastifyRateLimitStore {
    ROUTE(route, 'child')
    const { method = '', url = '' } = route.routeInfo ?? {}
    return new Store(this.client, `${this.prefix}${String(method)}${url}-`, route)
  }

  private async count(
    key: string,
    timeWindow: number,
    max: number,
  ): Promise<FastifyRateLimitResult> {
    const store = this.window(timeWindow)
    const { totalHits, resetTime } = await store.increment(key)
    const longerMs = this.longerMs(timeWindow, totalHits - max)
    if (longerMs === undefined) return resultOf(totalHits, resetTime)
    await store.extend(key, longerMs)
    return { current: totalHits, ttl: longerMs }
  }

  /**
   * Returns the new window of a client with `excess` hits beyond the limit; undefined keeps the
   * window.
   */
  private longerMs(timeWindow: number, excess: number): number | undefined {
    if (excess <= 0) return undefined
    if (this.settings.continueExceeding) return timeWindow
    if (!this.settings.exponentialBackoff) return undefined
    return Math.min(timeWindow * 2 ** (excess - 1), Number.MAX_SAFE_INTEGER)
  }

  private window(timeWindow: number): RateLimitStore {
    const known = this.windows.get(timeWindow)
    if (known !== undefined) return known
    const store = new RateLimitStore(this.client, { prefix: this.prefix })
    store.init({ windowMs: timeWindow })
    if (this.windows.size >= MAX_WINDOWS) this.windows.clear()
    this.windows.set(timeWindow, store)
    return store
  }
}

const ROUTE = argument(
  'route',
  unless((given) => typeof given === 'object' && given !== null, 'an object'),
)
const WINDOW = argument(
  'timeWindow',
  unless((given) => typeof given === 'number' && given > 0, 'a number of milliseconds above 0'),
)
const MAX = argument(
  'max',
  unless((given) => typeof given === 'number' && given >= 0, 'a number of hits, 0 or more'),
)

checkCalls(Store.prototype, {
  incr: [RATE_KEY, CALLBACK, WINDOW, MAX],
  read: [RATE_KEY, CALLBACK, WINDOW],
})

function resultOf(current: number, resetTime: Date): FastifyRateLimitResult {
  return { current, ttl: Math.max(0, resetTime.getTime() - Date.now()) }
}

/**
 * Calls back outside the promise chain: an exception in the callback must not become our rejection.
 */
function settle(result: Promise<FastifyRateLimitResult>, callback: FastifyRateLimitCallback): void {
  result.then(
    (value) => setImmediate(callback, null, value),
    (error: unknown) => setImmediate(callback, error as Error),
  )
}
