import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import { MemcachedClient } from '../../src/index.ts'

const POLICY = { ttl: 60, waitTimeoutMs: 1_500, onWaitTimeout: 'throw' } as const

for (const protocol of ['auto', 'classic'] as const) {
  for (const placeholder of ['inline', 'sidecar'] as const) {
    test(`close({ drainMs: 0 }) gives up a refill lease that the server has not granted yet (${protocol}, ${placeholder})`, async (t) => {
      const server = await startServer()
      const [closing, other] = [0, 1].map(
        () => new MemcachedClient(server.address, { protocol }),
      ) as [MemcachedClient, MemcachedClient]
      t.after(async () => {
        await other.close({ drainMs: 0 })
        await server.close()
      })
      const policy = { ...POLICY, placeholder }
      for (const client of [closing, other]) await client.getOrSet('warm', async () => 1, policy)
      let loads = 0
      const pending = closing.getOrSet('key', async () => ++loads, policy).catch(() => undefined)
      // By now the client has sent the read, and the server has not replied.
      await new Promise((next) => setImmediate(next))
      await closing.close({ drainMs: 0 })
      await pending
      assert.equal(loads, 0)
      assert.equal(await other.getOrSet('key', async () => 'loaded', policy), 'loaded')
    })
  }
}
