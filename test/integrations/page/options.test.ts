import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemcachedClient } from '../../../src/client/client.ts'
import { isMintringError } from '../../../src/errors.ts'
import type { PageCacheOptions } from '../../../src/integrations/page.ts'
import { pageCache } from '../../../src/integrations/page.ts'

/** Invalid values for every option. */
const BAD: Readonly<Record<keyof PageCacheOptions, readonly unknown[]>> = {
  ttl: [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '1 minute', '', null, {}, true],
  staleWhileRevalidate: [-1, 0.5, Number.NaN, '5 m', null, []],
  staleIfError: [-1, 0.5, Number.NaN, 'm', null, {}],
  lease: [0, 1, 2.5, Number.NaN, 'soon', null],
  waitTimeoutMs: [-1, 0.5, Number.NaN, '5s', null, Number.POSITIVE_INFINITY],
  prefix: [1, null, {}, [], 'p'.repeat(201), 'p\x7f', 'p\ud800'],
  key: ['MD5', 'sha256', '', null, 1, () => 'key'],
  contentType: ['', ' ', null, 1, ['text/html'], 'text/html\r\nX-Other: 1'],
  origin: ['', 'localhost', 'localhost:3000', 'ftp://127.0.0.1', null, 3000, {}],
  originToken: ['', ' ', 'a b', 'a\r\nb', 'ü', null, 1, {}],
  uncacheableTtl: [-1, Number.NaN, '10', null, {}],
  hosts: ['www.example.com', [], [''], ['a b'], ['http://example.com/'], [1], null, {}],
  nginxHeaders: [null, [], 'X: 1', { 'a b': '1' }, { X: 1 }, { X: 'a\r\nb' }, { '': '' }],
  tags: ['site', [1], [''], null, {}],
  tagHeader: ['', 'a b', null, 1, ['Surrogate-Key']],
  ignoredRequestHeaders: ['x-request-id', [1], [''], ['a b'], null, {}],
  ignoredRequestFields: ['remoteAddress', [1], [''], ['a.b'], null, {}],
  maxBufferedBytes: [-1, Number.NaN, '64m', null, {}],
  onError: [null, 'log', {}, 1],
  onUncacheable: [null, 'log', {}, 1],
}

describe('the options of pageCache', () => {
  // No server listens on port 1: invalid options are refused before any I/O.
  const client = new MemcachedClient('127.0.0.1:1')
  const make = (options: unknown) => (): unknown => pageCache(client, options as PageCacheOptions)

  for (const [name, values] of Object.entries(BAD)) {
    test(`refuse an invalid ${name} and name it`, () => {
      for (const value of values) {
        const isRefused = (error: unknown): boolean => {
          assert.ok(isMintringError(error), `${name}: ${String(error)}`)
          assert.match(error.code, /^MINTRING_BAD_(?:ARGUMENT|POLICY)$/)
          assert.ok(error.message.includes(name), error.message)
          return true
        }
        assert.throws(make({ ttl: 60, [name]: value }), isRefused, `${name}: ${String(value)}`)
      }
    })

    test(`suggest ${name} when it is misspelt`, () => {
      for (const misspelt of [`${name}x`, name.toUpperCase().padEnd(name.length + 1, '_')]) {
        const meant = new RegExp(`'${name}'|\\{ ${name}: `)
        assert.throws(make({ ttl: 60, [misspelt]: 1 }), (error: unknown) => {
          assert.ok(isMintringError(error) && error.code === 'MINTRING_BAD_ARGUMENT')
          assert.match(error.message, meant)
          return true
        })
      }
    })
  }

  test('list all names for an unknown name that resembles none', () => {
    assert.throws(make({ ttl: 60, 'xyzzy-quux-0000000': 1 }), /There is ttl, staleWhileRevalidate/)
  })

  test('must be an object', () => {
    for (const options of [undefined, null, 60, '1m', [], () => {}]) {
      assert.throws(make(options), { code: 'MINTRING_BAD_ARGUMENT' })
    }
  })

  test('are refused after a first argument that is not a client', () => {
    for (const given of [undefined, null, '127.0.0.1:11211', {}, [], { ttl: 60 }]) {
      const call = (): unknown => pageCache(given as unknown as MemcachedClient, { ttl: 60 })
      assert.throws(call, { code: 'MINTRING_BAD_ARGUMENT' })
    }
  })

  test('do not show an invalid originToken, which is a secret', () => {
    assert.throws(make({ ttl: 60, originToken: 'my secret' }), (error: unknown) => {
      assert.ok(isMintringError(error))
      assert.ok(!error.message.includes('my secret'))
      return true
    })
  })

  test('may each be undefined', () => {
    const all = Object.fromEntries(Object.keys(BAD).map((name) => [name, undefined]))
    assert.doesNotThrow(make({ ...all, ttl: '1m' }))
  })

  test('accept the smallest and largest allowed values', () => {
    const given = { ttl: 1, lease: 2, uncacheableTtl: 0, maxBufferedBytes: 0, waitTimeoutMs: 0 }
    const few = { prefix: '', nginxHeaders: {}, ignoredRequestHeaders: [], hosts: ['[::1]:80'] }
    assert.doesNotThrow(make({ ...given, ...few, maxBufferedBytes: Number.POSITIVE_INFINITY }))
    assert.doesNotThrow(make({ ...given, ...few }))
  })
})
