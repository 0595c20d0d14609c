import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import keyvTestSuite from '@keyv/test-suite'
import Keyv from 'keyv'
import { KeyvMintring } from '../../src/integrations/keyv.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { expectation } from './expectation.ts'
import { realCache } from './support.ts'

/** How many tests the suite of Keyv 5 has: a smaller count means that some did not run. */
const SUITE_TESTS = 38

describe('Keyv 5 on mintring', { skip: skipWithoutMemcached() }, () => {
  const real = realCache()
  let registered = 0
  // The suite was written for vitest: it takes the runner, and `expect` from each test's context.
  const runner = {
    beforeEach,
    afterEach,
    it(name: string, run: (context: object) => unknown) {
      registered++
      test(name, async () => {
        await run({ expect: expectation })
      })
    },
  }
  keyvTestSuite(runner as never, Keyv, () => new KeyvMintring(real.cache))

  test('ran every test of its suite', () => assert.equal(registered, SUITE_TESTS))

  test('keeps a value for its ttl, rounded up to a second', async () => {
    const keyv = new Keyv({ store: new KeyvMintring(real.cache), namespace: 'ttl' })
    await keyv.set('a', 1, 1500)
    const { ttl } = await real.cache.meta.mg('ttl:a', { t: true })
    assert.equal(ttl, 2)
  })

  test('accepts keys that memcached refuses', async () => {
    const keyv = new Keyv({ store: new KeyvMintring(real.cache) })
    const keys = ['with a space', 'line\r\nflush_all', 'x'.repeat(1000), '#sha256:mine', 'ключ']
    for (const key of keys) await keyv.set(key, key)
    assert.deepEqual(await keyv.getMany(keys), keys)
  })

  test('emits failures as error events', async () => {
    const keyv = new Keyv({ store: new KeyvMintring(real.cache), throwOnErrors: false })
    const told: unknown[] = []
    keyv.on('error', (error: unknown) => told.push(error))
    assert.equal(await keyv.set('large', 'x'.repeat(2_000_000)), false)
    assert.equal((told[0] as { code?: string }).code, 'MINTRING_TOO_LARGE')
  })
})
