import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import { MintringError } from '../../src/errors.ts'
import { freePort } from '../support/memcached.ts'
import { testCluster, until } from '../support/test-cluster.ts'

const AGAIN = new MintringError('MINTRING_CONNECTION', 'again')

test('a suspect host that gives its requests back in the middle of a dial is dialled again', async (t) => {
  const port = await freePort()
  const { cluster } = testCluster(t, [port], { serverFailureLimit: 10 })
  const host = cluster.hosts[0]!
  host.openLane()
  await until(() => host.state === 'suspect')
  let dials = 0
  const sockets: net.Socket[] = []
  // Replies nothing, so that each dial stays open.
  const server = net.createServer((socket) => {
    dials++
    sockets.push(socket.on('error', () => {}))
  })
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  server.listen(port, '127.0.0.1')
  await until(() => dials > 0)
  assert.equal(host.usable, false)
  host.giveBack(AGAIN)
  await until(() => dials > 1)
})

test('a suspect host that gives its requests back between two dials waits for the next one', async (t) => {
  const port = await freePort()
  const { cluster } = testCluster(t, [port], { serverFailureLimit: 10, retryTimeoutMs: 60_000 })
  const host = cluster.hosts[0]!
  host.openLane()
  await until(() => host.state === 'suspect')
  const { lastErrorMs } = host
  host.giveBack(AGAIN)
  assert.equal(host.usable, false)
  await until(() => host.lastErrorMs > lastErrorMs)
})
