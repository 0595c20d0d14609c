import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atMostExptime, toExptime } from '../../src/protocol/exptime.ts'

const days30 = 30 * 24 * 60 * 60
const now = 1_700_000_000

test('a time to live up to 30 days is sent unchanged', () => {
  for (const ttl of [0, 1, 300, days30]) assert.equal(toExptime(ttl, now), ttl)
})

test('a time to live over 30 days is sent as a date', () => {
  assert.equal(toExptime(days30 + 1, now), now + days30 + 1)
  assert.equal(toExptime(31_536_000, now + 0.9), now + 31_536_000)
})

test('a negative, fractional or infinite time to live is refused', () => {
  for (const wrong of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '300' as unknown as number]) {
    assert.throws(() => toExptime(wrong, now), { code: 'MINTRING_BAD_TTL' })
  }
})

test('a date after January 2038 is refused, since memcached would read it as the past', () => {
  assert.equal(toExptime(2_147_483_647 - now, now), 2_147_483_647)
  assert.throws(() => toExptime(2_147_483_648 - now, now), { code: 'MINTRING_BAD_TTL' })
})

const limited: readonly (readonly [number, number, number])[] = [
  [0, 10, 10],
  [300, 10, 10],
  [7, 10, 7],
  [-1, 10, -1],
  [1_790_000_000, 10, 10],
  [0, 0, 0],
  [300, 0, 300],
]

for (const [exptime, maxTtl, limit] of limited) {
  test(`atMostExptime(${exptime}, ${maxTtl}) is ${limit}`, () => {
    assert.equal(atMostExptime(exptime, maxTtl), limit)
  })
}
