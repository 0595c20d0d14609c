import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { MemcachedClient } from '../../src/client/client.ts'
import { isMintringError } from '../../src/errors.ts'
import { ApolloCache } from '../../src/integrations/apollo.ts'
import { bentocacheDriver } from '../../src/integrations/bentocache.ts'
import { unstorageDriver } from '../../src/integrations/unstorage.ts'
import { serve } from '../client/support.ts'

describe("Apollo's cache on mintring", () => {
  test('sets, gets and deletes text, with a ttl in seconds or without one', async (t) => {
    const { cache } = await serve(t)
    const apollo = new ApolloCache(cache)
    await apollo.set('a', 'text', { ttl: 1.2 })
    await apollo.set('b', '', { ttl: null })
    assert.equal(await apollo.get('a'), 'text')
    assert.equal(await apollo.get('b'), '')
    assert.equal((await cache.meta.mg('a', { t: true })).ttl, 2)
    assert.equal((await cache.meta.mg('b', { t: true })).ttl, -1)
    assert.equal(await apollo.delete('a'), true)
    assert.equal(await apollo.delete('a'), false)
    assert.equal(await apollo.get('a'), undefined)
  })
})

describe('the unstorage driver', () => {
  test('stores text and raw values of all kinds', async (t) => {
    const { cache } = await serve(t)
    const driver = unstorageDriver({ client: cache, base: 'app:' })
    await driver.setItem('text', 'v')
    assert.equal(await driver.getItem('text'), 'v')
    assert.equal(await driver.hasItem('text'), true)
    assert.equal(await driver.getItem('none'), null)
    await driver.setItemRaw('bytes', Uint8Array.of(0, 255))
    assert.deepEqual(await driver.getItemRaw('bytes'), Buffer.from([0, 255]))
    await driver.setItemRaw('object', { deep: [1] })
    assert.deepEqual(await driver.getItemRaw('object'), { deep: [1] })
    assert.equal(await driver.getItemRaw('text'), 'v')
    assert.equal(await driver.getItemRaw('none'), null)
    const found = await driver.getItems([{ key: 'none' }, { key: 'text' }])
    assert.deepEqual(found, [
      { key: 'none', value: null },
      { key: 'text', value: 'v' },
    ])
    await driver.removeItem('text')
    assert.equal(await driver.hasItem('text'), false)
    assert.deepEqual(await driver.getKeys(), [])
  })

  test('uses its own ttl, or the ttl of the item', async (t) => {
    const { cache } = await serve(t)
    const driver = unstorageDriver({ client: cache, ttl: 60 })
    await driver.setItem('a', 'v')
    await driver.setItem('b', 'v', { ttl: 5 })
    assert.equal((await cache.meta.mg('a', { t: true })).ttl, 60)
    assert.equal((await cache.meta.mg('b', { t: true })).ttl, 5)
  })

  test('clears its base and no other', async (t) => {
    const { cache } = await serve(t)
    const one = unstorageDriver({ client: cache, base: 'one' })
    const two = unstorageDriver({ client: cache, base: 'two' })
    await one.setItem('k', '1')
    await two.setItem('k', '2')
    await one.clear()
    assert.equal(await one.getItem('k'), null)
    assert.equal(await two.getItem('k'), '2')
    assert.equal(one.getInstance(), cache)
  })
})

describe('the bentocache driver', () => {
  test('sets, gets, pulls and deletes', async (t) => {
    const { cache } = await serve(t)
    const { factory, options } = bentocacheDriver({ client: cache, prefix: 'bento:' })
    const driver = factory(options)
    assert.equal(driver.type, 'l2')
    await driver.set('a', 'v', 1500)
    assert.equal((await cache.meta.mg('bento:a', { t: true })).ttl, 2)
    assert.deepEqual(await driver.getMany(['none', 'a']), [undefined, 'v'])
    assert.equal(await driver.pull('a'), 'v')
    assert.equal(await driver.pull('a'), undefined)
    assert.equal(await driver.deleteMany(['a', 'b']), true)
  })

  test('clears a namespace and those below it, and no other', async (t) => {
    const { cache } = await serve(t)
    const root = bentocacheDriver({ client: cache }).factory({ client: cache })
    const users = root.namespace('users')
    const posts = users.namespace('posts')
    await root.set('k', 'root')
    await users.set('k', 'users')
    await posts.set('k', 'posts')
    assert.equal(await root.get('users:posts:k'), 'posts')
    await posts.clear()
    assert.deepEqual(await Promise.all([root.get('k'), users.get('k'), posts.get('k')]), [
      'root',
      'users',
      undefined,
    ])
    await posts.set('k', 'again')
    await users.clear()
    assert.deepEqual(await Promise.all([root.get('k'), users.get('k'), posts.get('k')]), [
      'root',
      undefined,
      undefined,
    ])
    await root.clear()
    assert.equal(await root.get('k'), undefined)
  })
})

