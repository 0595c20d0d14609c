/**
 * `mintring/fastify-rate-limit`: a store for @fastify/rate-limit.
 * @module fastify-rate-limit
 */
import type { MemcachedClient } from '../client/client.ts'
import { setImmediate } from '../runtime.ts'
import { checkAdapter, PREFIX } from './adapter-arguments.ts'
import { RateLimitStore } from './rate-limit.ts'

/** Settings of `fastifyRateLimitStore`. */
export interface FastifyRateLimitStoreOptions {
  /** Put before every key. Default `rl:`. */
  readonly prefix?: string
}

/** Hits of one client so far, and the milliseconds until its window ends. */
export interface FastifyRateLimitResult {
  /** Hits in this window. */
  current: number
  /** Milliseconds until the window ends; 0 without a window. */
  ttl: number
}

/** Called with an error, or with what was counted. */
export type FastifyRateLimitCallback = (
  error: Error | null,
  result?: FastifyRateLimitResult,
) => void

/** Those settings of @fastify/rate-limit that its stores have to act on. */
export interface FastifyRateLimitSettings {
  /** A client beyond the limit begins its window anew with every request. */
  readonly continueExceeding?: boolean
  /** A client beyond the limit waits twice as long with every request. */
  readonly exponentialBackoff?: boolean
}

/** The route a child store counts for. */
export interface FastifyRateLimitRoute extends FastifyRateLimitSettings {
  /** The route, as Fastify describes it. */
  readonly routeInfo?: {
    /** Its HTTP method, or several. */
    readonly method?: string | string[]
    /** Its path. */
    readonly url?: string
  }
}

/** What @fastify/rate-limit calls. */
export interface FastifyRateLimitStore {
  /** Counts a hit of `key` in a window of `timeWindow` ms, of which `max` are allowed. */
  incr(key: string, callback: FastifyRateLimitCallback, timeWindow: number, max: number): void
  /** What was counted so far, without counting. */
  read(key: string, callback: FastifyRateLimitCallback, timeWindow: number): void
  /** The store of one route: its hits are counted apart. */
  child(route: FastifyRateLimitRoute): FastifyRateLimitStore
}

/** How many window lengths of one store are kept ready: a function may compute each request's. */
const MAX_WINDOWS = 64

/**
 * The class that @fastify/rate-limit takes as `store: fastifyRateLimitStore(client)`. All processes
 * count together, in one round trip per hit; a hit beyond the limit costs one more with
 * `continueExceeding` or `exponentialBackoff`, which need servers with meta commands. Windows are
 * rounded up to whole seconds. A hit that could not be counted is an error of the request, unless
 * @fastify/rate-limit is told `skipOnError: true`.
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

  /** The window of a client that is so many hits beyond the limit; undefined: it stays. */
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

function resultOf(current: number, resetTime: Date): FastifyRateLimitResult {
  return { current, ttl: Math.max(0, resetTime.getTime() - Date.now()) }
}

/** Never calls back inside the promise: what the callback throws is its own. */
function settle(result: Promise<FastifyRateLimitResult>, callback: FastifyRateLimitCallback): void {
  result.then(
    (value) => setImmediate(callback, null, value),
    (error: unknown) => setImmediate(callback, error as Error),
  )
}
