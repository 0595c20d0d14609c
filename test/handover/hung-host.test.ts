import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/index.ts'
import { startScripted } from '../support/scripted-server.ts'

/** Calls all kinds of verbs for keys of a host that accepts connections and never replies. */
function callAll(client: MemcachedClient, keys: readonly string[]): Promise<unknown>[] {
  const [a, b, c, d, e, f, ...more] = keys as [string, string, string, string, string, string]
  return [
    client.get(a),
    client.set(b, 1),
    client.incr(c, 1, { initial: 1 }),
    client.getOrSet(d, () => 'loaded', { ttl: 60 }),
    client.invalidate(e),
    client.delete(f),
    client.getMany(more),
    client.setMany(new Map(more.map((key) => [key, 1]))),
  ]
}

async function startHung(context: TestContext): Promise<string> {
  const hung = await startScripted(() => {}, { greets: false })
  context.after(() => hung.close())
  return `127.0.0.1:${hung.port}`
}

for (const [hosts, connectTimeoutMs] of [
  [1, 1_000],
  [1, 2_000],
  [2, 1_000],
] as const) {
  test(`requests that wait for a hung host among ${hosts} use their new host when it leaves the list, connectTimeoutMs ${connectTimeoutMs}`, async (context) => {
    const live = await startServer()
    const hung = await startHung(context)
    const client = new MemcachedClient(hosts === 1 ? hung : [hung, live.address], {
      // Long enough for a busy machine: the calls have twice this time.
      requestTimeoutMs: 1_000,
      connectTimeoutMs,
    })
    context.after(async () => {
      await client.close({ drainMs: 0 })
      await live.close()
    })
    const keys = Array.from({ length: 200 }, (_, i) => `key:${i}`)
    const owned = keys.filter((key) => client.locate(key).server === hung).slice(0, 12)
    const calls = callAll(client, owned)
    client.setServers(live.address)
    const settled = await Promise.allSettled(calls)
    const errors = settled.flatMap((call) => (call.status === 'rejected' ? [call.reason] : []))
    assert.deepEqual(errors, [])
    assert.equal(await client.get(owned[1]!), 1)
  })
}
