import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { TTL } from './fleet.ts'

/** Longer than the rest of the test takes while a copy waits for the previous host. */
const SLOW_MS = 400
const PATIENT = { requestTimeoutMs: 10_000, connectTimeoutMs: 10_000 } as const

test('a copy does not replace a value of a restarted host that has the CAS id of its empty item', async () => {
  await using before = await startServer()
  await using after = await startServer({ version: '1.6.45' })
  await using moving = new MemcachedClient(before.address, PATIENT)
  await using other = new MemcachedClient(after.address, { ...PATIENT, handover: 0 })
  await moving.set('key', 'old', TTL)
  moving.setServers(after.address, { announce: 1, handover: 600 })
  await moving.set('other', 'value', TTL)
  while (moving.handover?.phase !== 'move') await sleep(10)
  await before.inject({ delayMs: SLOW_MS })
  assert.equal(await moving.get('key'), 'old')
  let cas: string | undefined
  while (cas === undefined) cas = (await other.meta.mg('key', { c: true })).cas?.toString()
  before.pause()
  await after.restart()
  await other.version()
  assert.equal((await other.meta.ms('key', 'new', { E: BigInt(cas) })).status, 'done')
  await before.heal()
  before.resume()
  await sleep(SLOW_MS)
  assert.equal(await moving.get('key'), 'new')
})
