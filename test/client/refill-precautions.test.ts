import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import { type BehaviorsInput, MemcachedClient } from '../../src/index.ts'
import { Gate } from '../meetings/gate.ts'
import { until } from '../support/test-cluster.ts'

interface Ends {
  after(end: () => unknown): void
}

interface Pair {
  readonly client: MemcachedClient
  /** Stands for a process that has ejected the key's own host: it uses only the fallback host. */
  readonly away: MemcachedClient
  readonly gate: Gate
  readonly key: string
}

async function startPair(t: Ends, behaviors: BehaviorsInput): Promise<Pair> {
  const servers = await Promise.all([startServer(), startServer()])
  const gate = await new Gate(servers[0].port).open()
  const home = `127.0.0.1:${gate.port}`
  const settings = { retryTimeoutMs: 200, precautionsMs: 600_000, ...behaviors }
  const client = new MemcachedClient([home, servers[1].address], settings)
  const away = new MemcachedClient(servers[1].address, behaviors)
  t.after(async () => {
    await Promise.all([client.close({ drainMs: 0 }), away.close({ drainMs: 0 })])
    await gate.close()
    await Promise.all(servers.map((server) => server.close()))
  })
  let at = 0
  while (client.locate(`key:${at}`).server !== home) at++
  return { client, away, gate, key: `key:${at}` }
}

/** Lets the key's own host be ejected and return. Writes then also clean the fallback host. */
async function seeTrouble({ client, gate, key }: Pair): Promise<void> {
  const stateOf = () => client.hosts()[0]!.state
  gate.shut()
  await until(() => {
    client.get(key).catch(() => undefined)
    return stateOf() === 'ejected'
  })
  gate.isShut = false
  await until(() => stateOf() === 'up')
}

const POLICY = { ttl: 60 }
const load = async (): Promise<string> => 'new'
const WRITES: Readonly<Record<string, (client: MemcachedClient, key: string) => Promise<unknown>>> =
  {
    refresh: (client, key) => client.refresh(key, load, POLICY),
    getOrSet: (client, key) => client.getOrSet(key, load, POLICY),
    getOrSetMany: (client, key) =>
      client.getOrSetMany([key], async () => new Map([[key, 'new']]), POLICY),
  }

for (const protocol of ['auto', 'classic'] as const) {
  suite(`refills after the key's own host was ejected and returned, protocol ${protocol}`, () => {
    for (const [name, write] of Object.entries(WRITES)) {
      test(`${name} soon after the return also deletes the older copy on the fallback host`, async (t) => {
        const pair = await startPair(t, { protocol })
        const { client, away, key } = pair
        await client.delete(key)
        await seeTrouble(pair)
        await away.set(key, 'old')
        await write(client, key)
        let copy: unknown = 'old'
        await until(() => {
          void away.get(key).then((value) => {
            copy = value
          })
          return copy === undefined
        })
        assert.equal(await client.get(key), 'new')
      })
    }

    test('a refill that stores or gives up sends nothing to the fallback host when no host ever failed', async (t) => {
      const { client, away, key } = await startPair(t, { protocol })
      await away.set(key, 'old')
      const fail = async (): Promise<string> => {
        throw new Error('the origin is down')
      }
      await assert.rejects(client.getOrSet(key, fail, { ...POLICY, errorBackoff: 0 }))
      assert.equal(await client.getOrSet(key, load, { ...POLICY, errorBackoff: 0 }), 'new')
      await client.close()
      assert.equal(await away.get(key), 'old')
    })
  })
}
