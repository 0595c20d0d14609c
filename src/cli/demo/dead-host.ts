import { MemcachedClient } from '../../client/client.ts'
import type { EmbeddedServer } from '../../embedded/embedded-server.ts'
import { startServer } from '../../embedded/server.ts'
import { createRing } from '../../ring/ring.ts'
import { type Pause, pausesUntil } from './pause.ts'

const HOSTS = 4
/** A prime number, so that both reads and writes reach every key. */
const KEYS = 10_007
const OPERATIONS_PER_TICK = 10
const TICK_MS = 10
/** The behavior retryTimeoutMs, shorter than its default, so that the demo does not take long. */
const RETRY_TIMEOUT_MS = 500
const PATIENCE_MS = 5_000

/** What the callers of one client noticed while one of four hosts died and returned. */
export interface Noticed {
  readonly operations: number
  readonly errors: number
  readonly wrongValues: number
  readonly slowestMs: number
  /** The share of all keys that move to another host. */
  readonly moved: number
}

/** What the callers of each client noticed during the same outage of a host. */
export interface DeadHostOutcome {
  /**
   * The client without mintring's features: it keeps trying the dead host, and places keys by the
   * hash modulo the number of hosts.
   */
  readonly without: Noticed
  readonly mintring: Noticed
  readonly ejectedAfterMs: number
  readonly backAfterMs: number
}

/**
 * Runs the demo: fills the cache, starts the load, kills a host, waits for its ejection, restarts
 * it, and waits for its return.
 */
export async function playDeadHost(
  say: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<DeadHostOutcome> {
  const servers = await Promise.all(Array.from({ length: HOSTS }, () => startServer({ port: 0 })))
  const addresses = servers.map((server) => server.address)
  const cache = new MemcachedClient(addresses, { retryTimeoutMs: RETRY_TIMEOUT_MS })
  const plain = new MemcachedClient(addresses, {
    distribution: 'modula',
    autoEjectHosts: false,
    retries: 0,
  })
  say(`${HOSTS} cache hosts on 127.0.0.1, ports ${servers.map(({ port }) => port).join(', ')}`)
  const loads = [new Load(plain, 'plain'), new Load(cache, 'user')] as const
  try {
    for (const load of loads) {
      await load.fill(signal)
      load.begin()
    }
    return await outage({ servers, cache, loads, say, pause: pausesUntil(signal) })
  } finally {
    for (const load of loads) load.end()
    const now = { drainMs: 0 }
    await Promise.all([plain.close(now), cache.close(now)])
    await Promise.all(servers.map((server) => server.close()))
  }
}

interface Scene {
  readonly servers: readonly EmbeddedServer[]
  readonly cache: MemcachedClient
  readonly loads: readonly [plain: Load, mintring: Load]
  readonly say: (line: string) => void
  readonly pause: Pause
}

async function outage({ servers, cache, loads, say, pause }: Scene): Promise<DeadHostOutcome> {
  say(`${KEYS.toLocaleString('en')} keys written; callers now read and write all the time`)
  await pause(1_000)

  const [victim] = servers as [EmbeddedServer]
  const { keys } = loads[1]
  const homes = keys.map((key) => cache.locate(key).server)
  const stateOf = () => cache.hosts().find((row) => row.address === victim.address)?.state
  await victim.kill()
  say(`killed ${victim.address} under this load`)
  const ejectedAfterMs = await until(() => stateOf() === 'ejected', pause)
  const moved = shareOf(keys, (key, index) => placeOf(cache, key) !== homes[index])
  await pause(1_000)
  await victim.restart()
  say(`started ${victim.address} again, empty`)
  const backAfterMs = await until(() => stateOf() === 'up', pause)
  await pause(1_000)

  for (const load of loads) await load.finish()
  const addresses = servers.map((server) => server.address)
  const movedByModulo = moduloShare(addresses, victim.address, keys)
  return {
    without: { ...loads[0].seen(), moved: movedByModulo },
    mintring: { ...loads[1].seen(), moved },
    ejectedAfterMs,
    backAfterMs,
  }
}

/** Callers that keep their rate when the cache slows down: nine reads, one write, and so on. */
class Load {
  readonly keys: readonly string[]
  #operations = 0
  #errors = 0
  #wrongValues = 0
  #slowestMs = 0
  readonly #cache: MemcachedClient
  readonly #pending = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined

  constructor(cache: MemcachedClient, prefix: string) {
    this.#cache = cache
    this.keys = Array.from({ length: KEYS }, (_, index) => `${prefix}:${index}`)
  }

  /** Writes all keys. */
  async fill(signal: AbortSignal | undefined): Promise<void> {
    const values = new Map(this.keys.map((key) => [key, `the value of ${key}`]))
    await this.#cache.setMany(values, { signal })
  }

  begin(): void {
    this.#timer = setInterval(() => {
      for (let count = 0; count < OPERATIONS_PER_TICK; count++) this.#ask()
    }, TICK_MS)
  }

  seen(): Omit<Noticed, 'moved'> {
    const [operations, errors] = [this.#operations, this.#errors]
    return { operations, errors, wrongValues: this.#wrongValues, slowestMs: this.#slowestMs }
  }

  /** Begins no more operations. */
  end(): void {
    clearInterval(this.#timer)
  }

  /** Ends the load, and waits for pending operations. */
  async finish(): Promise<void> {
    this.end()
    await Promise.all(this.#pending)
  }

  #ask(): void {
    const key = this.keys[(this.#operations * 7919) % this.keys.length] as string
    const isWrite = this.#operations % 10 === 0
    this.#operations += 1
    const done: Promise<void> = this.#call(key, isWrite).finally(() => this.#pending.delete(done))
    this.#pending.add(done)
  }

  async #call(key: string, isWrite: boolean): Promise<void> {
    const startMs = performance.now()
    try {
      if (isWrite) await this.#cache.set(key, `the value of ${key}`)
      else this.#judge(key, await this.#cache.get(key))
    } catch {
      this.#errors += 1
    }
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startMs)
  }

  #judge(key: string, value: unknown): void {
    if (value !== undefined && value !== `the value of ${key}`) this.#wrongValues += 1
  }
}

function placeOf(cache: MemcachedClient, key: string): string {
  const { server, ejected, fallback } = cache.locate(key)
  return ejected ? (fallback ?? 'nowhere') : server
}

function moduloShare(addresses: readonly string[], lost: string, keys: readonly string[]): number {
  const before = createRing(addresses, { distribution: 'modula' })
  const after = before.without(lost)
  return shareOf(keys, (key) => before.locate(key).server !== after.locate(key).server)
}

function shareOf(keys: readonly string[], counts: (key: string, index: number) => boolean): number {
  return keys.filter(counts).length / keys.length
}

async function until(isSo: () => boolean, pause: Pause): Promise<number> {
  const startMs = performance.now()
  while (!isSo()) {
    if (performance.now() - startMs > PATIENCE_MS)
      throw new Error('the host never changed its state')
    await pause(2)
  }
  return performance.now() - startMs
}
