import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { getRequest } from '../support/plain-verbs.ts'
import { answerGets, type Script, startScripted, valueReply } from '../support/scripted-server.ts'
import { startStopwatch } from '../support/stopwatch.ts'
import { QUICK, sleep, testCluster, until } from '../support/test-cluster.ts'

const isCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code

/** A scripted server: replies to a set when the line with its value has arrived. */
const answerGetsAndSets: Script = (line, socket) => {
  if (line.startsWith('set ')) return
  if (line.startsWith('get ')) answerGets(line, socket)
  else socket.write('STORED\r\n')
}

test('gets of one event loop tick are sent as one get, which asks for each key once', async (t) => {
  const server = await startScripted(answerGets)
  t.after(() => server.close())
  const client = testCluster(t, [server.port])
  await client.get('warm')
  const keys = ['a', 'b', 'a', 'c', 'b']
  const values = await Promise.all(keys.map((key) => client.get(key)))
  assert.deepEqual(
    values,
    keys.map((key) => `value of ${key}`),
  )
  assert.equal(server.lines.at(-1), 'get a b c')
})

test('keys that the server does not return are misses, also for two callers of one key', async (t) => {
  const server = await startScripted((_line, socket) => {
    socket.write(`${valueReply('b')}${valueReply('d')}END\r\n`)
  })
  t.after(() => server.close())
  const client = testCluster(t, [server.port])
  const values = await Promise.all(['a', 'b', 'c', 'd', 'e', 'c'].map((key) => client.get(key)))
  assert.deepEqual(values, [undefined, 'value of b', undefined, 'value of d', undefined, undefined])
})

test('another command ends a batch of gets, so that a connection keeps the order of calls', async (t) => {
  const server = await startScripted(answerGetsAndSets)
  t.after(() => server.close())
  const client = testCluster(t, [server.port])
  await client.get('warm')
  await Promise.all([client.get('a'), client.get('b'), client.set('b', 'new'), client.get('b')])
  assert.deepEqual(server.lines.slice(-4), ['get a b', 'set b 0 0 3', 'new', 'get b'])
})

test('bytes that were transferred away before they were sent fail only their own request', async (t) => {
  const server = await startScripted(answerGetsAndSets)
  t.after(() => server.close())
  const client = testCluster(t, [server.port])
  await client.get('warm')
  const bytes = new Uint8Array(100)
  const gone = client.set('a', bytes)
  const read = client.get('b')
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  await assert.rejects(gone, isCode('MINTRING_BAD_VALUE'))
  assert.equal(await read, 'value of b')
  assert.equal(await client.set('c', new Uint8Array(0)), 'STORED')
})

test('a batch of gets has a limit of keys and of bytes', async (t) => {
  const server = await startScripted(answerGets)
  t.after(() => server.close())
  const client = testCluster(t, [server.port])
  await client.get('warm')
  await Promise.all(Array.from({ length: 250 }, (_, i) => client.get(`k${i}`)))
  const counts = server.lines.slice(-3).map((line) => line.split(' ').length - 1)
  assert.deepEqual(counts, [100, 100, 50])
  await Promise.all(Array.from({ length: 60 }, (_, i) => client.get(`${i}`.padEnd(240, 'x'))))
  const lengths = server.lines.slice(-3).map((line) => line.length)
  assert.ok(
    lengths.every((length) => length < 6_300),
    String(lengths),
  )
})

test('values of any size and type are written in order, copied or by reference', async (t) => {
  const got: string[] = []
  const server = await startScripted((line, socket) => {
    if (line.startsWith('set ')) return
    got.push(line)
    socket.write('STORED\r\n')
  })
  t.after(() => server.close())
  const client = testCluster(t, [server.port], { requestTimeoutMs: 2_000 })
  const bodies = [
    'text',
    Buffer.from('bytes'),
    Buffer.alloc(300_000, 'L'),
    'x'.repeat(5_000),
    Buffer.alloc(2_049, 'M'),
    new Uint8Array([65, 66]),
    Buffer.alloc(100_000, 'N'),
  ]
  await Promise.all(bodies.map((body, i) => client.set(`k${i}`, body)))
  const sent = bodies.map((body) =>
    typeof body === 'string' ? body : Buffer.from(body).toString(),
  )
  assert.deepEqual(got, sent)
})

