import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { crc32 as zlibCrc32 } from 'node:zlib'
import xxhash from 'xxhash-wasm'
import { type HashName, hashEntry, hashNames, loadHash } from '../../../src/ring/hashes/registry.ts'
import { xxh32 } from '../../../src/ring/hashes/xxh32.ts'
import { xxh64 } from '../../../src/ring/hashes/xxh64.ts'
import { hashedBytes, overBytes } from '../../../src/ring/key.ts'

const samples = Array.from({ length: 140 }, (_, i) => 'aé%'.repeat(i % 7) + 'x'.repeat(i))

function hash(name: HashName, key: string): number {
  return hashEntry(name).hash(key) >>> 0
}

describe('published hash values', () => {
  const published: readonly [HashName, string, number][] = [
    ['crc32a', '123456789', 0xcbf43926],
    ['crc32', '123456789', 0x4bf4],
    ['fnv1_32', 'foobar', 0x31f0b262],
    ['fnv1a_32', 'foobar', 0xbf9cf968],
    ['fnv1_64', 'foobar', 0xa4dda9c2],
    ['fnv1a_64', 'foobar', 0xf73967e8],
    ['one_at_a_time', 'a', 0xca2e9442],
    ['murmur3_32', 'test', 0xba6bd213],
    ['murmur3_32', 'Hello, world!', 0xc0363e43],
    ['xxh32', '', 0x02cc5d05],
    ['xxh64', '', 0x51d8e999],
    ['NATIVE_HASH', 'hello', 99162322],
    ['NATIVE_HASH', 'polygenelubricants', 0x80000000],
    ['java-hashCode', 'polygenelubricants', 0x80000000],
  ]
  for (const [name, key, expected] of published) {
    it(`${name} of '${key}' is ${expected.toString(16)}`, () => {
      assert.equal(hash(name, key), expected)
    })
  }
})

describe('hashes compared with independent implementations', () => {
  it('md5 agrees with OpenSSL at every length up to three blocks', () => {
    const ascii = Array.from({ length: 70 }, (_, i) => 'x'.repeat(i))
    for (const key of [...samples, ...ascii]) {
      assert.equal(hash('md5', key), createHash('md5').update(key).digest().readUInt32LE(0), key)
    }
  })

  it('md5 of a short key uses its UTF-8, wherever the first character beyond ASCII is', () => {
    for (const letter of ['\x7f', '\x80', 'é', '\u0100', '\u4000', '😀']) {
      for (let at = 0; at < 9; at++) {
        const key = 'abcdefgh'.slice(0, at) + letter + 'abcdefgh'.slice(at)
        assert.equal(hash('md5', key), createHash('md5').update(key).digest().readUInt32LE(0), key)
      }
    }
  })

  it('crc32a agrees with zlib', { skip: zlibCrc32 === undefined }, () => {
    for (const key of samples) assert.equal(hash('crc32a', key), zlibCrc32(key))
  })

  it('the plain JavaScript xxHash agrees with xxhash-wasm', async () => {
    const wasm = await xxhash()
    for (const key of samples) {
      assert.equal(overBytes(xxh32)(key) >>> 0, wasm.h32(key))
      assert.equal(overBytes(xxh64)(key) >>> 0, Number(BigInt.asUintN(32, wasm.h64(key))))
    }
  })

  it('xxh32 and xxh64 return the same before and after the WebAssembly is loaded', async () => {
    const before = samples.map((key) => [hash('xxh32', key), hash('xxh64', key)])
    await loadHash('xxh64')
    assert.deepEqual(
      samples.map((key) => [hash('xxh32', key), hash('xxh64', key)]),
      before,
    )
  })
})

describe('every hash', () => {
  const ofUnits = /^(NATIVE_HASH|FNV.*_HASH|java-hashCode)$/
  for (const name of hashNames) {
    it(`${name} hashes a text and its UTF-8 bytes to the same value, at any length`, () => {
      for (const key of [...samples, 'k'.repeat(5000), 'ü'.repeat(1200)]) {
        const value = hash(name, key)
        assert.ok(Number.isInteger(value) && value >= 0 && value < 2 ** hashEntry(name).bits)
        assert.equal(hashEntry(name).hash(hashedBytes(key)) >>> 0, value)
      }
    })
    it(`${name} hashes short keys to different values`, () => {
      const values = new Set(Array.from({ length: 100 }, (_, i) => hash(name, `key:${i}`)))
      assert.ok(values.size > 90, `${values.size} values of 100 keys`)
    })
  }

  it('reads UTF-16 code units in spymemcached and memjs, and bytes in all others', () => {
    for (const name of hashNames) {
      const latin = hashEntry(name).hash(Uint8Array.of(0xc3, 0xa9)) >>> 0
      assert.equal(hash(name, 'é'), latin, name)
      if (ofUnits.test(name) && /^(NATIVE|java)/.test(name)) assert.equal(hash(name, 'é'), 0xe9)
    }
  })
})
