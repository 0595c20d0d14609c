import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DistinctKeys } from '../../src/client/distinct-keys.ts'
import { Keys } from '../../src/client/keys.ts'

const mapping = (keyPrefix = '') =>
  new Keys({ keyPrefix, hashWithPrefixKey: false, longKeys: 'reject' })

test('DistinctKeys keeps the first of equal keys in order, in batches of any size', () => {
  for (const size of [3, 100, 32_768, 32_769, 100_000]) {
    const distinct = new DistinctKeys(mapping())
    const keys = Array.from({ length: size }, (_, i) => `user:${i}`)
    for (const key of keys) assert.equal(distinct.add(key), true)
    for (const key of keys) assert.equal(distinct.add(key), false)
    distinct.trim()
    assert.deepEqual(distinct.keys, keys)
    assert.deepEqual(distinct.wireKeys, keys)
  }
})

test('DistinctKeys has the key to send at the position of each key, also if the first equal theirs', () => {
  const distinct = new DistinctKeys(mapping())
  for (const key of ['a', 'é', 'a', 'b', 'é', 'ü']) distinct.add(key)
  distinct.trim()
  assert.deepEqual(distinct.keys, ['a', 'é', 'b', 'ü'])
  const wire = (text: string) => Buffer.from(text).toString('latin1')
  assert.deepEqual(distinct.wireKeys, ['a', wire('é'), 'b', wire('ü')])
  const prefixed = new DistinctKeys(mapping('app:'))
  for (const key of ['a', 'b']) prefixed.add(key)
  prefixed.trim()
  assert.deepEqual(prefixed.wireKeys, ['app:a', 'app:b'])
})

test('DistinctKeys throws for an invalid key, and does not keep it', () => {
  const distinct = new DistinctKeys(mapping())
  distinct.add('a')
  for (const bad of ['a b', '', 7, null, 'x'.repeat(251)]) {
    assert.throws(() => distinct.add(bad as string), { code: 'MINTRING_BAD_KEY' })
  }
  distinct.trim()
  assert.deepEqual(distinct.keys, ['a'])
})
