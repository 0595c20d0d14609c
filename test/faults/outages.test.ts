import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { flapping, killedWriter, longOutage, rollingRestart, underLoad } from './outages.ts'

suite('outages of real memcacheds', { skip: skipWithoutMemcached() }, () => {
  test('while a host is out the fleet loads each of its keys once, whatever the stale windows', async () => {
    const { keysRead, loads } = await longOutage(2, 200)
    assert.ok(keysRead > 50, `${keysRead} keys`)
    // Allow some more loads than keys: two clients may miss a key at the same moment.
    assert.ok(loads <= 1.2 * keysRead, `${loads} loads of ${keysRead} keys`)
  })

  test('values that a killed process stored on fallback hosts are not read in the next outage', async () => {
    assert.deepEqual(await killedWriter(80), { old: 0, stored: 80 })
  })

  for (const disturb of [flapping, rollingRestart]) {
    test(`${disturb.name} under load: no value is older than an acknowledged change, even when the record of missed changes overflows`, async () => {
      const { report, overflows } = await underLoad(disturb, 500)
      assert.deepEqual(report.examples, [])
      assert.ok(report.hits > 200, `${report.hits} hits`)
      assert.ok(overflows > 0)
    })
  }
})
