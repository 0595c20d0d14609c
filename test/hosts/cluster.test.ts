import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseServers } from '../../src/hosts/address.ts'
import { keyOn, storing } from '../support/host-pair.ts'
import {
  deleteRequest,
  getRequest,
  incrRequest,
  setRequest,
  versionRequest,
} from '../support/plain-verbs.ts'
import { answerGets, type Script, startScripted } from '../support/scripted-server.ts'
import { startStopwatch } from '../support/stopwatch.ts'
import { QUICK, sleep, testCluster, until } from '../support/test-cluster.ts'

const isCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code

test('a request waits for a single host that restarts within a tenth of a second', async (t) => {
  const items = new Map([['k', 'v']])
  const first = await startScripted(storing(items))
  t.after(() => first.close())
  const patient = { requestTimeoutMs: 10_000, connectTimeoutMs: 10_000 }
  const client = testCluster(t, [first.port], patient)
  assert.equal(await client.get('k'), 'v')
  const { port } = first
  await first.close()
  const pending = client.get('k')
  const again = await startScripted(storing(items), { port })
  t.after(() => again.close())
  assert.equal(await pending, 'v')
})

test('a command that must not run twice is not retried, and its error says that it was sent', async (t) => {
  let count = 0
  const server = await startScripted((line, socket) => {
    if (line.startsWith('incr')) count++
    socket.destroy()
  })
  t.after(() => server.close())
  const other = await startScripted(answerGets)
  t.after(() => other.close())
  const client = testCluster(t, [server.port, other.port])
  const key = keyOn(client, server.port)
  await assert.rejects(client.incr(key), (error: { sent?: boolean }) => {
    return isCode('MINTRING_CONNECTION')(error) && error.sent === true
  })
  assert.equal(count, 1)
  assert.equal(
    other.lines.some((line) => line.startsWith('incr')),
    false,
  )
})

test('retryWrites: false does not retry a write that may have run', async (t) => {
  const server = await startScripted((_line, socket) => socket.destroy())
  t.after(() => server.close())
  const client = testCluster(t, [server.port], { retryWrites: false })
  await assert.rejects(client.set('k', 'v'), isCode('MINTRING_CONNECTION'))
})

test('errors name host and command, never the value', async (t) => {
  const server = await startScripted(() => undefined)
  t.after(() => server.close())
  const client = testCluster(t, [server.port], { ...QUICK, retries: 0 })
  await assert.rejects(
    client.set('k', 'secret'),
    (error: Error & { host: string; command: string }) => {
      assert.equal(error.host, `127.0.0.1:${server.port}`)
      assert.equal(error.command, 'set')
      assert.ok(!String(error.stack).includes('secret'))
      return true
    },
  )
})

test('setServers keeps the connections of remaining hosts, and lets the requests of leaving hosts finish', async (t) => {
  const slow: Script = (line, socket) => setTimeout(answerGets, 60, line, socket)
  const [a, b] = [await startScripted(slow), await startScripted(answerGets)]
  t.after(() => Promise.all([a.close(), b.close()]))
  const client = testCluster(t, [a.port, b.port])
  const [onA, onB] = [keyOn(client, a.port), keyOn(client, b.port)]
  await Promise.all([client.get(onA), client.get(onB)])
  const pending = client.get(onA)
  await sleep(10)
  const kept = client.cluster.hosts[1]
  client.cluster.setServers(parseServers([`127.0.0.1:${b.port}:3`]))
  assert.equal(await pending, `value of ${onA}`)
  assert.equal(await client.get(onA), `value of ${onA}`)
  assert.equal(client.cluster.hosts[0], kept)
  assert.equal(client.cluster.snapshot()[0]?.weight, 3)
  assert.equal(b.accepted, 1)
  await until(() => a.sockets.size === 0)
})

test('setPolicy applies to requests that begin later', async (t) => {
  const server = await startScripted(() => undefined)
  t.after(() => server.close())
  const client = testCluster(t, [server.port], { ...QUICK, retries: 0 })
  client.cluster.setPolicy({ ...QUICK, retries: 0, requestTimeoutMs: 60 })
  const waitedMs = startStopwatch(t)
  await assert.rejects(client.get('k'), isCode('MINTRING_TIMEOUT'))
  assert.ok(waitedMs() < 180)
})

