import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startServer } from '../../src/embedded/server.ts'
import { startScripted } from '../support/scripted-server.ts'
import { startStopwatch } from '../support/stopwatch.ts'
import { sleep, testCluster } from '../support/test-cluster.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

test('a reply that arrives a byte at a time is given up after the timeout, and its connection is closed', async (t) => {
  const server = await startScripted((_line, socket) => {
    const bytes = 'VALUE k 0 500\r\n'.padEnd(500, 'x')
    let at = 0
    const timer = setInterval(() => socket.write(bytes[at++] ?? 'x'), 10)
    socket.on('close', () => clearInterval(timer))
  })
  t.after(() => server.close())
  const client = testCluster(t, [server.port], { requestTimeoutMs: 150, retries: 0 })
  const waitedMs = startStopwatch(t)
  await assert.rejects(client.get('k'), { code: 'MINTRING_TIMEOUT' })
  // The whole reply takes five seconds.
  assert.ok(waitedMs() < 2_500)
  await sleep(30)
  assert.equal(client.cluster.snapshot()[0]?.inFlight, 0)
})

test('100,000 operations against a host that hangs are refused at once, with flat memory', async (t) => {
  const server = await startScripted(() => undefined)
  t.after(() => server.close())
  const client = testCluster(t, [server.port], { requestTimeoutMs: 30_000, retries: 0 })
  await client.cluster.hosts[0]?.ready()
  const before = process.memoryUsage().rss
  const codes = new Map<string, number>()
  const settled: Promise<void>[] = []
  const startMs = performance.now()
  for (let i = 0; i < 100_000; i++) {
    const pending = client.get(`key${i}`).then(
      () => undefined,
      (error: { code: string }) => {
        codes.set(error.code, (codes.get(error.code) ?? 0) + 1)
      },
    )
    settled.push(pending)
    if (i % 1_000 === 999) await new Promise((next) => setImmediate(next))
  }
  await new Promise((next) => setImmediate(next))
  assert.equal(codes.get('MINTRING_OVERLOADED'), 90_000)
  assert.ok(performance.now() - startMs < 10_000)
  const grownMb = (process.memoryUsage().rss - before) / 1024 / 1024
  assert.ok(grownMb < 120, `${grownMb} MB more`)
  await client.cluster.close({ drainMs: 0 })
  await Promise.all(settled)
  assert.equal(codes.get('MINTRING_CLOSED'), 10_000)
})

test('a host that hangs does not slow down the other hosts', async (t) => {
  // It hangs after its handshake, which ends with a `gets`.
  const hung = await startScripted((line, socket) => {
    if (line.startsWith('gets ')) socket.write('END\r\n')
  })
  const fine = await startScripted((line, socket) => {
    if (line.startsWith('get ')) socket.write('END\r\n')
  })
  t.after(() => Promise.all([hung.close(), fine.close()]))
  const client = testCluster(t, [hung.port, fine.port])
  const keys = Array.from({ length: 400 }, (_, i) => `key${i}`)
  const onFine = keys.filter((key) => client.cluster.homeOf(key).server.port === fine.port)
  const onHung = keys.filter((key) => !onFine.includes(key))
  // The first connection of a client waits for that of a second host.
  await client.get(onFine[0]!)
  const others = onHung.map((key) => client.get(key).catch(() => undefined))
  const waitedMs = startStopwatch(t)
  await Promise.all(onFine.map((key) => client.get(key)))
  assert.ok(waitedMs() < 100)
  await Promise.all(others)
})

test('a process with a dead and a live host exits by itself after close', async (t) => {
  const server = await startServer()
  t.after(() => server.close())
  const script = fileURLToPath(new URL('./exit-process.ts', import.meta.url))
  const node = [...TYPESCRIPT, '--unhandled-rejections=strict', script, String(server.port)]
  const child = spawn(process.execPath, node, { stdio: ['ignore', 'pipe', 'inherit'] })
  let closedMs = 0
  child.stdout.on('data', () => {
    closedMs = performance.now()
  })
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
  assert.ok(performance.now() - closedMs < 1_000)
})
