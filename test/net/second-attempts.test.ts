import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { storing } from '../support/host-pair.ts'
import { type Script, startScripted } from '../support/scripted-server.ts'
import { sleep, testCluster, until } from '../support/test-cluster.ts'

const REQUEST_TIMEOUT_MS = 800

/** How long the server takes for a line. Lines of one connection run in order. */
const TOOK_MS: Readonly<Record<string, number>> = {
  // The first connection counts as stalled, so the change is sent on the second.
  'get stalls': 0.5 * REQUEST_TIMEOUT_MS,
  // The second connection has replied shortly before the change times out, so it counts as alive.
  'get before': 0.65 * REQUEST_TIMEOUT_MS,
  v1: 0.8 * REQUEST_TIMEOUT_MS,
}

/** `isDone` resolves when the first store of v1 has run, or its connection has ended. */
function slow(items: Map<string, string>): { script: Script; isDone: Promise<void> } {
  let done = (): void => {}
  const isDone = new Promise<void>((resolve) => {
    done = resolve
  })
  const queues = new Map<Socket, { script: Script; last: Promise<void> }>()
  const took = new Set<string>()
  const script: Script = (line, socket) => {
    const queue = queues.get(socket) ?? { script: storing(items), last: Promise.resolve() }
    queues.set(socket, queue)
    const ms = took.has(line) ? 0 : (TOOK_MS[line] ?? 0)
    took.add(line)
    queue.last = queue.last.then(async () => {
      if (ms > 0) await sleep(ms)
      if (!socket.destroyed) queue.script(line, socket)
      if (line === 'v1' && ms > 0) done()
    })
  }
  return { script, isDone }
}

test('a retried change is not overtaken by its first attempt, which would undo a later change', async (t) => {
  const items = new Map<string, string>()
  const { script, isDone } = slow(items)
  const server = await startScripted(script)
  t.after(() => server.close())
  const client = testCluster(t, [server.port], {
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    connections: { min: 2, max: 2, idleMs: 60_000 },
  })
  await until(() => {
    client.get('warm').catch(() => undefined)
    return client.cluster.snapshot()[0]!.lanes === 2
  })
  await client.get('warm')
  const stalls = client.get('stalls')
  await sleep(0.3 * REQUEST_TIMEOUT_MS)
  const [, stored] = await Promise.all([client.get('before'), client.set('key', 'v1')])
  assert.equal(stored, 'STORED')
  assert.equal(await client.set('key', 'v2'), 'STORED')
  await Promise.all([stalls, isDone])
  assert.equal(await client.get('key'), 'v2')
})