test('close waits for requests in flight, refuses later ones, and leaves no socket', async (t) => {
  const server = await startScripted((line, socket) => setTimeout(answerGets, 60, line, socket))
  t.after(() => server.close())
  const client = testCluster(t, [server.port])
  await client.get('warm')
  const pending = client.get('k')
  const closing = client.cluster.close({ drainMs: 500 })
  assert.equal(await pending, 'value of k')
  await closing
  await assert.rejects(client.get('late'), isCode('MINTRING_CLOSED'))
  await until(() => server.sockets.size === 0)
  await client.cluster.close()
})

test('close aborts requests that take longer than drainMs', async (t) => {
  const server = await startScripted((line, socket) => {
    if (line === 'get warm') answerGets(line, socket)
  })
  t.after(() => server.close())
  const client = testCluster(t, [server.port], { requestTimeoutMs: 5_000 })
  await client.get('warm')
  const pending = assert.rejects(client.get('k'), isCode('MINTRING_CLOSED'))
  await client.cluster.close({ drainMs: 20 })
  await pending
})

test('a request that is given to its host twice is written once', async (t) => {
  const server = await startScripted((line, socket) => {
    if (line.startsWith('incr')) socket.write('1\r\n')
  })
  t.after(() => server.close())
  const client = testCluster(t, [server.port])
  const request = incrRequest('counter')
  client.cluster.dispatch(request)
  client.cluster.dispatch(request)
  await request.promise
  await client.cluster.close()
  assert.equal(server.lines.filter((line) => line.startsWith('incr')).length, 1)
})

test('a request for a host that left the list rejects, but not as if the client were closed', async (t) => {
  const servers = await Promise.all([startScripted(answerGets), startScripted(answerGets)])
  t.after(() => Promise.all(servers.map((server) => server.close())))
  const [first, second] = servers.map(({ port }) => `127.0.0.1:${port}`) as [string, string]
  const client = testCluster(t, [first, second])
  const host = client.cluster.hosts[0]!
  client.cluster.setServers(parseServers([second]))
  const request = versionRequest()
  client.cluster.dispatchTo(host, request)
  const left = { code: 'MINTRING_CONNECTION', message: `${first} left the list of servers` }
  await assert.rejects(request.promise, left)
})

test('the epoch of a host changes when its last connection was lost, not when a second one opens', async (t) => {
  const server = await startScripted(answerGets)
  t.after(() => server.close())
  const client = testCluster(t, [server.port])
  await client.get('k')
  const host = client.cluster.hosts[0]!
  const epoch = host.epoch
  assert.ok(epoch > 0)
  for (const socket of server.sockets) socket.destroy()
  await until(() => client.cluster.snapshot()[0]?.lanes === 0)
  await client.get('k')
  assert.notEqual(host.epoch, epoch)
})

test('every request settles once, whatever the server does', async (t) => {
  let turn = 0
  const server = await startScripted((line, socket) => {
    turn++
    if (turn % 7 === 0) socket.destroy()
    else if (turn % 5 === 0) socket.write('GARBAGE\r\n')
    else if (turn % 11 === 0) return
    else if (line.startsWith('get ')) answerGets(line, socket)
    else if (line.startsWith('delete ')) socket.write('DELETED\r\n')
    else if (line.startsWith('incr ')) socket.write('5\r\n')
    else if (!line.startsWith('set ')) socket.write('STORED\r\n')
  })
  t.after(() => server.close())
  const client = testCluster(t, [server.port], QUICK)
  let settled = 0
  const requests = Array.from({ length: 400 }, (_, i) => {
    const key = `k${i}`
    return [getRequest(key), setRequest(key, 'v'), deleteRequest(key), incrRequest(key)][i % 4]!
  })
  for (const request of requests) {
    client.cluster.dispatch(request)
    request.promise.then(
      () => settled++,
      () => settled++,
    )
    if (Math.random() < 0.1) await sleep(5)
  }
  await until(() => settled === requests.length)
})
