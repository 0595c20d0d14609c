import { fork } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type BehaviorsInput, MemcachedClient, type RefillOptions } from '../../src/index.ts'
import { Dice } from '../fuzz/dice.ts'
import { LoopClock } from '../fuzz/loop-clock.ts'
import { Page } from '../fuzz/page.ts'
import { Report } from '../fuzz/report.ts'
import { Gate } from '../meetings/gate.ts'
import { type Memcached, startMemcached } from '../support/memcached.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

/** Real memcacheds behind proxies that can fail, and clients of all of them. */
class Fleet {
  readonly gates: Gate[] = []
  readonly clients: MemcachedClient[] = []
  readonly #servers: Memcached[] = []

  async open(hosts: number, clients: number, behaviors: BehaviorsInput): Promise<this> {
    for (let host = 0; host < hosts; host++) {
      const server = await startMemcached()
      this.#servers.push(server)
      this.gates.push(await new Gate(server.port).open())
    }
    for (let client = 0; client < clients; client++) {
      this.clients.push(new MemcachedClient(this.places, { ...BEHAVIORS, ...behaviors }))
    }
    return this
  }

  get places(): string[] {
    return this.gates.map(({ port }) => `127.0.0.1:${port}`)
  }

  /** Makes host `at` refuse or accept connections, and waits until all clients have noticed. */
  async set(at: number, state: 'ejected' | 'up'): Promise<void> {
    if (state === 'ejected') this.gates[at]!.shut()
    else this.gates[at]!.isShut = false
    const place = this.places[at]
    const keys = keysOf(this.clients[0]!, place!, 1)
    for (const client of this.clients) {
      while (client.hosts().find(({ name }) => name === place)?.state !== state) {
        client.get(keys[0]!).catch(() => undefined)
        await sleep(10)
      }
    }
  }

  async restart(at: number): Promise<void> {
    await this.#servers[at]!.restart()
  }

  async close(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close({ drainMs: 100 })))
    await Promise.all(this.gates.map((gate) => gate.close()))
    await Promise.all(this.#servers.map((server) => server.kill()))
  }
}

const BEHAVIORS: BehaviorsInput = {
  requestTimeoutMs: 1_000,
  connectTimeoutMs: 500,
  retryTimeoutMs: 500,
  deadTimeoutMs: 1_000,
}

/** Returns the first `count` keys whose host is `place`. */
function keysOf(client: MemcachedClient, place: string, count: number): string[] {
  const keys: string[] = []
  for (let i = 0; keys.length < count; i++) {
    if (client.locate(`key:${i}`).server === place) keys.push(`key:${i}`)
  }
  return keys
}

/** The policy of one key in a long outage: short or long stale windows, early refreshes. */
const POLICIES: readonly RefillOptions[] = [
  { ttl: 3_600 },
  { ttl: 3_600, staleWhileRevalidate: 0 },
  { ttl: 3_600, staleWhileRevalidate: 3_600, staleIfError: 7_200 },
  { ttl: 3_600, earlyRefresh: 'auto', jitter: 0.5 },
]

/** The loads and reads of a long outage. */
export interface OutageCost {
  readonly reads: number
  readonly keysRead: number
  readonly loads: number
  readonly slowestMs: number
}

/** One host of three is out for `seconds` while four clients read its keys, most of them rarely. */
export async function longOutage(seconds: number, readsPerSecond: number): Promise<OutageCost> {
  const fleet = await new Fleet().open(3, 4, {})
  const keys = keysOf(fleet.clients[0]!, fleet.places[0]!, 400)
  const dice = new Dice(7)
  const read = new Set<number>()
  let [reads, loads, slowestMs] = [0, 0, 0]
  const readOne = async (at: number): Promise<void> => {
    const load = async (): Promise<string> => {
      loads++
      return 'value'
    }
    const startMs = performance.now()
    await dice.pick(fleet.clients).getOrSet(keys[at]!, load, POLICIES[at % POLICIES.length]!)
    slowestMs = Math.max(slowestMs, performance.now() - startMs)
  }
  for (const at of keys.keys()) await readOne(at)
  await fleet.set(0, 'ejected')
  loads = slowestMs = 0
  const endMs = performance.now() + seconds * 1_000
  while (performance.now() < endMs) {
    // The key of rank r is read in proportion to 1 / r, as in Zipf's law.
    const at = Math.floor(keys.length ** dice.roll()) - 1
    read.add(at)
    reads++
    await Promise.all([readOne(at), sleep(1_000 / readsPerSecond)])
  }
  await fleet.close()
  return { reads, keysRead: read.size, loads, slowestMs: Math.round(slowestMs) }
}

/**
 * A process stores copies in an outage and is killed. The failed host returns, all values change,
 * and it fails again. Resolves to the number of keys that are then read with an older value not
 * marked stale.
 */
