import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { MintringError } from '../../src/errors.ts'
import { storing as answering } from '../support/host-pair.ts'
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
  // A delete that the host is owed is still under way then, on the first connection.
  'delete key': 0.9 * REQUEST_TIMEOUT_MS,
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
    const queue = queues.get(socket) ?? { script: answering(items), last: Promise.resolve() }
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

/** A client and the outcome of its store of v1, whose first attempt timed out and still runs. */
interface Retried {
  readonly client: ReturnType<typeof testCluster>
  readonly outcome: unknown
  /** Resolves when all commands have run. */
  readonly isDone: Promise<unknown>
}

async function retried(t: TestContext, isOwed: boolean): Promise<Retried> {
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
  const before = client.get('before')
  const storing = client.set('key', 'v1').catch(({ code }: MintringError) => code)
  if (isOwed) client.cluster.owe(client.cluster.hosts[0]!, 'key')
  const [, outcome] = await Promise.all([before, storing])
  return { client, outcome, isDone: Promise.all([stalls, isDone]) }
}

test('a retried change is not overtaken by its first attempt, which would undo a later change', async (t) => {
  const { client, outcome, isDone } = await retried(t, false)
  assert.equal(outcome, 'STORED')
  assert.equal(await client.set('key', 'v2'), 'STORED')
  await isDone
  assert.equal(await client.get('key'), 'v2')
})

test('a change is rejected when its retry would need another connection, because a delete of its key is owed', async (t) => {
  const { outcome, isDone } = await retried(t, true)
  assert.equal(outcome, 'MINTRING_TIMEOUT')
  await isDone
})
