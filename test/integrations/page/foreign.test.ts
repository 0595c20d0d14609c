import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMintringError } from '../../../src/errors.ts'
import { html, rig } from './rig.ts'

/**
 * Values that an application may keep in the same memcached, under a key that equals a host and
 * path.
 */
const values: Readonly<Record<string, unknown>> = {
  text: 'a secret',
  JSON: { secret: 1 },
  bytes: Buffer.from('a secret'),
  number: 7,
  'long text': 'a secret '.repeat(1000),
}
const asUser = { headers: { host: 'user' } }

describe('a value of the application under the key of a page', () => {
  for (const [name, value] of Object.entries(values)) {
    test(`is neither served to visitors nor replaced by a page: ${name}`, async (t) => {
      const { site, cache } = await rig(t, (_, response) => html(response, 'hello'))
      await cache.set('user/42', value)
      await cache.getOrSet('user/43', async () => value, { ttl: 60 })
      for (const path of ['/42', '/43']) {
        for (let round = 0; round < 2; round++) {
          assert.equal((await site.ask(path, asUser)).body.toString(), 'hello')
          await site.ask(path, { ...asUser, method: 'HEAD' })
        }
      }
      await sleep(5)
      assert.deepEqual(await cache.get('user/42'), value)
      assert.deepEqual(await cache.get('user/43'), value)
    })
  }

  test('is not served when another client stored it, without flags of mintring', async (t) => {
    const { site, cache } = await rig(t, (_, response) => html(response, 'hello'))
    await cache.meta.ms('user/42', 'a secret', { F: 0 })
    assert.equal((await site.ask('/42', asUser)).body.toString(), 'hello')
  })

  test('is not read from a stored page: get() of that key rejects with MINTRING_BAD_VALUE', async (t) => {
    for (const body of ['short', 'long '.repeat(1000)]) {
      const { site, cache, settled } = await rig(t, (_, response) => html(response, body))
      await site.ask('/42', asUser)
      await settled('user/42')
      await assert.rejects(
        cache.get('user/42'),
        (error) => isMintringError(error) && error.code === 'MINTRING_BAD_VALUE',
      )
      const loaded = await cache.getOrSet('user/42', async () => 'mine', { ttl: 60 })
      assert.equal(loaded, 'mine')
    }
  })
})
