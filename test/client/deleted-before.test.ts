import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import { MemcachedClient } from '../../src/index.ts'
import { type Death, Gate } from '../meetings/gate.ts'

const DELETES = {
  delete: (client: MemcachedClient, key: string) => client.delete(key),
  deleteMany: async (client: MemcachedClient, key: string) => {
    return (await client.deleteMany([key, 'nothing'])).get(key)
  },
}

interface Ends {
  after(end: () => unknown): void
}

async function start(t: Ends) {
  const server = await startServer()
  const gate = await new Gate(server.port).open()
  const client = new MemcachedClient(`127.0.0.1:${gate.port}`)
  t.after(async () => {
    await client.close({ drainMs: 0 })
    await gate.close()
    await server.close()
  })
  return { client, gate }
}

for (const [verb, remove] of Object.entries(DELETES)) {
  suite(`${verb} whose connection ends`, () => {
    for (const death of ['unanswered', 'torn', 'half', 'lost'] satisfies Death[]) {
      test(`resolves to true for a key that was stored: ${death}`, async (t) => {
        const { client, gate } = await start(t)
        await client.set('key', 1)
        gate.set('delete', death)
        assert.equal(await remove(client, 'key'), true)
        assert.ok(gate.hasSprung)
        assert.equal(await client.get('key'), undefined)
        assert.equal(await remove(client, 'key'), false)
      })
    }
  })
}
