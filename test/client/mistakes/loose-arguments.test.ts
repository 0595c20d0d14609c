import assert from 'node:assert/strict'
import { it } from 'node:test'
import { MemcachedClient } from '../../../src/client/client.ts'
import { Memcached } from '../../../src/integrations/compat.ts'
import type { Loose } from './support.ts'

it('warm() refuses a key that is no string, before its loader runs', async () => {
  const cache: Loose = new MemcachedClient('127.0.0.1:1')
  let loads = 0
  await assert.rejects(
    cache.warm([5], async () => ++loads, { ttl: 60 }),
    {
      code: 'MINTRING_BAD_ARGUMENT',
      message: 'warm: every key must be a string, not a number: write String(id)',
    },
  )
  assert.equal(loads, 0)
  await cache.close({ drainMs: 0 })
})

it('mintring/compat refuses servers and options that are no such thing', () => {
  const create = (...given: unknown[]): unknown => Reflect.construct(Memcached as Loose, given)
  assert.throws(() => create(Promise.resolve('a:1')), {
    code: 'MINTRING_BAD_ARGUMENT',
    message: /^The servers must be 'host:port', .*, not a Promise: await it first$/,
  })
  assert.throws(() => create('a:1', 5), {
    code: 'MINTRING_BAD_ARGUMENT',
    message: 'The options must be an object, such as { timeout: 500 }, not a number',
  })
})
