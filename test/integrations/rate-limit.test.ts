import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { isMintringError } from '../../src/errors.ts'
import { RateLimitStore } from '../../src/integrations/rate-limit.ts'
import { connect, serve } from '../client/support.ts'

/**
 * Stops the clock in the middle of a minute, so that windows that are aligned to it do not end.
 */
function stopClock(t: TestContext): void {
  t.mock.timers.enable({ apis: ['Date'], now: new Date('2030-01-02T03:04:30.500Z') })
}

/** Servers with meta commands and servers without: both must pass the same tests. */
const KINDS = { 'meta commands': '1.6.18', 'classic commands': '1.6.9' }

for (const [name, version] of Object.entries(KINDS)) {
  describe(`the rate limit store, by ${name}`, () => {
    test('increments, decrements to 0 at most, and resets a key', async (t) => {
      stopClock(t)
      const { cache } = await serve(t, {}, { version })
      const store = new RateLimitStore(cache)
      store.init({ windowMs: 3_600_000 })
      assert.equal(await store.get('k'), undefined)
      assert.equal((await store.increment('k')).totalHits, 1)
      assert.equal((await store.increment('k')).totalHits, 2)
      assert.equal((await store.increment('other')).totalHits, 1)
      await store.decrement('k')
      assert.equal((await store.get('k'))?.totalHits, 1)
      for (let i = 0; i < 3; i++) await store.decrement('k')
      assert.equal((await store.increment('k')).totalHits, 1)
      await store.resetKey('k')
      assert.equal(await store.get('k'), undefined)
      await store.decrement('nobody')
      assert.equal(await store.get('nobody'), undefined)
    })

    test('counts every one of many concurrent hits', async (t) => {
      stopClock(t)
      const { cache } = await serve(t, {}, { version })
      const store = new RateLimitStore(cache)
      store.init({ windowMs: 3_600_000 })
      const hits = await Promise.all(Array.from({ length: 50 }, () => store.increment('k')))
      const totals = hits.map((hit) => hit.totalHits).sort((one, two) => one - two)
      assert.deepEqual(
        totals,
        Array.from({ length: 50 }, (_, i) => i + 1),
      )
    })

    test('returns the same end of the window for all its hits', async (t) => {
      stopClock(t)
      const { cache } = await serve(t, {}, { version })
      const store = new RateLimitStore(cache)
      store.init({ windowMs: 59_001 })
      const { resetTime } = await store.increment('k')
      const leftMs = resetTime.getTime() - Date.now()
      assert.ok(leftMs > 0 && leftMs <= 60_000, `${leftMs}`)
      const again = (await store.get('k'))?.resetTime.getTime() ?? 0
      assert.ok(Math.abs(again - resetTime.getTime()) <= 1000)
    })

    test('accepts any key, and separates stores with other prefixes', async (t) => {
      stopClock(t)
      const { cache } = await serve(t, {}, { version })
      const one = new RateLimitStore(cache, { prefix: 'one:' })
      const two = new RateLimitStore(cache, { prefix: 'two:' })
      for (const key of ['::1', 'with space', 'x'.repeat(400)]) {
        assert.equal((await one.increment(key)).totalHits, 1)
        assert.equal((await one.increment(key)).totalHits, 2)
        assert.equal((await two.increment(key)).totalHits, 1)
      }
    })

    test('resets all keys, in this process at once and in others within a second', async (t) => {
      stopClock(t)
      const { cache, server } = await serve(t, {}, { version })
      const store = new RateLimitStore(cache)
      const elsewhere = new RateLimitStore(connect(t, server.address))
      await store.increment('k')
      assert.equal((await elsewhere.increment('k')).totalHits, 2)
      await store.resetAll()
      assert.equal((await store.increment('k')).totalHits, 1)
      await new Promise((wake) => setTimeout(wake, 1050))
      await elsewhere.increment('another, which has it read the generation')
      await new Promise((wake) => setTimeout(wake, 50))
      assert.equal((await elsewhere.increment('k')).totalHits, 2)
    })
  })
}

describe('the rate limit store', () => {
  test('sends one command for a hit', async (t) => {
    const { cache, server } = await serve(t)
    const store = new RateLimitStore(cache)
    await store.increment('k')
    const before = server.stats()
    for (let i = 0; i < 5; i++) await store.increment('k')
    const after = server.stats()
    const asked = (name: string) => Number(after[name]) - Number(before[name])
    assert.deepEqual([asked('incr_hits'), asked('cmd_get'), asked('cmd_set')], [5, 0, 0])
  })

  test('rejects when a hit could not be counted', async (t) => {
    const { cache, server } = await serve(t, { autoEjectHosts: false, retries: 0 })
    const store = new RateLimitStore(cache)
    await store.increment('k')
    await server.kill()
    await assert.rejects(store.increment('k'), isMintringError)
  })
})
