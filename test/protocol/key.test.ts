import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { checkWireKey, toBase64Key, toWireKey } from '../../src/protocol/key.ts'

const bad = { code: 'MINTRING_BAD_KEY' }

describe('toWireKey', () => {
  test('returns an ASCII key unchanged', () => {
    assert.equal(toWireKey('user:1'), 'user:1')
    assert.equal(toWireKey('~'.repeat(250)), '~'.repeat(250))
  })
  test('returns other keys as their UTF-8 bytes', () => {
    assert.equal(toWireKey('é'), '\xc3\xa9')
    assert.equal(toWireKey('a€😀'), 'a\xe2\x82\xac\xf0\x9f\x98\x80')
  })
  test('accepts at most 250 bytes, not characters', () => {
    assert.equal(toWireKey('é'.repeat(125)).length, 250)
    assert.throws(() => toWireKey('é'.repeat(126)), bad)
    assert.throws(() => toWireKey(`${'é'.repeat(125)}a`), bad)
    assert.throws(() => toWireKey('a'.repeat(251)), bad)
    assert.throws(() => toWireKey('é'.repeat(1_000_000)), bad)
  })
  test('refuses an empty key and anything but a string', () => {
    assert.throws(() => toWireKey(''), bad)
    for (const wrong of [undefined, null, 1, {}, Buffer.from('a')]) {
      assert.throws(() => toWireKey(wrong as unknown as string), bad)
    }
  })
  test('refuses a key with a byte that ends a word or a line', () => {
    for (let code = 0; code <= 0x20; code++) {
      assert.throws(() => toWireKey(`a${String.fromCharCode(code)}b`), bad)
      assert.throws(() => toWireKey(`é${String.fromCharCode(code)}`), bad)
    }
    assert.throws(() => toWireKey('a\x7f'), bad)
    assert.throws(() => toWireKey('é\x7f'), bad)
    assert.throws(() => toWireKey('a\r\nflush_all'), /'a\\x0d\\x0aflush_all' .*0x0d is at byte 1/)
  })
  test('refuses a key with half a surrogate pair, which would equal another key', () => {
    assert.throws(() => toWireKey('a\ud800'), bad)
    assert.throws(() => toWireKey('\udc00b'), bad)
  })
  test('returns one word per key, and different words for different keys', () => {
    const seen = new Map<string, string>()
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (key) => {
        let wireKey: string
        try {
          wireKey = toWireKey(key)
        } catch {
          return
        }
        assert.equal(/^[^\0-\x20\x7f]{1,250}$/.test(wireKey), true)
        assert.equal(Buffer.from(wireKey, 'latin1').toString(), key)
        assert.equal(seen.get(wireKey) ?? key, key)
        seen.set(wireKey, key)
        checkWireKey(wireKey)
      }),
      { numRuns: 2000 },
    )
  })
})

test('checkWireKey accepts one latin1 word of up to 250 bytes and refuses the rest', () => {
  checkWireKey('\xc3\xa9')
  for (const wrong of ['', 'é€', 'a b', 'a\n', '\x7f', 'a'.repeat(251)]) {
    assert.throws(() => checkWireKey(wrong), bad)
  }
})

test('toBase64Key encodes any bytes, and refuses those that take over 250 characters', () => {
  assert.equal(toBase64Key(Uint8Array.of(0, 10, 13, 32, 255)), 'AAoNIP8=')
  assert.equal(toBase64Key(Buffer.from('xxfoobar').subarray(2)), 'Zm9vYmFy')
  assert.equal(toBase64Key(new Uint8Array(186)).length, 248)
  assert.throws(() => toBase64Key(new Uint8Array(187)), bad)
  assert.throws(() => toBase64Key(new Uint8Array(0)), bad)
})
