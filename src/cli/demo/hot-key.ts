import { MemcachedClient } from '../../client/client.ts'
import { startServer } from '../../embedded/server.ts'
import { type Pause, pausesUntil } from './pause.ts'

const READERS = 1_000
const CLIENTS = 4
const TTL_SECONDS = 1
/** memcached counts in whole seconds: after this time the value has certainly expired. */
const EXPIRED_AFTER_MS = 2_200
/** The origin stands for a database: a page takes 50 ms, and it generates up to 20 at a time. */
const PAGE_MS = 50
const AT_A_TIME = 20

/** The result of one way of caching when the hot key expired. */
export interface HotKeyOutcome {
  readonly way: string
  readonly originCalls: number
  readonly medianMs: number
  readonly p99Ms: number
}

type Read = (cache: MemcachedClient, client: number, origin: Origin) => Promise<string>

/** Lets the same page expire under 1,000 readers, once for each way of caching it. */
export async function playHotKey(
  say: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<HotKeyOutcome[]> {
  const server = await startServer({ port: 0 })
  const clients = Array.from({ length: CLIENTS }, () => new MemcachedClient([server.address]))
  try {
    return await expiry(clients, say, pausesUntil(signal))
  } finally {
    await Promise.all(clients.map((client) => client.close({ drainMs: 0 })))
    await server.close()
  }
}

async function expiry(
  clients: readonly MemcachedClient[],
  say: (line: string) => void,
  pause: Pause,
): Promise<HotKeyOutcome[]> {
  const ways: readonly (readonly [string, Read])[] = [
    ['get, then load and set', unprotected],
    ['one load per process', sharedInProcess()],
    ['mintring', protectedByMintring],
  ]
  // Connects every client before the load, as in a service that has been running.
  await Promise.all(clients.map((client) => client.version()))
  for (const [, read] of ways) await read(clients[0] as MemcachedClient, 0, new Origin(pause))
  say(`One popular page is cached for ${TTL_SECONDS} s; its origin needs ${PAGE_MS} ms for it and`)
  say(`makes ${AT_A_TIME} at a time. It expires while ${READERS.toLocaleString('en')} readers ask:`)
  await pause(EXPIRED_AFTER_MS)

  const outcomes: HotKeyOutcome[] = []
  for (const [way, read] of ways) outcomes.push({ way, ...(await rush(clients, read, pause)) })
  return outcomes
}

async function rush(clients: readonly MemcachedClient[], read: Read, pause: Pause) {
  const origin = new Origin(pause)
  const timesMs = await Promise.all(
    Array.from({ length: READERS }, async (_, reader) => {
      const startMs = performance.now()
      const client = reader % CLIENTS
      await read(clients[client] as MemcachedClient, client, origin)
      return performance.now() - startMs
    }),
  )
  await origin.isIdle()
  timesMs.sort((a, b) => a - b)
  const at = (share: number): number => timesMs[Math.ceil(READERS * share) - 1] as number
  return { originCalls: origin.calls, medianMs: at(0.5), p99Ms: at(0.99) }
}

/** Without protection, as in most code: every miss loads. */
const unprotected: Read = async (cache, _client, origin) => {
  const cached = await cache.get('page:naive')
  if (typeof cached === 'string') return cached
  const page = await origin.load()
  await cache.set('page:naive', page, { ttl: TTL_SECONDS })
  return page
}

/** The usual protection: misses of one process share a load, but processes do not coordinate. */
function sharedInProcess(): Read {
  const flights = new Map<number, Promise<string>>()
  return async (cache, client, origin) => {
    const cached = await cache.get('page:shared')
    if (typeof cached === 'string') return cached
    let flight = flights.get(client)
    if (!flight) {
      flight = loadAndStore(cache, origin).finally(() => flights.delete(client))
      flights.set(client, flight)
    }
    return flight
  }
}

async function loadAndStore(cache: MemcachedClient, origin: Origin): Promise<string> {
  const page = await origin.load()
  await cache.set('page:shared', page, { ttl: TTL_SECONDS })
  return page
}

const protectedByMintring: Read = (cache, _client, origin) =>
  cache.getOrSet('page:mintring', () => origin.load(), { ttl: TTL_SECONDS })

/** A backend that handles a few requests at a time and queues the others. */
class Origin {
  calls = 0
  #running = 0
  readonly #waiting: (() => void)[] = []
  readonly #pause: Pause

  constructor(pause: Pause) {
    this.#pause = pause
  }

  async load(): Promise<string> {
    this.calls += 1
    if (this.#running >= AT_A_TIME) {
      await new Promise<void>((start) => this.#waiting.push(start))
    }
    this.#running += 1
    await this.#pause(PAGE_MS)
    this.#running -= 1
    this.#waiting.shift()?.()
    return '<h1>The popular page</h1>'
  }

  /** Resolves when no load is running: a background refill may outlive the readers. */
  async isIdle(): Promise<void> {
    await this.#pause(PAGE_MS)
    while (this.#running > 0 || this.#waiting.length > 0) await this.#pause(PAGE_MS)
  }
}
