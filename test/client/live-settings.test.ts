import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { rows } from '../../src/behaviors/table.ts'
import { health, refills, requests } from './live-hosts.ts'
import { placements, values } from './live-placements.ts'

/** Live settings that test/client/live.test.ts and tests of slow hosts and handovers change. */
const ELSEWHERE = ['connections', 'retryTimeoutMs', 'slowHosts', 'previous']
const checks = { ...placements, ...values, ...health, ...requests, ...refills }

describe('a setting that is marked live changes an open client', { concurrency: 4 }, () => {
  for (const [name, check] of Object.entries(checks)) test(name, check)

  test('has a test here or in one of the named files', () => {
    const all = rows.filter((row) => row.live === 'now').map(({ name }) => name)
    assert.deepEqual([...Object.keys(checks), ...ELSEWHERE].sort(), [...all].sort())
  })
})
