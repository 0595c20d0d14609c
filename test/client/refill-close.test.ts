import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import { MemcachedClient } from '../../src/index.ts'
import { startChaosProxy } from '../support/chaos-proxy.ts'

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

/** Runs close({ drainMs: 50 }) while a call hangs, and returns how long that took, in ms. */
async function closing(client: MemcachedClient): Promise<number> {
  const startMs = performance.now()
  await client.close({ drainMs: 50 })
  return performance.now() - startMs
}

/** Far below the time limits of a serializer and of a request, which close() must not wait for. */
const SOON_MS = 2_500
const HANGS = {
  serialize: () => new Promise<never>(() => {}),
  deserialize: (bytes: Buffer) => bytes,
}

describe('close() ends soon after drainMs, whatever hangs', () => {
  for (const isGone of [false, true]) {
    const when = isGone ? 'after its caller gave up' : 'while its caller waits'
    test(`when a serializer hangs, ${when}`, async (t) => {
      const server = await startServer()
      t.after(() => server.close())
      const client = new MemcachedClient(server.address, { serializer: HANGS })
      const pending = client.getOrSet('key', async () => ({ a: 1 }), {
        ttl: 60,
        ...(isGone ? { timeoutMs: 100 } : {}),
      })
      const ended = pending.then(
        (value) => value,
        (error: { code: string }) => error.code,
      )
      if (isGone) await ended
      else await new Promise((next) => setTimeout(next, 100))
      assert.ok((await closing(client)) < SOON_MS)
      assert.deepEqual(await ended, isGone ? 'MINTRING_TIMEOUT' : { a: 1 })
    })
  }

  test('when the host no longer replies while a value loads', async (t) => {
    const server = await startServer()
    const proxy = await startChaosProxy(server.port, 1)
    t.after(async () => {
      await proxy.close()
      await server.close()
    })
    const client = new MemcachedClient(`127.0.0.1:${proxy.port}`, {
      requestTimeoutMs: 5_000,
      retries: 0,
    })
    const loader = () => new Promise<never>(() => {})
    const pending = client.getOrSet('key', loader, { ttl: 60 }).catch(() => undefined)
    await new Promise((next) => setTimeout(next, 100))
    proxy.chaos = { stallShare: 1, stallMs: 3_000 }
    assert.ok((await closing(client)) < SOON_MS)
    await pending
  })
})
