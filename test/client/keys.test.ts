import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Keys } from '../../src/client/keys.ts'

const plain = { keyPrefix: '', hashWithPrefixKey: false, longKeys: 'reject' } as const
const hashing = { ...plain, longKeys: 'hash' } as const
const badKey = { code: 'MINTRING_BAD_KEY' }

test('a plain key is sent unchanged', () => {
  assert.equal(new Keys(plain).wireKey('user:1'), 'user:1')
})

test('a key is sent as its UTF-8 bytes, one latin1 character each', () => {
  assert.equal(new Keys(plain).wireKey('é'), '\u00c3\u00a9')
})

test('a key of 250 bytes is accepted and one of 251 is refused, whatever its characters', () => {
  const keys = new Keys(plain)
  assert.equal(keys.wireKey('k'.repeat(250)).length, 250)
  assert.equal(keys.wireKey('é'.repeat(125)).length, 250)
  assert.equal(keys.wireKey('😀'.repeat(62)).length, 248)
  assert.throws(() => keys.wireKey('k'.repeat(251)), badKey)
  assert.throws(() => keys.wireKey('é'.repeat(126)), badKey)
  assert.throws(() => keys.wireKey('😀'.repeat(63)), badKey)
})

test('the prefix counts towards the 250 bytes of a key', () => {
  const keys = new Keys({ ...plain, keyPrefix: 'app:' })
  assert.equal(keys.wireKey('k'.repeat(246)), `app:${'k'.repeat(246)}`)
  assert.throws(() => keys.wireKey('k'.repeat(247)), badKey)
})

test('an empty key is refused, also with a prefix', () => {
  assert.throws(() => new Keys(plain).wireKey(''), badKey)
  assert.throws(() => new Keys({ ...plain, keyPrefix: 'app:' }).wireKey(''), badKey)
  assert.throws(() => new Keys({ ...hashing, keyPrefix: 'app:' }).wireKey(''), badKey)
})

test('a key with spaces or control bytes is refused, also when it would be hashed', () => {
  for (const settings of [plain, hashing, { ...plain, keyPrefix: 'app:' }]) {
    const keys = new Keys(settings)
    for (const byte of [' ', '\r', '\n', '\0', '\t', '\x1f', '\x7f']) {
      assert.throws(() => keys.wireKey(`a${byte}b`), badKey)
      assert.throws(() => keys.wireKey(`${'a'.repeat(300)}${byte}b`), badKey)
      assert.throws(() => keys.wireKey(`é${byte}`), badKey)
    }
  }
})

test('a key with half a surrogate pair is refused: in UTF-8 it would equal another key', () => {
  for (const settings of [plain, hashing]) {
    assert.throws(() => new Keys(settings).wireKey('a\ud800'), badKey)
    assert.throws(() => new Keys(settings).wireKey(`${'a'.repeat(300)}\udc00`), badKey)
  }
})

test('a key that is no string is refused', () => {
  for (const key of [1, null, undefined, {}, ['a'], Buffer.from('a')]) {
    assert.throws(() => new Keys(plain).wireKey(key as string), badKey)
    assert.throws(() => new Keys(hashing).wireKey(key as string), badKey)
  }
})

test('a prefix that leaves no room for a key is refused', () => {
  assert.throws(() => new Keys({ ...plain, keyPrefix: 'a b' }), badKey)
  assert.throws(() => new Keys({ ...plain, keyPrefix: 'k'.repeat(126) }), badKey)
})

test('with longKeys hash a long key is sent as ~sha256~ and its SHA-256', () => {
  const wire = new Keys(hashing).wireKey('k'.repeat(251))
  // node -e "crypto.createHash('sha256').update('k'.repeat(251)).digest('base64url')"
  assert.equal(wire, '~sha256~O4BZxjeTmkg73Hvu8J8RtWZYG-bRTiUIOzBBt3cX3gI')
  assert.equal(new Keys(hashing).wireKey('k'.repeat(250)), 'k'.repeat(250))
  const other = new Keys(hashing).wireKey(`${'k'.repeat(250)}l`)
  assert.notEqual(other, wire)
})

test('no short key can have the wire key of a long one', () => {
  const keys = new Keys(hashing)
  const wire = keys.wireKey('k'.repeat(251))
  assert.notEqual(keys.wireKey(wire), wire)
})

test('the ring hashes the prefix only with hashWithPrefixKey', () => {
  assert.equal(new Keys({ ...plain, keyPrefix: 'app:' }).routeKey('a'), 'a')
  const routed = new Keys({ ...plain, keyPrefix: 'app:', hashWithPrefixKey: true })
  assert.equal(routed.routeKey('a'), 'app:a')
})

test('with longKeys md5 a long key is sent as the MD5 of prefix and key, and the ring hashes both', () => {
  const settings = { keyPrefix: 'ns:', hashWithPrefixKey: true, longKeys: 'md5' } as const
  const keys = new Keys(settings)
  // md5('ns:' + 'x' * 300)
  assert.equal(keys.wireKey('x'.repeat(300)), 'b2f1f9fcc991672f53973d451b59ecb9')
  assert.equal(keys.routeKey('x'.repeat(300)), `ns:${'x'.repeat(300)}`)
  assert.equal(keys.wireKey('x'.repeat(247)), `ns:${'x'.repeat(247)}`)
  assert.equal(keys.wireKey('ü'.repeat(124)).length, 32)
  assert.throws(() => keys.wireKey('with space'), badKey)
  assert.throws(() => keys.wireKey(''), badKey)
})
