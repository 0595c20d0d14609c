import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { PATIENT } from '../client/support.ts'
import { type Death, Gate } from '../meetings/gate.ts'

const POLICY = { ttl: 60, staleWhileRevalidate: 60 }

for (const death of ['lost', 'unanswered'] as const satisfies readonly Death[]) {
  test(`an invalidation by classic commands marks the value, also if its cas is ${death}`, async (t) => {
    const server = await startServer({ version: '1.4.39' })
    const gate = await new Gate(server.port).open()
    const client = new MemcachedClient(`127.0.0.1:${gate.port}`, PATIENT)
    t.after(async () => {
      await client.close({ drainMs: 0 })
      await gate.close()
      await server.close()
    })
    await client.getOrSet('k', () => 1, POLICY)
    gate.set('cas ', death)
    assert.equal(await client.invalidate('k'), true)
    assert.ok(gate.hasSprung)
    const { value, state } = await client.getOrSetEntry('k', () => 2, POLICY)
    assert.deepEqual({ value, state }, { value: 1, state: 'stale' })
  })
}