for (const [what, reply] of [
  ['a value for a key that was not asked', valueReply('other')],
  ['an unknown reply', 'HELLO\r\n'],
  ['a length that is no number', 'VALUE a 0 abc\r\nxx\r\nEND\r\n'],
  ['a value that is longer than announced', 'VALUE a 0 2\r\nlonger\r\nEND\r\n'],
  ['a second answer', `${valueReply('a')}END\r\nEND\r\n`],
] as const) {
  test(`${what} closes the connection and never becomes a value`, async (t) => {
    const sockets: Socket[] = []
    const server = await startScripted((_line, socket) => socket.write(reply), {
      onConnect: (socket) => sockets.push(socket),
    })
    t.after(() => server.close())
    const client = testCluster(t, [server.port], { retries: 0 })
    const outcome = await client.get('a').catch((error: { code: string }) => error.code)
    assert.ok(['MINTRING_PROTOCOL', 'MINTRING_CONNECTION', 'value of a'].includes(String(outcome)))
    await until(() => sockets[0]!.destroyed)
  })
}

test('a truncated reply is never completed by the next connection', async (t) => {
  let isFirst = true
  const server = await startScripted((line, socket) => {
    if (!isFirst) return answerGets(line, socket)
    isFirst = false
    socket.end('VALUE a 0 20\r\nhalf a val')
  })
  t.after(() => server.close())
  const client = testCluster(t, [server.port])
  assert.deepEqual(await Promise.all([client.get('a'), client.get('b')]), [
    'value of a',
    'value of b',
  ])
})

test('a request that times out closes its connection, and its late reply reaches no caller', async (t) => {
  let isFirst = true
  const server = await startScripted((line, socket) => {
    if (!isFirst) return answerGets(line, socket)
    isFirst = false
    setTimeout(() => socket.write(`${valueReply('a')}END\r\n`), 250)
  })
  t.after(() => server.close())
  const client = testCluster(t, [server.port], { ...QUICK, retries: 0 })
  await assert.rejects(client.get('a'), isCode('MINTRING_TIMEOUT'))
  assert.equal(await client.get('b'), 'value of b')
  await sleep(100)
  assert.equal(await client.get('c'), 'value of c')
  assert.equal(server.accepted, 2)
})

test('a caller with a timeout shorter than an attempt leaves the connection open for the others', async (t) => {
  const server = await startScripted((line, socket) => setTimeout(answerGets, 80, line, socket))
  t.after(() => server.close())
  const client = testCluster(t, [server.port])
  await client.get('warm')
  const hasty = getRequest('hasty')
  hasty.bounds = { timeoutMs: 20 }
  client.cluster.dispatch(hasty)
  const patient = client.get('patient')
  const waitedMs = startStopwatch(t)
  await assert.rejects(hasty.promise, isCode('MINTRING_TIMEOUT'))
  assert.ok(waitedMs() < 70)
  assert.equal(await patient, 'value of patient')
  assert.equal(await client.get('next'), 'value of next')
  assert.equal(server.accepted, 1)
})

test('an aborted request is not written; if it was, its reply is discarded', async (t) => {
  const server = await startScripted((line, socket) => setTimeout(answerGets, 20, line, socket))
  t.after(() => server.close())
  const client = testCluster(t, [server.port])
  await client.get('warm')
  const unwritten = getRequest('unwritten')
  client.cluster.dispatch(unwritten)
  unwritten.reject(new Error('aborted'))
  const written = getRequest('written')
  client.cluster.dispatch(written)
  await assert.rejects(unwritten.promise)
  await sleep(5)
  written.reject(new Error('aborted'))
  await assert.rejects(written.promise)
  assert.equal(await client.get('next'), 'value of next')
  assert.equal(
    server.lines.some((line) => line.includes('unwritten')),
    false,
  )
  assert.equal(server.accepted, 1)
})

