import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import { startScripted } from '../support/scripted-server.ts'

test('after an add timed out, the late reply to its check of the key fails no other caller on the connection', async (t) => {
  let look = (): void => {}
  const server = await startScripted((line, socket) => {
    if (line.startsWith('add ')) socket.write('')
    else if (line === 'v') socket.write('NOT_STORED\r\n')
    else if (line.startsWith('gets ')) look = () => socket.write('VALUE k 2 1 7\r\nv\r\nEND\r\n')
    else if (line.startsWith('get ')) {
      look()
      socket.write('VALUE other 2 1\r\nw\r\nEND\r\n')
    }
  })
  const cache = new MemcachedClient(`127.0.0.1:${server.port}`, {
    protocol: 'classic',
    connections: { min: 1, max: 1 },
    requestTimeoutMs: 10_000,
  })
  t.after(async () => {
    await cache.close({ drainMs: 0 })
    await server.close()
  })
  await assert.rejects(cache.add('k', 'v', { timeoutMs: 100 }), { code: 'MINTRING_TIMEOUT' })
  await sleep(20)
  assert.equal(await cache.get('other'), 'w')
  assert.equal(server.accepted, 1)
})
