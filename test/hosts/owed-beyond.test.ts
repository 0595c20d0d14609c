import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Debts } from '../../src/hosts/debts.ts'
import { KeyFilter } from '../../src/hosts/key-filter.ts'
import { DELETE_DEBT } from '../../src/net/request.ts'
import { eject, startPair, stateOf } from '../support/host-pair.ts'
import { until } from '../support/test-cluster.ts'

const WAITS = { requestTimeoutMs: 500, connectTimeoutMs: 500, retryTimeoutMs: 300 }

/** Finds and settles the missed changes of these keys. */
function workOff(debts: Debts, keys: readonly string[], maxKeys: number): void {
  for (const key of keys) {
    const owed = debts.find(key, false)
    if (owed !== undefined) debts.settle(owed, maxKeys)
  }
}

test('missed changes beyond the limit count once per key, and no more once the host got all', () => {
  const debts = new Debts()
  const keys = Array.from({ length: 12 }, (_, i) => `k${i}`)
  for (const key of [...keys, ...keys]) debts.add(key, DELETE_DEBT, 5)
  assert.deepEqual([debts.size, debts.overflow], [5, 7])
  workOff(debts, keys.slice(0, 11), 5)
  assert.deepEqual([debts.size, debts.overflow], [0, 1])
  assert.ok(debts.find('k11', false), 'the last key is not forgotten')
  workOff(debts, keys, 5)
  assert.ok(debts.isEmpty)
  for (const key of keys) assert.equal(debts.find(key, false), undefined)
})

test('a flush that failed restores what was missed beyond the limit, which can be worked off', () => {
  const debts = new Debts()
  for (let i = 0; i < 12; i++) debts.add(`k${i}`, DELETE_DEBT, 5)
  debts.beginFlush(debts.addFlush())
  for (let i = 8; i < 20; i++) debts.add(`k${i}`, DELETE_DEBT, 5)
  debts.failFlush()
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
  for (const key of keys) assert.ok(debts.find(key, false), key)
  workOff(debts, keys, 5)
  assert.deepEqual([debts.size, debts.overflow], [0, 0])
})

test('a filter with too many keys to forget one by one still finds each of them', () => {
  const debts = new Debts()
  for (let i = 0; i < 1_105; i++) debts.add(`k${i}`, DELETE_DEBT, 5)
  assert.equal(debts.overflow, 1_100)
  workOff(debts, ['k700'], 5)
  for (let i = 0; i < 1_105; i++) if (i !== 700) assert.ok(debts.find(`k${i}`, false), `k${i}`)
  assert.equal(debts.canWorkOff, false)
})

test('a filter that takes over another has the keys of both, and forgets each by its name', () => {
  const [one, other] = [new KeyFilter(5), new KeyFilter(100_000)]
  for (let i = 0; i < 600; i++) one.add(`one${i}`)
  for (let i = 0; i < 300; i++) other.add(`other${i}`)
  one.addAll(other)
  assert.equal(one.size, 900)
  one.forget('other7')
  assert.deepEqual([one.has('other7'), one.has('other8'), one.has('one8')], [false, true, true])
  other.addAll(one)
  for (let i = 0; i < 600; i++) assert.ok(other.has(`one${i}`))
  for (let i = 0; i < 200; i++) one.add(`more${i}`)
  for (let i = 0; i < 600; i++) assert.ok(one.has(`one${i}`))
})

test('when all keys that changed in an outage have been asked for, no host is owed anything', async (t) => {
  const pair = await startPair(t, { ...WAITS, maxOwedKeys: 5 })
  const { client, servers, items } = pair
  const owed = (): number[] => client.cluster.snapshot().map((host) => host.owed)
  const own = Array.from({ length: 200 }, (_, i) => `key${i}`)
    .filter((key) => client.cluster.homeOf(key).server.port === servers[0].port)
    .slice(0, 12)
  for (const key of own) await client.set(key, 'old')
  await eject(pair)
  for (const key of own) await client.set(key, 'new')
  assert.equal(owed()[0], 12)
  pair.hung = false
  await until(() => stateOf(client) === 'up')
  for (const key of own) assert.notEqual(await client.get(key), 'old')
  await until(() => owed().every((count) => count === 0))
  assert.deepEqual(
    own.filter((key) => items[1].has(key)),
    [],
    'copies on the fallback host',
  )
  const before = servers[0].lines.length
  for (const key of own) await client.get(key)
  const removals = servers[0].lines.slice(before).filter((line) => line.startsWith('delete'))
  assert.deepEqual(removals, [])
})
