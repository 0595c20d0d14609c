import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../src/client/client.ts'
import { seededRandom } from '../src/simulate/virtual-time.ts'
import { type Memcached, startMemcached } from '../test/support/memcached.ts'

/**
 * How many keys the origin loads when one of four memcacheds restarts:
 * `node --import ./scripts/typescript.mjs bench/restart.ts` (three and a half minutes).
 */
const KEYS = 2_000
const CLIENTS = 4
const PER_SECOND = 800
const LEARN_MS = 1_500
const OUT_MS = 25_000
const CHANGE = { announce: 3, handover: 25 } as const
const TTL = { ttl: 3_600 } as const
const RESTARTED = 1

const random = seededRandom(7)

/** Four hosts, and four clients with steady load. */
class Load {
  readonly hosts: readonly Memcached[]
  readonly all: readonly string[]
  readonly #clients: readonly MemcachedClient[]
  readonly #own = new Set<number>()
  readonly #versions: number[] = Array.from({ length: KEYS }, () => 1)
  #loads = 0
  #isOn = true

  constructor(hosts: readonly Memcached[]) {
    this.hosts = hosts
    this.all = hosts.map(({ host, port }) => `${host}:${port}`)
    this.#clients = Array.from({ length: CLIENTS }, () => {
      return new MemcachedClient(this.all, { ...CHANGE, retryTimeoutMs: 500 })
    })
  }

  get rest(): readonly string[] {
    return this.all.filter((_, index) => index !== RESTARTED)
  }

  /** Loads every key, and returns how many the host has. */
  async start(): Promise<number> {
    const [client] = this.#clients
    for (let i = 0; i < KEYS; i++) {
      if (client!.locate(`key:${i}`).server === this.all[RESTARTED]) this.#own.add(i)
      await client!.getOrSet(`key:${i}`, () => 1, TTL)
    }
    void this.#run()
    return this.#own.size
  }

  async learn(list: readonly string[]): Promise<void> {
    const each = this.#clients.map(async (client) => {
      await sleep(random() * LEARN_MS)
      client.setServers(list)
    })
    await Promise.all(each)
    while (this.#clients.some(({ handover }) => handover !== undefined)) await sleep(100)
  }

  /** Returns how many keys of the host were loaded since the last call. */
  loaded(): number {
    const loads = this.#loads
    this.#loads = 0
    return loads
  }

  async stop(): Promise<void> {
    this.#isOn = false
    await sleep(1_000)
    await Promise.all(this.#clients.map((client) => client.close()))
    await Promise.all(this.hosts.map(({ kill }) => kill()))
  }

  async #run(): Promise<void> {
    while (this.#isOn) {
      // A request that times out on a busy machine is not counted.
      this.#once().catch(() => {})
      await sleep(1_000 / PER_SECOND)
    }
  }

  /** A read, or one time in fifty a write, of a key: low numbers are more popular. */
  async #once(): Promise<void> {
    const rank = Math.floor(KEYS * random() ** 1.6)
    const place = (rank * 7_919) % KEYS
    const client = this.#clients[Math.floor(random() * CLIENTS)]!
    if (random() < 0.02) {
      this.#versions[place]!++
      await client.set(`key:${place}`, this.#versions[place], TTL)
      return
    }
    const load = (): number => {
      if (this.#own.has(place)) this.#loads++
      return this.#versions[place]!
    }
    await client.getOrSet(`key:${place}`, load, TTL)
  }
}

const WAYS: Readonly<Record<string, (load: Load) => Promise<number>>> = {
  async 'it stays in the list'(load) {
    await load.hosts[RESTARTED]!.kill()
    await sleep(OUT_MS)
    const left = load.loaded()
    await load.hosts[RESTARTED]!.restart()
    await sleep(OUT_MS)
    return left
  },
  async 'it died, is removed and added again'(load) {
    await load.hosts[RESTARTED]!.kill()
    await load.learn(load.rest)
    const left = load.loaded()
    await load.hosts[RESTARTED]!.restart()
    await load.learn(load.all)
    return left
  },
  async 'it is removed, restarted and added again'(load) {
    await load.learn(load.rest)
    const left = load.loaded()
    await load.hosts[RESTARTED]!.restart()
    await load.learn(load.all)
    return left
  },
}

for (const [way, run] of Object.entries(WAYS)) {
  const hosts = await Promise.all(
    Array.from({ length: 4 }, () => startMemcached({ args: ['-t', '1'] })),
  )
  const load = new Load(hosts)
  const keys = await load.start()
  const left = await run(load)
  console.log(`| ${way} | ${keys} | ${left} | ${load.loaded()} |`)
  await load.stop()
}
process.exit(0)
