import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import type { ClientCore } from '../../src/client/core.ts'
import { metadumpKeys } from '../../src/simulate/remap-metadump.ts'
import { type Memcached, skipWithoutDumps, startMemcached } from '../support/memcached.ts'

const LENGTHS = { announce: 1, handover: 4 }

/** The reply of a server to some bytes, before it is told to quit. */
async function said({ host, port }: Memcached, bytes: Buffer | string): Promise<string> {
  const socket = connect(port, host)
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.write(Buffer.concat([Buffer.from(bytes), Buffer.from('quit\r\n')]))
  await once(socket, 'close')
  return text
}

const skip = skipWithoutDumps()
test('a forged handover mark whose server name contains a command runs no command', {
  skip,
}, async (t) => {
  const memcacheds = await Promise.all([startMemcached(), startMemcached()])
  t.after(() => Promise.all(memcacheds.map(({ kill }) => kill())))
  const all = memcacheds.map(({ host, port }) => `${host}:${port}`)
  const change = async (): Promise<void> => {
    await using client = new MemcachedClient(all.slice(0, 1))
    await client.set('key', 'value')
    client.setServers(all, LENGTHS)
    while (client.handover === undefined) await sleep(20)
    while (client.handover !== undefined) await sleep(50)
  }
  await change()
  const names: string[] = []
  for await (const name of metadumpKeys(all[0]!)) names.push(Buffer.from(name).toString('latin1'))
  const [, digest] = /mintring~handover~([\w-]+)/.exec(names.join(' '))!
  const id = 'a b\r\nset injected 0 0 1\r\nx'
  const body = JSON.stringify({ id, announceMs: 1_000, handoverMs: 4_000, startedAtMs: Date.now() })
  const key = Buffer.from(`\xff~mintring~handover~${digest}`, 'latin1')
  const line = Buffer.from(` 0 86405 ${body.length}\r\n${body}\r\n`)
  for (const memcached of memcacheds) {
    await said(memcached, 'flush_all\r\n')
    await said(memcached, Buffer.concat([Buffer.from('set '), key, line]))
  }
  await change()
  for (const memcached of memcacheds) {
    assert.doesNotMatch(await said(memcached, 'get injected\r\n'), /VALUE/)
  }
})

test('a forged mark that names the current servers as the previous ones is ignored', async (t) => {
  const memcacheds = await Promise.all([startMemcached(), startMemcached()])
  t.after(() => Promise.all(memcacheds.map(({ kill }) => kill())))
  const all = memcacheds.map(({ host, port }) => `${host}:${port}`)
  await using informed = new MemcachedClient(all)
  await informed.set('key', 'value')
  const { cluster } = Reflect.get(informed, '_core') as ClientCore
  const times = { announceMs: 60_000, handoverMs: 60_000, startedAtMs: Date.now() }
  const servers = memcacheds.map(({ host, port }) => ({ host, port, weight: 1 }))
  const previous = { servers, ring: { distribution: 'ketama' } }
  const body = JSON.stringify({ id: 'forged', ...times, previous })
  const line = `set ${cluster.handovers.markKey} 0 86520 ${body.length}\r\n${body}\r\n`
  for (const memcached of memcacheds) {
    assert.match(await said(memcached, Buffer.from(line, 'latin1')), /STORED/)
  }
  await using newcomer = new MemcachedClient(all)
  assert.equal(await newcomer.get('key'), 'value')
  assert.equal(newcomer.handover, undefined)
})
