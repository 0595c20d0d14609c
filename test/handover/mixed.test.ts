import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as dial } from 'node:net'
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

test('getOrSet keeps no plain set for ever that moves from a host which does not tell its ttl', async (context) => {
  await using modern = await startServer()
  await using old = await startServer({ version: '1.4.39' })
  const cache = connect(context, [modern.address, old.address], PATIENT)
  const socket = dial(modern.port, '127.0.0.1')
  context.after(() => socket.destroy())
  for (const key of KEYS) await cache.set(key, 'plain', { ttl: 60 })
  cache.setServers([modern.address], { announce: 1, handover: 600 })
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  for (const key of KEYS) {
    assert.equal(await cache.getOrSet(key, () => 'loaded', POLICY), 'plain')
    socket.write(`mg ${key} t\r\n`)
    assert.doesNotMatch(String(await once(socket, 'data')), /t-1/)
  }
})
