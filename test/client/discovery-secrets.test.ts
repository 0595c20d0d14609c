import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import type { MintringError } from '../../src/errors.ts'

describe('discovery shows no credentials', () => {
  it('when it refuses a DNS name that is none', () => {
    const make = (discovery: object) => () =>
      new MemcachedClient('a', { discovery } as unknown as BehaviorsInput)
    for (const dns of ['memcached://u:SECRET@h', 'u:SECRET@h', 'SECRET h', 'SECRET:1', '', 5]) {
      assert.throws(make({ dns }), (error: Error) => {
        assert.match(error.message, /needs a host name in dns/)
        assert.doesNotMatch(inspect(error, { depth: 9 }), /SECRET/)
        return true
      })
    }
    for (const dns of ['localhost', '_memcached._tcp.a.example.', 'fd00::1', 'bücher.example']) {
      void make({ dns })().close()
    }
  })

  it('when its function throws, and keeps the cause', async () => {
    const servers = async (): Promise<string[]> => {
      throw Object.assign(new Error('no reply from http://u:SECRET@consul'), { code: 'ECONSUL' })
    }
    await using client = new MemcachedClient('10.0.0.1', { discovery: { servers } })
    await assert.rejects(client.discover(), (error: MintringError) => {
      assert.equal(error.code, 'MINTRING_CONNECTION')
      assert.equal((error.cause as MintringError).code as string, 'ECONSUL')
      assert.match(error.message, /^The lookup failed: no reply from http:\/\/\*\*\*@consul/)
      assert.doesNotMatch(inspect(error, { depth: 9 }), /SECRET/)
      return true
    })
  })
})
