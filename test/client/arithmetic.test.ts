import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { startScripted } from '../support/scripted-server.ts'

test('incr with classic commands returns a number when others create and delete the counter between its commands', async (context) => {
  const replies = ['NOT_FOUND', 'NOT_STORED', 'NOT_FOUND', 'STORED']
  const server = await startScripted((line, socket) => {
    if (/^(incr|add) counter\b/.test(line)) socket.write(`${replies.shift()}\r\n`)
  })
  const client = new MemcachedClient(`127.0.0.1:${server.port}`, { protocol: 'classic' })
  context.after(async () => {
    await client.close({ drainMs: 0 })
    await server.close()
  })
  assert.equal(await client.incr('counter', 1, { initial: 7 }), 7n)
  assert.deepEqual(replies, [])
})
