import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeySet } from '../../src/net/key-set.ts'

test('KeySet.add is true once per key, until the set is cleared', () => {
  const keys = new KeySet()
  assert.equal(keys.add('user:1'), true)
  assert.equal(keys.add('user:2'), true)
  assert.equal(keys.add('user:1'), false)
  keys.clear()
  assert.equal(keys.add('user:1'), true)
})

test('KeySet distinguishes keys that differ only in bytes that it does not hash', () => {
  const keys = new KeySet()
  const tail = ':the-same-end-for-all-of-these-keys'
  for (let i = 0; i < 100; i++) assert.equal(keys.add(`${i}${tail}`.padStart(40)), true)
  for (let i = 0; i < 100; i++) assert.equal(keys.add(`${i}${tail}`.padStart(40)), false)
})

test('KeySet returns the same as a Set, batch after batch', () => {
  const keys = new KeySet()
  let seed = 7
  for (let batch = 0; batch < 200; batch++) {
    const seen = new Set<string>()
    for (let i = 0; i < 100; i++) {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
      const key = `k${seed % 150}`
      assert.equal(keys.add(key), !seen.has(key))
      seen.add(key)
    }
    keys.clear()
  }
})
