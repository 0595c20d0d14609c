import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { skipWithoutMemcached, startMemcached } from '../support/memcached.ts'
import { recover } from './recover.ts'

/** One pause between reads, one poll, and a margin for two busy cores. */
const GAP_MS = 500

describe('refills of processes, when the loading one is killed by SIGKILL', {
  skip: skipWithoutMemcached(),
}, () => {
  for (const protocol of ['meta', 'classic'] as const) {
    for (const temperature of ['cold', 'stale'] as const) {
      test(`start another load within the lease, ${temperature}, ${protocol} commands`, async () => {
        const memcached = await startMemcached()
        try {
          const { recoveredMs, loads } = await recover(memcached.port, temperature, 2, protocol)
          assert.ok(recoveredMs <= 2_000 + GAP_MS, `took ${recoveredMs} ms`)
          assert.equal(loads, 1)
        } finally {
          await memcached.stop()
        }
      })
    }
  }
})
