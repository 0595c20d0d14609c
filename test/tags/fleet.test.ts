import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { Fleet } from './fleet.ts'

describe('the tags of a fleet whose clocks differ', { skip: skipWithoutMemcached() }, () => {
  test('leave values fresh that are older than a change without an invalidation, so the test can fail', async (t) => {
    const fleet = await Fleet.start({ processes: 2, keys: 10, reads: 500, trouble: 'none' })
    t.after(() => fleet.close())
    await fleet.round()
    assert.ok((await fleet.round(500, false)).old > 400)
  })

  for (const trouble of ['none', 'evictions', 'both'] as const) {
    test(`mark nothing fresh that is older than an acknowledged invalidation; trouble: ${trouble}`, async (t) => {
      const fleet = await Fleet.start({ processes: 3, keys: 100, reads: 6_000, trouble })
      t.after(() => fleet.close())
      await fleet.round(2_000)
      const { old, fresh, loads } = await fleet.round()
      assert.equal(old, 0)
      if (trouble !== 'none') return
      assert.ok(fresh > 0)
      // Each of the 100 keys is loaded about once: another process may serve one, or two may load
      // one at once.
      assert.ok(loads >= 99 && loads <= 101, `${loads} loads`)
    })
  }
})
