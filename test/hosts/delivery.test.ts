import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { storing } from '../support/host-pair.ts'
import { setRequest } from '../support/plain-verbs.ts'
import type { Script } from '../support/scripted-server.ts'
import { startScripted } from '../support/scripted-server.ts'
import { sleep, testCluster } from '../support/test-cluster.ts'

const LANE = { min: 1, max: 1, idleMs: 60_000 }

/**
 * Delays replies: they are sent in order, and none before the promise that `until` returns has
 * resolved.
 */
function heldBack(script: Script, until: (line: string) => Promise<unknown> | undefined): Script {
  let turn: Promise<unknown> = Promise.resolve()
  return (line, socket) => {
    const wait = until(line)
    turn = turn.then(() => wait).then(() => script(line, socket))
  }
}

test('a slow replayed delete is not sent again after a write that followed it', async (t) => {
  const items = new Map<string, string>()
  const parts = 5
  const big = async (socket: Socket): Promise<void> => {
    socket.write(`VALUE big 0 ${parts * 2_000}\r\n`)
    for (let part = 0; part < parts; part++) {
      await sleep(160)
      socket.write('x'.repeat(2_000))
    }
    socket.write('\r\nEND\r\n')
  }
  let bigValue: Promise<void> | undefined
  const script = heldBack(storing(items), () => bigValue)
  const server = await startScripted((line, socket) => {
    if (line === 'get big') bigValue = big(socket)
    else script(line, socket)
  })
  t.after(() => server.close())
  const times = { requestTimeoutMs: 400, retries: 9, connections: LANE }
  const client = testCluster(t, [server.port], times)
  await client.get('first')
  const host = client.cluster.homeOf('key')
  const read = client.get('big')
  client.cluster.owe(host, 'key')
  const write = setRequest('key', 'value')
  write.bounds = { timeoutMs: 10_000 }
  client.cluster.dispatch(write)
  assert.equal(await write.promise, 'STORED')
  assert.equal((await read)?.length, parts * 2_000)
  assert.equal(host.debts.size, 0)
  assert.equal(await client.get('key'), 'value')
  assert.equal(server.lines.filter((line) => line === 'delete key').length, 1)
})

test('a retried write that carried a replayed delete is not followed by the delete a second time', async (t) => {
  const items = new Map<string, string>()
  let release: (() => void) | undefined
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const script = heldBack(storing(items), (line) => (line === 'delete key' ? released : undefined))
  let isFirst = true
  const server = await startScripted((line, socket) => {
    if (isFirst && line.startsWith('set ')) socket.destroy()
    else if (!isFirst || !line.startsWith('delete ')) script(line, socket)
    if (line.startsWith('set ')) isFirst = false
  })
  t.after(() => server.close())
  const client = testCluster(t, [server.port], { requestTimeoutMs: 1_000, connections: LANE })
  await client.get('first')
  const host = client.cluster.homeOf('key')
  client.cluster.owe(host, 'key')
  const write = client.set('key', 'value')
  while (server.lines.filter((line) => line.startsWith('set ')).length < 2) await sleep(1)
  const read = client.get('key')
  while (!server.lines.includes('get key')) await sleep(1)
  release?.()
  assert.equal(await write, 'STORED')
  assert.equal(await read, 'value')
})

test('a replayed flush is the first command on the connection that all reads use', async (t) => {
  const items = new Map<string, string>([['key', 'old']])
  const script = heldBack(storing(items), (line) => (line === 'flush_all' ? sleep(50) : undefined))
  const server = await startScripted(script)
  t.after(() => server.close())
  const two = { min: 2, max: 2, idleMs: 60_000 }
  const client = testCluster(t, [server.port], { requestTimeoutMs: 1_000, connections: two })
  await client.get('first')
  const host = client.cluster.homeOf('key')
  host.debts.addFlush()
  const reads = Array.from({ length: 8 }, async () => {
    await sleep(1)
    return client.get('key')
  })
  const found = await Promise.all([client.get('key'), ...reads])
  assert.deepEqual(new Set(found), new Set([undefined]))
  assert.equal(server.lines.filter((line) => line === 'flush_all').length, 1)
})
