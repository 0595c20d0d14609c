import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { MemcachedClient } from '../../../src/index.ts'

const code = 'MINTRING_BAD_BEHAVIOR'
const failover = { gutter: ['b.invalid', 'c.invalid:11212'], ttl: 5 }

suite('a host of the gutter that is also one of the servers', () => {
  test('is refused when a client is created, before any connection', () => {
    for (const servers of ['b.invalid', ['a.invalid', 'memcached://c.invalid:11212']]) {
      assert.throws(() => new MemcachedClient(servers, { failover }), { code })
    }
  })

  test('is refused by setServers and configure, which then change nothing', async (t) => {
    const client = new MemcachedClient('a.invalid', { failover })
    t.after(() => client.close({ drainMs: 0 }))
    assert.throws(() => client.setServers(['a.invalid', 'b.invalid']), { code })
    assert.throws(() => client.configure({ failover: { gutter: 'a.invalid', ttl: 5 } }), { code })
    assert.deepEqual(
      client.hosts().map(({ name }) => name),
      ['a.invalid:11211'],
    )
    assert.deepEqual(client.behaviors.failover, failover)
  })
})
