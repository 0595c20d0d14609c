import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { suite, test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import type { Host } from '../../src/hosts/host.ts'
import { MissedCounts } from '../../src/hosts/missed-counts.ts'
import { defaultClusterPolicy } from '../../src/hosts/policy.ts'
import { type BehaviorsInput, MemcachedClient } from '../../src/index.ts'
import type { Request } from '../../src/net/request.ts'
import { Gate } from '../meetings/gate.ts'
import { until } from '../support/test-cluster.ts'

interface Ends {
  after(end: () => unknown): void
}

/** Two servers, one of them behind a proxy that can cut it off, and clients of both. */
class World {
  readonly #ends: Ends
  readonly #servers: readonly Awaited<ReturnType<typeof startServer>>[]
  readonly gate: Gate
  readonly #behaviors: BehaviorsInput

  static async start(t: Ends, behaviors: BehaviorsInput): Promise<World> {
    const servers = [await startServer(), await startServer()]
    const gate = await new Gate(servers[0]!.port).open()
    t.after(async () => {
      await gate.close()
      await Promise.all(servers.map((server) => server.close()))
    })
    return new World(t, servers, gate, behaviors)
  }

  private constructor(
    t: Ends,
    servers: readonly Awaited<ReturnType<typeof startServer>>[],
    gate: Gate,
    behaviors: BehaviorsInput,
  ) {
    this.#ends = t
    this.#servers = servers
    this.gate = gate
    this.#behaviors = behaviors
  }

  /** A client: one process. */
  client(behaviors: BehaviorsInput = {}): MemcachedClient {
    const quick = { missedTtl: 3_600, retryTimeoutMs: 200, deadTimeoutMs: 200 }
    const settings = { ...quick, ...this.#behaviors, ...behaviors }
    const list = [this.home, this.#servers[1]!.address]
    const client = new MemcachedClient(list, settings)
    this.#ends.after(() => client.close({ drainMs: 0 }))
    return client
  }

  get home(): string {
    return `127.0.0.1:${this.gate.port}`
  }

  /** The commands that the fallback host has run, by their statistic. */
  async count(client: MemcachedClient, statistic: string): Promise<number> {
    return Number((await client.stats()).get(this.#servers[1]!.address)![statistic])
  }

  keysOf(client: MemcachedClient, count: number): string[] {
    const keys: string[] = []
    for (let i = 0; keys.length < count; i++) {
      if (client.locate(`key:${i}`).server === this.home) keys.push(`key:${i}`)
    }
    return keys
  }

  async lose(client: MemcachedClient): Promise<void> {
    const [key] = this.keysOf(client, 1)
    this.gate.shut()
    await until(() => {
      client.get(key!).catch(() => undefined)
      return stateOf(client) === 'ejected'
    })
  }
}

function stateOf(client: MemcachedClient): string {
  return client.hosts()[0]!.state
}

type Change = (client: MemcachedClient, key: string) => Promise<unknown>
const load = async (): Promise<string> => 'new'
const CHANGES: Readonly<Record<string, Change>> = {
  set: (client, key) => client.set(key, 'new'),
  delete: (client, key) => client.delete(key),
  setMany: (client, key) => client.setMany({ [key]: 'new' }),
  deleteMany: (client, key) => client.deleteMany([key]),
  invalidate: (client, key) => client.invalidate(key, { staleWhileRevalidate: 0 }),
  refresh: (client, key) => client.refresh(key, load, { ttl: 60 }),
  'getOrSet, then delete': async (client, key) => {
    await client.getOrSet(key, load, { ttl: 60 })
    await client.delete(key)
  },
}
const SETTINGS: readonly BehaviorsInput[] = [
  { ejection: 'skip' },
  { ejection: 'rebuild', protocol: 'classic' },
]

for (const settings of SETTINGS) {
  suite(`a process that did not see an outage, ${JSON.stringify(settings)}`, () => {
    for (const [name, change] of Object.entries(CHANGES)) {
      test(`reads nothing older than a ${name} of a process that ended before the host was back`, async (t) => {
        const world = await World.start(t, settings)
        const first = world.client()
        const [key] = world.keysOf(first, 1) as [string]
        await first.set(key, 'old')
        await world.lose(first)
        await change(first, key)
        await first.close({ drainMs: 0 })
        world.gate.isShut = false
        const second = world.client()
        assert.notEqual(await second.get(key), 'old')
        assert.notEqual((await second.getMany([key])).get(key), 'old')
        assert.notEqual((await world.client().getOrSetEntry(key, load, { ttl: 60 })).value, 'old')
      })
    }

    test('reads nothing older if it started during the outage and takes no precautions', async (t) => {
      const world = await World.start(t, settings)
      const first = world.client()
      const keys = world.keysOf(first, 5)
      for (const key of keys) await first.set(key, 'old')
      await world.lose(first)
      for (const key of keys) await first.delete(key)
      await first.close({ drainMs: 0 })
      const second = world.client({ precautionsMs: 0 })
      await world.lose(second)
      world.gate.isShut = false
      await until(() => stateOf(second) === 'up')
      for (const key of keys) assert.equal(await second.get(key), undefined)
      const values = await Promise.all(keys.map((key) => second.get(key)))
      assert.deepEqual(
        values,
        keys.map(() => undefined),
      )
    })
  })
}

suite('a process that starts', () => {
  test('sends no command for it, when no host missed anything', async (t) => {
    const world = await World.start(t, {})
    const client = world.client()
    const keys = world.keysOf(client, 20)
    const before = await world.count(client, 'cmd_get')
    for (const key of keys) await client.get(key)
    for (const key of keys) await client.set(key, 1)
    assert.equal((await world.count(client, 'cmd_get')) - before, 0)
    assert.equal(await world.count(client, 'cmd_set'), 0)
  })

  test('checks each key once, while a host may have missed changes', async (t) => {
    const world = await World.start(t, {})
    const first = world.client()
    const keys = world.keysOf(first, 20)
    await world.lose(first)
    await first.delete(keys[0]!)
    await first.close({ drainMs: 0 })
    world.gate.isShut = false
    const second = world.client()
    const before = await world.count(second, 'cmd_get')
    for (let i = 0; i < 5; i++) for (const key of keys) await second.get(key)
    // Three questions of this client, and one look for each key.
    assert.equal((await world.count(second, 'cmd_get')) - before, 3 + keys.length)
  })

  test('sends no command for it to any of 50 hosts', async (t) => {
    const servers = await Promise.all(Array.from({ length: 50 }, () => startServer()))
    t.after(() => Promise.all(servers.map((server) => server.close())))
    const addresses = servers.map(({ address }) => address)
    const client = new MemcachedClient(addresses, { missedTtl: '1h' })
    t.after(() => client.close({ drainMs: 0 }))
    const gets = async (): Promise<number> => {
      const all = [...(await client.stats()).values()]
      return all.reduce((sum, stats) => sum + Number(stats.cmd_get), 0)
    }
    const before = await gets()
    const keys = Array.from({ length: 2_000 }, (_, i) => `key:${i}`)
    for (const key of keys) await client.get(key)
    assert.equal((await gets()) - before, keys.length)
  })

  test('waits for a fallback host that does not reply much less than a timeout', async (t) => {
    const silent = net.createServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    t.after(() => silent.close())
    const server = await startServer()
    t.after(() => server.close())
    const { port } = silent.address() as net.AddressInfo
    const client = new MemcachedClient([server.address, `127.0.0.1:${port}`], {
      missedTtl: '1h',
      requestTimeoutMs: 6_000,
      connectTimeoutMs: 6_000,
      retryTimeoutMs: 6_000,
    })
    t.after(() => client.close({ drainMs: 0 }))
    let at = 0
    while (client.locate(`key:${at}`).server !== server.address) at++
    const startMs = performance.now()
    assert.equal(await client.get(`key:${at}`), undefined)
    const firstMs = performance.now() - startMs
    assert.ok(firstMs < 5_000, `${firstMs} ms`)
  })

  test('neither asks nor counts anything with missedTtl 0', async (t) => {
    const world = await World.start(t, { missedTtl: 0 })
    const client = world.client()
    const keys = world.keysOf(client, 5)
    const asked = await world.count(client, 'cmd_get')
    for (const key of keys) await client.get(key)
    assert.equal(await world.count(client, 'cmd_get'), asked)
    await world.lose(client)
    const before = await world.count(client, 'incr_hits')
    await client.delete(keys[0]!)
    assert.equal(await world.count(client, 'incr_hits'), before)
  })
})

/** Items of one fallback host, and two processes that count on it. */
class Items {
  readonly numbers = new Map<string, number>()
  hasAny = false

  readonly ask = async <Result>(request: Request<Result>): Promise<Result> => {
    const { verb, wireKey, args } = request
    if (verb.name === 'set') this.hasAny = true
    if (wireKey.endsWith('~any')) return (this.hasAny ? 0 : undefined) as Result
    const number = this.numbers.get(wireKey)
    if (verb.name === 'gets') return number as Result
    if (verb.name === 'add') {
      if (number === undefined) this.numbers.set(wireKey, 0)
    } else if (verb.name === 'incr') this.numbers.set(wireKey, number! + (args as number))
    else if (verb.name === 'decr') this.numbers.set(wireKey, number! - (args as number))
    return true as Result
  }
}

suite('the counter of the keys that a host missed', () => {
  const make = () => {
    const debts = { isEmpty: false }
    const home = { name: 'home', index: 0, usable: false, debts, epoch: 1 }
    const standIn = { name: 'other', index: 1, usable: true, debts: { isEmpty: true }, epoch: 1 }
    const items = new Items()
    const policy = { ...defaultClusterPolicy, missedTtl: 3_600 }
    const hosts = [home, standIn] as unknown as Host[]
    const owner = { homes: hosts, policy, mayRehash: true }
    const process = (): MissedCounts => new MissedCounts(owner, items.ask)
    return { home, standIn, hosts, items, process }
  }
  const total = ({ numbers }: Items): number => [...numbers.values()].reduce((a, b) => a + b, 0)

  test('counts each key of each process once, and none of a process that has told the host', async () => {
    const { home, hosts, items, process } = make()
    const [one, two] = [process(), process()]
    for (const key of ['a', 'b', 'a', 'c']) await one.add(hosts[0]!, hosts[1]!, key)
    await two.add(hosts[0]!, hosts[1]!, 'a')
    one.update()
    await new Promise(setImmediate)
    assert.equal(total(items), 4)
    home.usable = true
    one.update()
    assert.equal(total(items), 4, 'the host is still owed')
    home.debts.isEmpty = true
    one.update()
    assert.equal(total(items), 1)
    one.close()
    two.close()
  })

  test('stays above 0 when its server may have forgotten what a process had counted', async () => {
    const { home, standIn, hosts, items, process } = make()
    const [one, two] = [process(), process()]
    await one.add(hosts[0]!, hosts[1]!, 'a')
    items.numbers.clear()
    standIn.epoch++
    await two.add(hosts[0]!, hosts[1]!, 'b')
    Object.assign(home, { usable: true, debts: { isEmpty: true } })
    one.update()
    assert.equal(total(items), 1)
    one.close()
    two.close()
  })

  test('is read again until it is 0', async () => {
    const { home, hosts, process } = make()
    const [one, two] = [process(), process()]
    for (const each of [one, two]) each.forget()
    await one.add(hosts[0]!, hosts[1]!, 'a')
    await one.ask(hosts[1]!)
    assert.equal(one.isBehind(hosts[0]!, hosts[1]!), false, 'it knows its own changes')
    await two.ask(hosts[1]!)
    assert.equal(two.isBehind(hosts[0]!, hosts[1]!), true)
    assert.equal(two.isClear, false)
    Object.assign(home, { usable: true, debts: { isEmpty: true } })
    one.update()
    two.update()
    await new Promise(setImmediate)
    assert.equal(two.isBehind(hosts[0]!, hosts[1]!), false)
    await two.ask(hosts[0]!)
    assert.equal(two.isClear, true)
    one.close()
    two.close()
  })
})
