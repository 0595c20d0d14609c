import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exptimeOf, optionalExptime, type Ttl, ttlSeconds } from '../../src/client/ttl.ts'

test('a ttl in whole seconds is sent unchanged', () => {
  assert.equal(ttlSeconds(0), 0)
  assert.equal(ttlSeconds(300), 300)
})

test('a ttl with a unit becomes whole seconds', () => {
  assert.equal(ttlSeconds('90s'), 90)
  assert.equal(ttlSeconds('5m'), 300)
  assert.equal(ttlSeconds('2h'), 7200)
  assert.equal(ttlSeconds('1d'), 86_400)
  assert.equal(ttlSeconds('2w'), 1_209_600)
})

test('a ttl of 30 days is relative; one second more becomes a date', () => {
  assert.equal(exptimeOf(2_592_000), 2_592_000)
  const nowSeconds = Math.floor(Date.now() / 1000)
  const exptime = exptimeOf('31d')
  assert.ok(exptime >= nowSeconds + 31 * 86_400 && exptime <= nowSeconds + 31 * 86_400 + 2)
})

test('an omitted optional ttl becomes 0', () => {
  assert.equal(optionalExptime(undefined), 0)
})

const wrong: readonly unknown[] = [
  -1,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  null,
  undefined,
  true,
  '300',
  '5 m',
  '1.5h',
  '-5m',
  '5y',
  '',
  {},
  10n,
  // Milliseconds since 1970, by mistake: a ttl of 55,000 years.
  1_760_000_000_000,
  // Seconds since 1970, a date by mistake: too large for memcached once the present is added.
  1_760_000_000,
]

for (const ttl of wrong) {
  test(`a ttl of ${typeof ttl} ${String(ttl)} is refused`, () => {
    assert.throws(() => exptimeOf(ttl as Ttl), { code: 'MINTRING_BAD_TTL' })
  })
}
