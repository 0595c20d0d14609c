import assert from 'node:assert/strict'
import process from 'node:process'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import { skipWithoutMeta, startMemcached } from '../support/memcached.ts'
import { CHANGES, type KeyChange, POLICY } from './key-changes.ts'

/** Changes a moving key while its new host hangs, so that its previous one replaces it. */
async function changeWhileHung(change: KeyChange, failures: number): Promise<void> {
  const memcacheds = await Promise.all([startMemcached(), startMemcached()])
  const list = memcacheds.map(({ host, port }) => `${host}:${port}`)
  const client = new MemcachedClient(list.slice(0, 1), {
    ...{ announce: 1, handover: 600, requestTimeoutMs: 300, connectTimeoutMs: 300 },
    ...{ serverFailureLimit: 2, retryTimeoutMs: 300 },
  })
  const newHost = memcacheds[1]!
  try {
    client.setServers(list)
    const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`)
    const moving = keys.filter((name) => client.locate(name).server === list[1])
    const [key = '', other = ''] = moving
    while (client.handover?.phase !== 'move') await sleep(50)
    // Until the new host is cleared, reads still go to the previous one.
    do await client.set(key, 1, { ttl: 300 })
    while (!(await isOn(newHost.port, key)))
    await newHost.pause()
    // With one failure the host is suspect, and its connection is opened again; with two it is out.
    for (let i = 0; i < failures; i++) await client.get(other)
    await change(client, key)
    process.kill(newHost.pid, 'SIGCONT')
    while (client.locate(key).ejected) await sleep(20)
    const { state, value } = await client.getOrSetEntry(key, () => 2, POLICY)
    assert.ok(value === 2 || state === 'stale', `${value} is ${state}`)
  } finally {
    process.kill(newHost.pid, 'SIGCONT')
    await client.close()
    await Promise.all(memcacheds.map(({ kill }) => kill()))
  }
}

async function isOn(port: number, key: string): Promise<boolean> {
  await using direct = new MemcachedClient([`127.0.0.1:${port}`], { handover: 0 })
  return (await direct.get(key)) !== undefined
}

describe('a change of a moving key whose new host hangs', { skip: skipWithoutMeta() }, () => {
  for (const [verb, change] of Object.entries(CHANGES)) {
    for (const failures of [1, 2]) {
      test(`reaches that host when it replies again: ${verb} after ${failures} failures`, async () => {
        await changeWhileHung(change, failures)
      })
    }
  }
})
