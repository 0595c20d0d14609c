import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { rows } from '../../src/behaviors/table.ts'
import { health, refills, requests } from './live-hosts.ts'
import { placements, values } from './live-placements.ts'

/** In test/client/live.test.ts, and in the tests of slow hosts and of a change of servers. */
const ELSEWHERE = ['connections', 'retryTimeoutMs', 'slowHosts', 'previous']
const checks = { ...placements, ...values, ...health, ...requests, ...refills }

describe('a setting that is live changes what an open client does', { concurrency: 4 }, () => {
  for (const [name, check] of Object.entries(checks)) test(name, check)

  test('and every such setting is tried', () => {
    const all = rows.filter((row) => row.live === 'now').map(({ name }) => name)
    assert.deepEqual([...Object.keys(checks), ...ELSEWHERE].sort(), [...all].sort())
  })
})