/** A package that stores text: it gets, loads when the text is stale, and sets. */
interface Host {
  get(key: string): Promise<string | undefined>
  set(key: string, text: string): Promise<unknown>
  invalidate(): Promise<unknown>
}

describe('stored text with tags', () => {
  const hosts: Record<string, (cache: MemcachedClient) => Host> = {
    apollo: (cache) => {
      const apollo = new ApolloCache(cache, { tags: () => ['product:17'] })
      return {
        get: (key) => apollo.get(key),
        set: (key, text) => apollo.set(key, text, { ttl: 60 }),
        invalidate: () => cache.invalidateTags('product:17'),
      }
    },
    bentocache: (cache) => {
      const driver = bentocacheDriver({ client: cache }).factory({ client: cache })
      const entry = (value: unknown) =>
        JSON.stringify({ value, tags: ['product:17'], logicalExpiration: Date.now() + 60_000 })
      return {
        async get(key) {
          const text = await driver.get(key)
          if (text === undefined) return undefined
          const { value, logicalExpiration } = JSON.parse(text)
          return logicalExpiration > Date.now() ? value : undefined
        },
        set: (key, text) => driver.set(key, entry(text), 60_000),
        invalidate: () => driver.set('___bc:t:product:17', entry(Date.now())),
      }
    },
  }
  for (const [name, make] of Object.entries(hosts)) {
    test(`of ${name} are current until the tag is invalidated, in any process`, async (t) => {
      const { cache } = await serve(t)
      const [one, two] = [make(cache), make(cache)]
      await one.set('k', '1')
      assert.deepEqual([await one.get('k'), await two.get('k')], ['1', '1'])
      await two.invalidate()
      assert.deepEqual([await one.get('k'), await two.get('k')], [undefined, undefined])
      // Both processes have read the tag's version, so what they load from now on is valid.
      await one.set('k', '2')
      assert.deepEqual([await one.get('k'), await two.get('k')], ['2', '2'])
    })

    test(`of ${name} are not current when the tag was invalidated during their load`, async (t) => {
      const { cache } = await serve(t)
      const [one, two] = [make(cache), make(cache)]
      await one.set('other', '0')
      assert.equal(await one.get('k'), undefined)
      await two.invalidate()
      await one.set('k', 'of before')
      assert.deepEqual([await one.get('k'), await two.get('k')], [undefined, undefined])
      await one.set('k', 'of now')
      assert.deepEqual([await one.get('k'), await two.get('k')], ['of now', 'of now'])
    })

    test(`of ${name} is stale if its tag was invalidated between two loads of one key, whose callers missed together`, async (t) => {
      const { cache } = await serve(t)
      const one = make(cache)
      await one.set('other', '0')
      await Promise.all([one.get('k'), one.get('k')])
      await one.set('k', 'first')
      await one.invalidate()
      assert.equal(await one.get('other'), undefined)
      await one.set('k', 'second, of before')
      assert.equal(await one.get('k'), undefined)
    })
  }
})

describe("the tags of Apollo's cache", () => {
  test('are refused when they are invalid', async (t) => {
    const { cache } = await serve(t)
    for (const tags of ['graphql', [1], 5, null] as unknown as string[][]) {
      assert.throws(() => new ApolloCache(cache, { tags }), hasCode('MINTRING_BAD_ARGUMENT'))
    }
    assert.throws(
      () => new ApolloCache(cache, { ttl: 60 } as never),
      hasCode('MINTRING_BAD_ARGUMENT'),
    )
    const wrong = new ApolloCache(cache, { tags: () => 'x' as never })
    await assert.rejects(wrong.set('k', 'v'), hasCode('MINTRING_BAD_ARGUMENT'))
    const long = new ApolloCache(cache, { tags: ['x'.repeat(257)] })
    await assert.rejects(long.set('k', 'v'), hasCode('MINTRING_BAD_POLICY'))
  })

  test('do not change text that was stored without tags', async (t) => {
    const { cache } = await serve(t)
    await new ApolloCache(cache).set('k', 'plain')
    assert.equal(await new ApolloCache(cache, { tags: ['all'] }).get('k'), 'plain')
  })
})

function hasCode(code: string) {
  return (error: unknown): boolean => isMintringError(error) && error.code === code
}
