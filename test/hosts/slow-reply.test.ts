import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import { type BehaviorsInput, MemcachedClient } from '../../src/index.ts'
import { Gate } from '../meetings/gate.ts'

type Read = (client: MemcachedClient, key: string) => Promise<unknown>
const load = async (): Promise<string> => 'new'
const loadMany = async (keys: readonly string[]): Promise<Map<string, string>> =>
  new Map(keys.map((key) => [key, 'new']))
const READS: Readonly<Record<string, Read>> = {
  get: (client, key) => client.get(key),
  gets: async (client, key) => (await client.gets(key))?.value,
  getMany: async (client, key) => (await client.getMany([key])).get(key),
  getOrSet: (client, key) => client.getOrSet(key, load, { ttl: 60 }),
  getOrSetMany: async (client, key) =>
    (await client.getOrSetMany([key], loadMany, { ttl: 60 })).get(key),
  'meta get': async (client, key) => String((await client.meta.mg(key, { v: true })).value),
}

/** The settings of the client, for its own host and two others. */
const SETTINGS: Readonly<Record<string, (others: readonly string[]) => BehaviorsInput>> = {
  'the next host of the ring': () => ({ ejection: 'skip' }),
  'the host in a ring without it': () => ({ ejection: 'rebuild' }),
  'the gutter': (gutter) => ({ failover: { gutter, ttl: 60 } }),
}

suite('one slow reply of a host that stays in use', () => {
  for (const [where, settings] of Object.entries(SETTINGS)) {
    test(`reads use ${where}, but no copy there that an ended process stored in an earlier outage`, async (t) => {
      const servers = [await startServer(), await startServer(), await startServer()]
      const gate = await new Gate(servers[0]!.port).open()
      const home = `127.0.0.1:${gate.port}`
      const others = servers.slice(1).map(({ address }) => address)
      const more = settings(others)
      const list = more.failover === undefined ? [home, ...others] : [home]
      const client = new MemcachedClient(list, {
        ...{ requestTimeoutMs: 1_000, connectTimeoutMs: 20_000, serverFailureLimit: 10 },
        ...more,
      })
      t.after(async () => {
        await client.close({ drainMs: 0 })
        await gate.close()
        await Promise.all(servers.map((server) => server.close()))
      })
      const names = Object.keys(READS)
      const keys: string[] = []
      for (let i = 0; keys.length < names.length; i++) {
        if (client.locate(`slow:${i}`).server === home) keys.push(`slow:${i}`)
      }
      for (const other of others) {
        const ended = new MemcachedClient(other)
        await ended.setMany(new Map(keys.map((key) => [key, 'old'])))
        await ended.close()
      }
      gate.set('slow:', { delayMs: 3_000 }, names.length)
      const values = await Promise.all(names.map((name, i) => READS[name]!(client, keys[i]!)))
      assert.deepEqual(
        names.filter((_, i) => values[i] === 'old'),
        [],
      )
    })
  }
})