// Deno reads sockets later in the loop: after the pause its timers run before the replies arrive.
const skip = 'Deno' in globalThis && 'Deno reads its sockets after its timers'
test('a client whose event loop was blocked reads the replies that arrived, and ejects no host', {
  skip,
}, async (t) => {
  const server = await startScripted(answerGets)
  t.after(() => server.close())
  const client = testCluster(t, [server.port], { requestTimeoutMs: 50 })
  await client.get('warm')
  const pending = Promise.all(Array.from({ length: 20 }, (_, i) => client.get(`k${i}`)))
  // The write is sent first; then the process is busy for ten times the timeout.
  await new Promise((next) => setImmediate(next))
  const endMs = performance.now() + 500
  while (performance.now() < endMs);
  const values = await pending
  assert.equal(values[7], 'value of k7')
  assert.equal(client.cluster.snapshot()[0]?.failures, 0)
})

test('a client connects although its event loop ticks last as long as connectTimeoutMs', async (t) => {
  const server = await startScripted(answerGets)
  t.after(() => server.close())
  const times = { connectTimeoutMs: 50, requestTimeoutMs: 5_000 }
  const client = testCluster(t, [`localhost:${server.port}`], times)
  let isOver = false
  const turn = (): void => {
    const endMs = performance.now() + times.connectTimeoutMs
    while (performance.now() < endMs);
    if (!isOver) setImmediate(turn)
  }
  turn()
  const value = await client.get('key').finally(() => {
    isOver = true
  })
  assert.equal(value, 'value of key')
})

test('a dial gets back the time in which its process stood still', async (t) => {
  const replies = { mn: 'MN\r\n', 'stats settings': 'END\r\n' }
  const server = await startScripted(
    (line, socket) => {
      if (line !== 'version') socket.write(replies[line as keyof typeof replies] ?? 'END\r\n')
      else {
        const endMs = performance.now() + 700
        while (performance.now() < endMs);
        setTimeout(() => socket.write('VERSION 1.6.18\r\n'), 100)
      }
    },
    { greets: false },
  )
  t.after(() => server.close())
  const times = { connectTimeoutMs: 400, requestTimeoutMs: 5_000 }
  const client = testCluster(t, [server.port], times)
  assert.equal(await client.get('key'), undefined)
  assert.equal(server.accepted, 1)
})

test('1,000 operations on a new client open one connection', async (t) => {
  const server = await startScripted(answerGets)
  t.after(() => server.close())
  const client = testCluster(t, [server.port])
  const values = await Promise.all(Array.from({ length: 1_000 }, (_, i) => client.get(`k${i}`)))
  assert.equal(values[999], 'value of k999')
  assert.equal(server.accepted, 1)
})

test('requests over maxQueuedPerHost reject at once, and the others resolve', async (t) => {
  const server = await startScripted((line, socket) => setTimeout(answerGets, 50, line, socket))
  t.after(() => server.close())
  const client = testCluster(t, [server.port], { maxQueuedPerHost: 10 })
  await client.get('warm')
  const outcomes = await Promise.allSettled(
    Array.from({ length: 25 }, (_, i) => client.get(`k${i}`)),
  )
  const failed = outcomes.filter(({ status }) => status === 'rejected')
  assert.equal(failed.length, 15)
  for (const outcome of failed) {
    assert.equal((outcome as PromiseRejectedResult).reason.code, 'MINTRING_OVERLOADED')
  }
})

test('a second connection opens when the first had no reply for a quarter of the timeout', async (t) => {
  let connections = 0
  const server = await startScripted(
    (line, socket) => {
      // The first connection stalls; nothing else is slow.
      if (line.includes('warm') || connections > 1) answerGets(line, socket)
      else setTimeout(answerGets, 150, line, socket)
    },
    { onConnect: () => connections++ },
  )
  t.after(() => server.close())
  const client = testCluster(t, [server.port], QUICK)
  await client.get('warm')
  const slow = client.get('stall')
  await sleep(90)
  const waitedMs = startStopwatch(t)
  await Promise.all([client.get('x'), client.get('y')])
  await client.get('z')
  assert.ok(waitedMs() < 60)
  assert.equal(await slow, 'value of stall')
  assert.equal(connections, 2)
  assert.equal(client.cluster.snapshot()[0]?.failures, 0)
})
