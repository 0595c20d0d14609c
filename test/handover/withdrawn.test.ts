import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { run, type Said } from '../cli/support.ts'

const TIMES = ['--set', 'announce=30', '--set', 'handover=60']
const BEHAVIORS = { announce: 30, handover: 60 }

async function addresses(t: TestContext): Promise<readonly [from: string, to: string]> {
  const servers = [await startServer(), await startServer()] as const
  t.after(() => Promise.all(servers.map((server) => server.close())))
  return [servers[0].address, servers[1].address]
}

function clientOf(t: TestContext, server: string, behaviors: object = {}): MemcachedClient {
  const client = new MemcachedClient(server, behaviors)
  t.after(() => client.close())
  return client
}

/** Waits until a client takes part in a handover; connects it anew until then. */
async function joined(t: TestContext, server: string, behaviors: object = {}) {
  for (;;) {
    const client = clientOf(t, server, behaviors)
    await client.get('any').catch(() => undefined)
    if (client.handover !== undefined) return client
    await client.close()
    await sleep(20)
  }
}

/** Starts `warm --from`; the function that it returns interrupts it. */
function startWarm(from: string, to: string): () => Promise<Said> {
  const controller = new AbortController()
  const line = ['warm', '--from', from, '-s', to, ...TIMES]
  const ending = run(line, { signal: controller.signal })
  return () => {
    controller.abort()
    return ending
  }
}

async function changes(client: MemcachedClient): Promise<void> {
  for (let i = 0; i < 20; i++) {
    await client.set(`k${i}`, i)
    assert.equal(await client.get(`k${i}`), i)
    await client.delete(`k${i}`)
  }
}

test('warm --from that is interrupted while it announces leaves no client of the new servers failing', async (t) => {
  const [from, to] = await addresses(t)
  const interrupt = startWarm(from, to)
  const early = await joined(t, to)
  await assert.rejects(early.set('k', 1), { code: 'MINTRING_HOST_EJECTED' })
  const { code, err } = await interrupt()
  assert.equal(code, 130)
  assert.match(err, /before values may move.*The announcement of the change is withdrawn\n$/)
  const late = clientOf(t, to)
  await changes(late)
  assert.equal(late.handover, undefined)
  while (early.handover !== undefined) await sleep(20)
  await changes(early)
})

test('warm --from that is interrupted while the previous server hangs leaves no client failing', async (t) => {
  const [, to] = await addresses(t)
  const hung = createServer(() => {})
  await new Promise<void>((resolve) => hung.listen(0, '127.0.0.1', resolve))
  t.after(() => hung.close())
  const { port } = hung.address() as { port: number }
  const interrupt = startWarm(`127.0.0.1:${port}`, to)
  await joined(t, to)
  await interrupt()
  await changes(clientOf(t, to))
})

test('an announcement in which another process takes part is not withdrawn, and the message says until when', async (t) => {
  const [from, to] = await addresses(t)
  const interrupt = startWarm(from, to)
  await joined(t, to)
  const other = clientOf(t, to, { ...BEHAVIORS, previous: { servers: from } })
  await other.set('shared', 1)
  const { err } = await interrupt()
  const [, until] = /stays in progress until ([\d:.TZ-]+): leave the previous servers/.exec(err)!
  assert.ok(Math.abs(Date.parse(until!) - other.handover!.endsAtMs) < 2_000)
  assert.equal(other.handover?.phase, 'announce')
  const late = await joined(t, to)
  await assert.rejects(late.set('k', 1), { code: 'MINTRING_HOST_EJECTED' })
})

test('warm --from that is interrupted leaves the announcement of another process as it is', async (t) => {
  const [from, to] = await addresses(t)
  const other = clientOf(t, to, { ...BEHAVIORS, previous: { servers: from } })
  await other.set('shared', 1)
  const interrupt = startWarm(from, to)
  await sleep(300)
  assert.match((await interrupt()).err, /stays in progress until/)
  assert.equal((await joined(t, to)).handover?.phase, 'announce')
})

test('a change that was withdrawn can be announced again', async (t) => {
  const [from, to] = await addresses(t)
  for (let i = 0; i < 2; i++) {
    const interrupt = startWarm(from, to)
    const client = await joined(t, to)
    assert.equal(client.handover?.phase, 'announce')
    assert.match((await interrupt()).err, /is withdrawn/)
  }
  const other = clientOf(t, to, { ...BEHAVIORS, previous: { servers: from } })
  await other.set('k', 1)
  assert.equal(other.handover?.phase, 'announce')
})
