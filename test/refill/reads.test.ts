import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, test } from 'node:test'
import { isMintringError } from '../../src/errors.ts'
import type { RefillEventName } from '../../src/refill/tally.ts'
import { world } from './world.ts'

const POLICY = { ttl: 10, staleWhileRevalidate: 20, lease: 4, jitter: 0 } as const

describe('getOrSet', () => {
  test('sends one command for a hit, and two for a refill', async () => {
    const w = world()
    const { refill, store } = w.start()
    await w.when(refill.getOrSet('k', () => 1, POLICY))
    assert.equal(store.commands, 2)
    await w.when(refill.getOrSet('k', () => 1, POLICY))
    assert.equal(store.commands, 3)
  })

  test('reads once for all callers of one event loop tick, and again for those of the next', async () => {
    const w = world()
    const { refill, store } = w.start()
    await w.when(refill.getOrSet('k', () => 1, POLICY))
    const before = store.commands
    const turn = Array.from({ length: 50 }, () => refill.getOrSet('k', () => 2, POLICY))
    turn.push(refill.getOrSetEntry('k', () => 2, POLICY).then(({ value }) => value))
    assert.deepEqual(await w.when(Promise.all(turn)), Array(51).fill(1))
    assert.equal(store.commands - before, 1)
    const sent = refill.getOrSet('k', () => 2, POLICY)
    await w.pass(0)
    await w.when(Promise.all([sent, refill.getOrSet('k', () => 2, POLICY)]))
    assert.equal(store.commands - before, 3)
    assert.equal(refill.counters.coalesced, 50)
    assert.equal(refill.counters.states.fresh, 53)
  })

  test('starts an early refill, and returns the fresh value meanwhile', async () => {
    const w = world()
    const { refill } = w.start()
    const policy = { ...POLICY, earlyRefresh: 4 }
    let loads = 0
    const loader = () => w.later(100, ++loads)
    await w.when(refill.getOrSet('k', loader, policy))
    await w.pass(5_000)
    await w.when(refill.getOrSet('k', loader, policy))
    assert.equal(loads, 1)
    await w.pass(2_000)
    const entry = await w.when(refill.getOrSetEntry('k', loader, policy))
    assert.deepEqual([entry.state, entry.value], ['fresh', 1])
    await w.pass(200)
    assert.equal(loads, 2)
  })

  test('waits staleTimeoutMs for the fresh value before it returns the stale one', async () => {
    const w = world()
    const { refill } = w.start()
    const policy = { ...POLICY, staleTimeoutMs: 500 }
    await w.when(refill.getOrSet('k', () => 1, policy))
    await w.pass(11_500)
    const quick = await w.when(refill.getOrSetEntry('k', () => w.later(100, 2), policy))
    assert.deepEqual([quick.state, quick.value], ['miss', 2])
    await w.pass(11_500)
    const slow = await w.when(refill.getOrSetEntry('k', () => w.later(2_000, 3), policy))
    assert.deepEqual([slow.state, slow.value], ['stale', 2])
  })

  test('waits for the loader past staleWhileRevalidate, and returns the stale value if it fails', async () => {
    const w = world()
    const { refill } = w.start()
    const policy = { ...POLICY, staleWhileRevalidate: 0, staleIfError: 60 }
    await w.when(refill.getOrSet('k', () => 1, policy))
    await w.pass(15_000)
    const broken = () => w.later(50, 0).then(() => Promise.reject(new Error('down')))
    const served = await w.when(refill.getOrSetEntry('k', broken, policy))
    assert.deepEqual([served.state, served.value], ['stale', 1])
    const startMs = w.time.nowMs
    const again = await w.when(refill.getOrSetEntry('k', broken, policy))
    assert.equal(again.state, 'stale')
    assert.ok(w.time.nowMs - startMs <= 10, 'known to fail: nobody waits')
    await w.pass(6_000)
    const healed = await w.when(refill.getOrSetEntry('k', () => 2, policy))
    assert.deepEqual([healed.state, healed.value], ['miss', 2])
  })

  test('varies ttls by jitter, only to shorter ones', async () => {
    const w = world()
    const { refill } = w.start()
    const ttls = new Set<number | undefined>()
    for (let i = 0; i < 50; i++) {
      const policy = { ttl: 100, jitter: 0.5 }
      ttls.add((await w.when(refill.getOrSetEntry(`k${i}`, () => i, policy))).ttl)
    }
    assert.ok(ttls.size > 20)
    assert.ok([...ttls].every((ttl) => ttl !== undefined && ttl >= 50 && ttl <= 100))
  })

  test('runs the loader of a caller itself when waiting for another client took too long', async () => {
    const w = world()
    const [a, b] = [w.start(), w.start()]
    const policy = { ...POLICY, waitTimeoutMs: 1_000 }
    void a.refill.getOrSet('k', () => w.later(20_000, 1), policy)
    await w.pass(50)
    let loads = 0
    const own = () => w.later(10, ++loads)
    const waits = Promise.all([
      b.refill.getOrSetEntry('k', own, policy),
      b.refill.getOrSetEntry('k', own, policy),
    ])
    const startMs = w.time.nowMs
    const [one, two] = await w.when(waits)
    assert.deepEqual([one, two], Array(2).fill({ value: 1, state: 'uncached' }))
    assert.ok(w.time.nowMs - startMs >= 1_000 && w.time.nowMs - startMs < 1_050)
  })

  for (const [onWaitTimeout, outcome] of [
    ['throw', 'MINTRING_WAIT_TIMEOUT'],
    ['undefined', undefined],
  ] as const) {
    test(`with onWaitTimeout '${onWaitTimeout}' ends the wait with the configured outcome`, async () => {
      const w = world()
      const [a, b] = [w.start(), w.start()]
      const policy = { ...POLICY, waitTimeoutMs: 1_000, onWaitTimeout }
      void a.refill.getOrSet('k', () => w.later(20_000, 1), policy)
      await w.pass(50)
      const end = await w.when(
        b.refill
          .getOrSet('k', () => 2, policy)
          .catch((error: unknown) => {
            return isMintringError(error) ? error.code : error
          }),
      )
      assert.equal(end, outcome)
    })
  }

  test('polls once per process, however many callers wait', async () => {
    const w = world()
    const [a, b] = [w.start(), w.start()]
    void a.refill.getOrSet('k', () => w.later(2_000, 1), POLICY)
    await w.pass(50)
    const many = Array.from({ length: 100 }, () => b.refill.getOrSet('k', () => 2, POLICY))
    assert.deepEqual(new Set(await w.when(Promise.all(many))), new Set([1]))
    assert.ok(b.refill.counters.polls < 25, `${b.refill.counters.polls} polls`)
  })

  test('loads once per process while the cache is unreachable', async () => {
    const w = world()
    const events: RefillEventName[] = []
    const { refill } = w.start({ hooks: { report: (name) => events.push(name) } })
    let loads = 0
    const loader = () => w.later(100, ++loads)
    const calls: Promise<unknown>[] = []
    for (let i = 0; i < 40; i++) {
      calls.push(refill.getOrSetEntry('k', loader, POLICY))
      w.server.restart()
      await w.pass(1)
    }
    const entries = await w.when(Promise.all(calls))
    const bypasses = entries.filter((entry) => (entry as { state: string }).state === 'bypass')
    assert.ok(bypasses.length >= 30, `${bypasses.length} bypasses`)
    assert.ok(loads <= 3, `${loads} loads`)
    assert.ok(events.includes('bypass'))
  })

  test('runs the loader in the async context of its first caller', async () => {
    const w = world()
    const { refill } = w.start()
    const trace = new AsyncLocalStorage<string>()
    const seen: (string | undefined)[] = []
    const loader = () => {
      seen.push(trace.getStore())
      return 1
    }
    const call = (name: string) => trace.run(name, () => refill.getOrSet('k', loader, POLICY))
    await w.when(Promise.all([call('first'), call('second')]))
    assert.deepEqual(seen, ['first'])
  })

  test('reports events outside the async context of every caller', async () => {
    const w = world()
    const trace = new AsyncLocalStorage<string>()
    const seen = new Map<RefillEventName, string | undefined>()
    const report = (name: RefillEventName): unknown => seen.set(name, trace.getStore())
    const { refill } = w.start({ hooks: { report } })
    const call = (load: () => Promise<number>): Promise<unknown> =>
      trace.run('a request', () => refill.getOrSet('k', load, POLICY).catch(() => {}))
    w.server.set('k', { body: 'damaged', flags: 1 }, 60)
    await w.when(call(() => w.later(10, 1)))
    await w.pass(11_000)
    await w.when(call(() => Promise.reject(new Error('down'))))
    await w.pass(8_000)
    await w.when(call(() => w.later(200, 2)))
    await w.when(refill.invalidate('k', POLICY))
    await w.pass(300)
    const names = ['leaseLost', 'leaseTakenOver', 'refill', 'refillError', 'stale', 'unreadable']
    assert.deepEqual([...seen.keys()].sort(), names)
    assert.deepEqual([...new Set(seen.values())], [undefined])
  })

  test('loads and replaces a value that it cannot decode', async () => {
    const w = world()
    const [a, b] = [w.start(), w.start()]
    w.server.set('k', { body: '{broken', flags: 1 }, 1_000)
    let loads = 0
    const loader = () => w.later(50, ++loads)
    const values = await w.when(
      Promise.all([a.refill.getOrSet('k', loader, POLICY), b.refill.getOrSet('k', loader, POLICY)]),
    )
    assert.deepEqual([values, loads], [[1, 1], 1])
    assert.equal((await w.when(b.refill.getOrSetEntry('k', loader, POLICY))).state, 'fresh')
  })

  test('counts for each state how many callers it served, and how stale their values were', async () => {
    const w = world()
    const { refill } = w.start()
    await w.when(refill.getOrSet('k', () => 1, POLICY))
    await w.pass(14_000)
    await w.when(Promise.all([1, 2, 3].map(() => refill.getOrSet('k', () => 2, POLICY))))
    const { states, refills, staleFor } = refill.counters
    assert.deepEqual(states, { fresh: 0, stale: 3, miss: 1, uncached: 0, bypass: 0 })
    assert.equal(refills.ok, 2)
    assert.equal(staleFor.find(({ upToSeconds }) => upToSeconds === 5)?.count, 3)
  })
})
