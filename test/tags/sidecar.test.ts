import assert from 'node:assert/strict'
import net from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { world } from '../refill/world.ts'
import { skipWithoutMeta, startMemcached } from '../support/memcached.ts'

const POLICY = {
  ...{ ttl: 100, staleWhileRevalidate: 20, lease: 4, jitter: 0 },
  placeholder: 'sidecar',
  tags: ['a', 'b'],
} as const

/** One of several processes, and its number of loads. */
function reader(w: ReturnType<typeof world>, tags: typeof POLICY.tags | (() => string[])) {
  const { refill } = w.start()
  const told = { loads: 0, value: 1 }
  const load = (): Promise<number> => {
    told.loads++
    return w.later(20, told.value)
  }
  const entry = () => w.when(refill.getOrSetEntry('k', load, { ...POLICY, tags }))
  return { refill, told, entry }
}

describe('a sidecar page, whose tags are stored beside it', () => {
  test('is fresh for every process until a tag is invalidated, then stale and loaded once', async () => {
    const w = world()
    const [one, other] = [reader(w, POLICY.tags), reader(w, POLICY.tags)]
    assert.equal((await one.entry()).state, 'miss')
    assert.equal((await other.entry()).state, 'fresh')
    await w.when(other.refill.invalidateTags('b'))
    one.told.value = 2
    const { state, value, staleBecause } = await one.entry()
    assert.deepEqual([state, value, staleBecause], ['stale', 1, 'tag'])
    await w.pass(100)
    for (const { entry } of [one, other]) {
      assert.deepEqual([(await entry()).state, (await entry()).value], ['fresh', 2])
    }
    assert.deepEqual([one.told.loads, other.told.loads], [2, 0])
  })

  test('is loaded once when many processes miss it at once', async () => {
    const w = world()
    const all = Array.from({ length: 6 }, () => reader(w, POLICY.tags))
    const entries = await Promise.all(all.map(({ entry }) => entry()))
    assert.deepEqual(
      entries.map(({ value }) => value),
      Array(6).fill(1),
    )
    assert.equal(
      all.reduce((sum, { told }) => sum + told.loads, 0),
      1,
    )
    for (const { entry } of all) assert.equal((await entry()).state, 'fresh')
  })

  test('is loaded once per invalidation, however many processes read while it is stored', async () => {
    const w = world()
    const all = Array.from({ length: 6 }, () => reader(w, POLICY.tags))
    await all[0]!.entry()
    for (let round = 0; round < 10; round++) {
      await w.when(all[0]!.refill.invalidateTags('a'))
      for (let i = 0; i < 30; i++) await Promise.all(all.map(({ entry }) => entry()))
      await w.pass(50)
      assert.equal((await all[1]!.entry()).state, 'fresh')
    }
    const loads = all.reduce((sum, { told }) => sum + told.loads, 0)
    assert.equal(loads, 11)
  })

  test('is stale when its tags were evicted, or when a plain set replaced it', async () => {
    const w = world()
    const { told, entry } = reader(w, POLICY.tags)
    await entry()
    w.server.evict('tags k')
    assert.equal((await entry()).staleBecause, 'tag')
    await w.pass(100)
    assert.equal((await entry()).state, 'fresh')
    // A process marks the page at most once per lease, so wait for the next lease.
    await w.pass(5_000)
    w.server.set('k', { body: '7', flags: 1 }, 60)
    assert.deepEqual([(await entry()).state, (await entry()).value], ['stale', 7])
    await w.pass(100)
    assert.deepEqual([(await entry()).state, told.loads], ['fresh', 3])
  })

  test('is refilled after a lease when its writer died before it stored the tags', async () => {
    const w = world()
    const { told, entry } = reader(w, POLICY.tags)
    await entry()
    // A writer that died in between leaves its page, and an empty item which says that tags will
    // follow.
    w.server.set('k', { body: '7', flags: 1 }, 120)
    w.server.set('tags k', { body: '', flags: 0 }, POLICY.lease)
    assert.deepEqual([(await entry()).state, told.loads], ['stale', 1])
    await w.pass(1_000)
    assert.deepEqual([(await entry()).state, told.loads], ['stale', 1])
    await w.pass(5_000)
    await entry()
    await w.pass(100)
    assert.deepEqual([(await entry()).state, told.loads], ['fresh', 2])
  })

  test("has the tags that the policy's function returns for its value", async () => {
    const w = world()
    const { refill, entry } = reader(w, () => ['v'])
    await entry()
    await entry()
    await w.pass(100)
    assert.equal((await entry()).state, 'fresh')
    await w.when(refill.invalidateTags('v'))
    assert.equal((await entry()).staleBecause, 'tag')
  })

  for (const hard of [false, true]) {
    test(`is stale right after an invalidation, also if it was read before its tags were stored; hard: ${hard}`, async () => {
      const w = world()
      const [one, other] = [reader(w, POLICY.tags), reader(w, POLICY.tags)]
      await one.entry()
      const tags = w.server.peek('tags k')!
      w.server.set('tags k', { body: '', flags: 0 }, POLICY.lease)
      assert.equal((await other.entry()).state, 'stale')
      w.server.set('tags k', tags, 100)
      assert.equal((await other.entry()).state, 'fresh')
      other.told.value = 2
      await w.when(one.refill.invalidateTags('a', { hard }))
      assert.equal((await other.entry()).state, hard ? 'miss' : 'stale')
      await w.pass(100)
      const { state, value } = await other.entry()
      assert.deepEqual([state, value, other.told.loads], ['fresh', 2, 1])
    })
  }

  test('is not returned after a hard invalidation', async () => {
    const w = world()
    const { refill, told, entry } = reader(w, POLICY.tags)
    await entry()
    told.value = 2
    await w.when(refill.invalidateTags('a', { hard: true }))
    const { state, value } = await entry()
    assert.deepEqual([state, value], ['miss', 2])
  })
})

describe('a sidecar page on a real memcached', { skip: skipWithoutMeta() }, () => {
  test('is plain bytes for other programs, and stale for two clients after one invalidation', async (t) => {
    const { server, clients } = await started(t)
    const [one, other] = clients
    const entry = (client: MemcachedClient) =>
      client.getOrSetEntry('page', () => '<h1>page</h1>', POLICY)
    await entry(one!)
    assert.equal((await entry(other!)).state, 'fresh')
    assert.match(await plainly(server.port, 'get page'), /^VALUE page \d+ 13\r\n<h1>page<\/h1>\r\n/)
    await other!.invalidateTags('a')
    assert.equal((await entry(one!)).staleBecause, 'tag')
    for (let i = 0; (await entry(other!)).state !== 'fresh'; i++) assert.ok(i < 1_000)
  })
})

async function started(t: TestContext) {
  const server = await startMemcached()
  const clients = [1, 2].map(() => new MemcachedClient(`${server.host}:${server.port}`))
  t.after(async () => {
    await Promise.all(clients.map((client) => client.close()))
    await server.stop()
  })
  return { server, clients }
}

/** Returns the bytes that another program reads. */
async function plainly(port: number, command: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1')
  socket.end(`${command}\r\nquit\r\n`)
  let text = ''
  for await (const part of socket) text += part
  return text
}
