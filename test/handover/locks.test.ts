import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { TTL } from './fleet.ts'

/** So long that the announcement still lasts when the test ends, on any machine. */
const CHANGE = { announce: 600, handover: 600 } as const
const PATIENT = { requestTimeoutMs: 10_000, connectTimeoutMs: 10_000 } as const

const CHANGES: Readonly<Record<string, (client: MemcachedClient) => Promise<unknown>>> = {
  set: (client) => client.set('key', 'new', TTL),
  setMany: (client) => client.setMany({ key: 'new' }, TTL),
  replace: (client) => client.replace('key', 'new', TTL),
  delete: (client) => client.delete('key'),
  deleteMany: (client) => client.deleteMany(['key']),
  invalidate: (client) => client.invalidate('key'),
}

describe('a load that began on the new host, because its process cannot reach the previous one', () => {
  const cases = Object.entries(CHANGES).flatMap(([verb, change]) => {
    return (['inline', 'sidecar'] as const).map((placeholder) => ({ verb, change, placeholder }))
  })
  for (const { verb, change, placeholder } of cases) {
    test(`stores nothing after ${verb}, placeholder ${placeholder}`, async () => {
      await using before = await startServer()
      await using after = await startServer()
      await using loading = new MemcachedClient(after.address, { ...PATIENT, handover: 0 })
      await using informed = new MemcachedClient(before.address, PATIENT)
      informed.setServers(after.address, CHANGE)
      await informed.set('key', 'before', TTL)
      let load = (_: string): void => {}
      let entry: Promise<string> | undefined
      await new Promise<void>((begun) => {
        const loader = (): Promise<string> => {
          begun()
          return new Promise((resolve) => (load = resolve))
        }
        entry = loading.getOrSet('key', loader, { ttl: 60, placeholder })
      })
      await change(informed)
      load('old')
      assert.equal(await entry, 'old')
      assert.equal(await loading.get('key'), undefined)
      assert.notEqual(await informed.get('key'), 'old')
    })
  }
})
