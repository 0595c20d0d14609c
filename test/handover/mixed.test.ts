import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import { connect, PATIENT } from '../client/support.ts'

const KEYS = Array.from({ length: 60 }, (_, i) => `key:${i}`)
const POLICY = { ttl: 300 }

test('getOrSet finds the values that move from a removed host without meta commands', async (context) => {
  await using modern = await startServer()
  await using old = await startServer({ version: '1.4.39' })
  const both = [modern.address, old.address]
  const cache = connect(context, both, PATIENT)
  for (const key of KEYS) await cache.getOrSet(key, () => 'value', POLICY)
  cache.setServers([modern.address], { announce: 600, handover: 600 })
  const states = new Set<string>()
  for (const key of KEYS) {
    states.add((await cache.getOrSetEntry(key, () => 'loaded', POLICY)).state)
    await cache.refresh(key, () => 'new', POLICY)
    assert.equal(await cache.get(key), 'new')
  }
  assert.deepEqual([...states], ['fresh'])
})
