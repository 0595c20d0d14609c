import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { connect } from './support.ts'

const NO_TEXT = Buffer.from('ff00fe80', 'hex')

describe("reads with { as: 'buffer' }", () => {
  test('resolve to the stored bytes of a value, whatever its type', async (t) => {
    await using server = await startServer()
    const cache = connect(t, [server.address])
    const stored: readonly (readonly [string, unknown, string])[] = [
      ['text', 'h\u00e9', 'h\u00e9'],
      ['number', 5, '5'],
      ['json', { a: 1 }, '{"a":1}'],
      ['null', null, ''],
      ['bytes', NO_TEXT, NO_TEXT.toString('latin1')],
    ]
    for (const [key, value] of stored) await cache.set(key, value)
    for (const [key, , body] of stored) {
      const expected = key === 'bytes' ? NO_TEXT : Buffer.from(body)
      assert.deepEqual(await cache.get(key, { as: 'buffer' }), expected, key)
      assert.deepEqual((await cache.gets(key, { as: 'buffer' }))?.value, expected, key)
      assert.deepEqual(await cache.gat(key, 60, { as: 'buffer' }), expected, key)
      assert.deepEqual((await cache.gats(key, 60, { as: 'buffer' }))?.value, expected, key)
    }
    const many = await cache.getMany([...stored.map(([key]) => key), 'none'], { as: 'buffer' })
    assert.deepEqual(
      [...many.keys()],
      stored.map(([key]) => key),
    )
    assert.deepEqual(many.get('json'), Buffer.from('{"a":1}'))
    assert.equal(await cache.get('none', { as: 'buffer' }), undefined)
  })

  test('resolve to the bytes of items of other clients, which may be no text', async (t) => {
    await using server = await startServer()
    const cache = connect(t, [server.address])
    const other = connect(t, [server.address], { valueFlags: 'pylibmc' })
    await other.set('k', NO_TEXT)
    assert.equal(await cache.get('k'), '\uFFFD\0\uFFFD\uFFFD')
    assert.deepEqual(await cache.get('k', { as: 'buffer' }), NO_TEXT)
    const detailed = await cache.getManyDetailed(['k'], { as: 'buffer' })
    assert.deepEqual(detailed.get('k'), NO_TEXT)
  })

  test('decompress compressed values and join split ones', async (t) => {
    await using server = await startServer({ maxItemBytes: 4096 })
    const cache = connect(t, [server.address], {
      maxItemBytes: 4096,
      largeValues: 'split',
      compressAboveBytes: 100,
    })
    const text = 'x'.repeat(2_000)
    const noise = Array.from({ length: 20_000 }, (_, n) => String((n * 7919) % 1000)).join('')
    await cache.set('small', text)
    await cache.set('large', noise)
    assert.deepEqual(await cache.get('small', { as: 'buffer' }), Buffer.from(text))
    assert.deepEqual(await cache.get('large', { as: 'buffer' }), Buffer.from(noise))
    const many = await cache.getMany(['small', 'large'], { as: 'buffer' })
    assert.deepEqual(many.get('large'), Buffer.from(noise))
  })

  test('resolve to the bytes that other clients stored, decompressed as their flags say', async (t) => {
    await using server = await startServer()
    for (const valueFlags of ['pylibmc', 'pymemcache', 'php'] as const) {
      const cache = connect(t, [server.address], { valueFlags, compressAboveBytes: 100 })
      const text = 'x'.repeat(2_000)
      await cache.set('k', text)
      assert.deepEqual(await cache.get('k', { as: 'buffer' }), Buffer.from(text), valueFlags)
      await cache.set('k', 5)
      assert.deepEqual(await cache.get('k', { as: 'buffer' }), Buffer.from('5'), valueFlags)
    }
  })

  test('resolve to the bytes of a pickle undecoded, and to empty bytes as Python stores them', async (t) => {
    await using server = await startServer()
    const cache = connect(t, [server.address], { valueFlags: 'pymemcache' })
    await cache.raw('k', 'set', 'k', 1, 0, 4, Buffer.from('80054e2e', 'hex'))
    await assert.rejects(cache.get('k'), { code: 'MINTRING_BAD_VALUE' })
    assert.deepEqual(await cache.get('k', { as: 'buffer' }), Buffer.from('80054e2e', 'hex'))
    await cache.set('empty', Buffer.alloc(0))
    assert.deepEqual(await cache.get('empty'), Buffer.alloc(0))
  })

  test('refuse any other value of as before anything is sent', async (t) => {
    const cache = new MemcachedClient('127.0.0.1:1')
    t.after(() => cache.close({ drainMs: 0 }))
    const bad = { code: 'MINTRING_BAD_ARGUMENT', message: /^as must be 'buffer'/ }
    const options = { as: 'text' } as unknown as { as: 'buffer' }
    await assert.rejects(cache.get('k', options), bad)
    await assert.rejects(cache.gets('k', options), bad)
    await assert.rejects(cache.gat('k', 60, options), bad)
    await assert.rejects(cache.getMany(['k'], options), bad)
  })

  test('reject a body that decompresses to more than the limit', async (t) => {
    await using server = await startServer()
    const cache = connect(t, [server.address], { maxDecompressedBytes: 1024 })
    const bomb = gzipSync(Buffer.alloc(100_000))
    await cache.raw('k', 'set', 'k', 1 | 2 | 4, 0, bomb.length, bomb)
    await assert.rejects(cache.get('k', { as: 'buffer' }), { code: 'MINTRING_TOO_LARGE' })
  })
})
