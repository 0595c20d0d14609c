import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import type { MemcachedClient } from '../../src/index.ts'
import type { Gate } from '../meetings/gate.ts'
import { until } from '../support/test-cluster.ts'
import { gatedPool } from './gated-pool.ts'

/** Long timeouts: what a client must not use is decided by replies, however late they are. */
const PATIENT = {
  ...{ requestTimeoutMs: 20_000, connectTimeoutMs: 20_000 },
  ...{ retryTimeoutMs: 20_000, deadTimeoutMs: 20_000 },
} as const

const load = async (): Promise<string> => 'new'
const stateOf = (client: MemcachedClient): string => client.hosts()[0]!.state

const FIRSTS: Readonly<Record<string, (client: MemcachedClient, key: string) => Promise<unknown>>> =
  {
    get: (client, key) => client.get(key),
    gets: async (client, key) => (await client.gets(key))?.value,
    gat: (client, key) => client.gat(key, 60),
    getMany: async (client, key) => (await client.getMany([key])).get(key),
    append: async (client, key) => ((await client.append(key, '+')) ? 'old' : undefined),
    replace: async (client, key) => ((await client.replace(key, 'x')) ? 'old' : undefined),
    add: async (client, key) => ((await client.add(key, 'x')) ? undefined : 'old'),
    getOrSet: async (client, key) => (await client.getOrSetEntry(key, load, { ttl: 60 })).value,
    'meta get': async (client, key) => String((await client.meta.mg(key, { v: true })).value),
  }

suite('the first request of a process, while all hosts are up again', () => {
  test('is checked whichever host it uses and whatever it is, alone and among others', async (t) => {
    const { gates, list, open } = await gatedPool(t, 3, PATIENT)
    const [gate] = gates as [Gate]
    const [home] = list
    const first = open()
    const keys: string[] = []
    const fallbacks = new Set<string | undefined>()
    for (let i = 0; keys.length < 40; i++) {
      const { server, fallback } = first.locate(`key:${i}`)
      if (server !== home) continue
      keys.push(`key:${i}`)
      fallbacks.add(fallback)
    }
    assert.equal(fallbacks.size, 2)
    for (const key of keys) await first.set(key, 'old')
    gate.shut()
    await until(() => {
      first.get(keys[0]!).catch(() => undefined)
      return stateOf(first) === 'ejected'
    })
    for (const key of keys) await first.delete(key)
    await first.close({ drainMs: 0 })
    gate.isShut = false
    const [alone, among] = [keys.slice(0, 20), keys.slice(20)]
    const kinds = Object.values(FIRSTS)
    for (const [i, key] of alone.entries()) {
      assert.notEqual(await kinds[i % kinds.length]!(open(), key), 'old', key)
    }
    const last = open()
    const all = among.map((key, i) => kinds[i % kinds.length]!(last, key))
    for (let i = 0; i < 100; i++) void last.get(`other:${i}`).catch(() => undefined)
    for (const value of await Promise.all(all)) assert.notEqual(value, 'old')
  })
})

/** Keys that their home missed the deletes of, because it was out and their only writer ended. */
async function missed(t: TestContext, hosts: number, count: number) {
  const { gates, list, open } = await gatedPool(t, hosts, PATIENT)
  const first = open()
  const isFit = (key: string): boolean => {
    const { server, fallback } = first.locate(key)
    return server === list[0] && fallback === list.at(-1)
  }
  const keys: string[] = []
  for (let i = 0; keys.length < count; i++) if (isFit(`key:${i}`)) keys.push(`key:${i}`)
  for (const key of keys) await first.set(key, 'old')
  gates[0]!.shut()
  await until(() => {
    first.get(keys[0]!).catch(() => undefined)
    return stateOf(first) === 'ejected'
  })
  for (const key of keys) await first.delete(key)
  await first.close({ drainMs: 0 })
  gates[0]!.isShut = false
  return { gates, open, keys }
}

suite('the first request of a process, while another host is slow', () => {
  for (const hosts of [2, 3]) {
    const how = hosts === 2 ? 'replies much later' : 'hangs: it asks a third one'
    test(`is checked, if the next of ${hosts} hosts ${how}`, async (t) => {
      const { gates, open, keys } = await missed(t, hosts, 1)
      gates[1]!.set('version', { delayMs: hosts === 2 ? 1_000 : 3_600_000 })
      assert.equal(await open().get(keys[0]!), undefined)
      assert.ok(gates[1]!.hasSprung)
    })
  }
})

suite('the first request of a process whose fallback host does not say what others missed', () => {
  for (const protocol of ['auto', 'classic'] as const) {
    test(`finds no value that may be old, protocol ${protocol}`, async (t) => {
      const { gates, open, keys } = await missed(t, 3, 1)
      gates[2]!.set('~mintring~owed~any\r\n', { delayMs: 3_600_000 })
      const client = open({ protocol, requestTimeoutMs: 400 })
      const { value } = await client.getOrSetEntry(keys[0]!, load, { ttl: 60 })
      assert.equal(value, 'new')
      assert.ok(gates[2]!.hasSprung)
    })
  }
})