export async function killedWriter(count: number): Promise<{ old: number; stored: number }> {
  const fleet = await new Fleet().open(3, 1, {})
  const [client] = fleet.clients as [MemcachedClient]
  const keys = keysOf(client, fleet.places[0]!, count)
  await fleet.set(0, 'ejected')
  const child = fork(fileURLToPath(import.meta.url), [fleet.places.join(), keys.join()], {
    execArgv: [...TYPESCRIPT],
  })
  const [stored] = await once(child, 'message')
  child.kill('SIGKILL')
  await once(child, 'exit')
  await fleet.set(0, 'up')
  const load = async (): Promise<string> => 'v2'
  for (const [at, key] of keys.entries()) {
    if (at % 4 === 0) await client.set(key, 'v2')
    else if (at % 4 === 1) await client.delete(key)
    else if (at % 4 === 2) await client.invalidate(key)
    else await client.refresh(key, load, { ttl: 60 })
  }
  await fleet.set(0, 'ejected')
  let old = 0
  for (const [at, key] of keys.entries()) {
    // Do not check `get` of a value that may be marked stale: `get` does not say whether it is.
    if (at % 4 !== 2 && (await client.get(key)) === 'v1') old++
    const { value, state } = await client.getOrSetEntry(key, load, { ttl: 60 })
    if (value === 'v1' && state !== 'stale') old++
  }
  await fleet.close()
  return { old, stored: Number(stored) }
}

/** The process that is killed: half of its copies come from refills. */
async function storeAndWait([servers, names]: readonly string[]): Promise<void> {
  const client = new MemcachedClient(servers!, BEHAVIORS)
  const keys = names!.split(',')
  let stored = 0
  for (const [at, key] of keys.entries()) {
    if (at % 2 === 0) await client.set(key, 'v1')
    else await client.getOrSet(key, async () => 'v1', { ttl: 60 })
    stored += (await client.get(key)) === 'v1' ? 1 : 0
  }
  process.send!(stored)
  await sleep(60_000)
}

/** What disturbs a fleet under load. */
export type Disturbance = (fleet: {
  set(at: number, state: 'ejected' | 'up'): Promise<void>
  restart(at: number): Promise<void>
}) => Promise<void>

/** One host fails and returns three times. */
export const flapping: Disturbance = async (fleet) => {
  for (let time = 0; time < 3; time++) {
    await fleet.set(0, 'ejected')
    await sleep(500)
    await fleet.set(0, 'up')
    await sleep(500)
  }
}

/** Restarts each of five hosts, one after the other. */
export const rollingRestart: Disturbance = async (fleet) => {
  for (let at = 0; at < 5; at++) {
    await fleet.set(at, 'ejected')
    await fleet.restart(at)
    await sleep(300)
    await fleet.set(at, 'up')
    await sleep(300)
  }
}

/**
 * One process reads and changes 600 pages at `perSecond` while hosts fail and return. The client
 * records only 2 missed changes per host exactly, so this record overflows. The report counts
 * values that were too old.
 */
export async function underLoad(
  disturb: Disturbance,
  perSecond: number,
): Promise<{ report: Report; overflows: number }> {
  const clock = new LoopClock()
  const report = new Report(clock)
  const fleet = await new Fleet().open(5, 1, { maxOwedKeys: 2 })
  const [client] = fleet.clients as [MemcachedClient]
  const pages = Array.from({ length: 600 }, (_, at) => new Page(`page:${at}`, report))
  const dice = new Dice(11)
  let [isOver, overflows] = [false, 0]
  client.on('invalidationsLost', () => {
    overflows++
  })
  const act = async (page: Page): Promise<void> => {
    const policy = { ttl: 3_600, staleWhileRevalidate: 600 }
    const load = async (): Promise<string> => page.load()
    report.issued++
    if (dice.roll() < 0.8) {
      const floor = page.floor()
      const { value, state } = await client.getOrSetEntry(page.key, load, policy)
      page.saw(value, state, floor, 'getOrSet')
      return
    }
    const version = page.change()
    const roll = dice.roll()
    if (roll < 0.4) await client.invalidate(page.key, policy)
    else if (roll < 0.7) await client.delete(page.key)
    else await client.refresh(page.key, load, policy)
    if (roll >= 0.4 && roll < 0.7) page.deleted(version)
    else page.invalidated(version)
  }
  const load = async (): Promise<void> => {
    const calls = new Set<Promise<void>>()
    for (let sinceMs = performance.now(); !isOver; await sleep(10)) {
      // Slow calls do not slow down the load. After a pause, at most a second's calls are due.
      const passedMs = performance.now() - sinceMs
      const due = Math.min(Math.floor((passedMs * perSecond) / 1_000), perSecond)
      sinceMs += (due * 1_000) / perSecond
      for (let at = 0; at < due; at++) {
        // A call that rejects returns no value to check.
        const call = act(dice.pick(pages)).catch(() => undefined)
        calls.add(call)
        void call.then(() => calls.delete(call))
      }
    }
    await Promise.all(calls)
  }
  const loading = load()
  await sleep(300)
  await disturb(fleet)
  isOver = true
  await loading
  await fleet.close()
  clock.stop()
  return { report, overflows }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.send === undefined) {
    const [seconds = '60', readsPerSecond = '100'] = process.argv.slice(2)
    console.log(JSON.stringify(await longOutage(Number(seconds), Number(readsPerSecond))))
    console.log(JSON.stringify(await killedWriter(200)))
    for (const disturb of [flapping, rollingRestart]) {
      const startMs = performance.now()
      const { report, overflows } = await underLoad(disturb, 1_000)
      const seconds = Math.round((performance.now() - startMs) / 1_000)
      const { found, hits, issued, examples } = report
      console.log(JSON.stringify({ seconds, issued, hits, overflows, ...found, examples }))
    }
  } else await storeAndWait(process.argv.slice(2))
}
