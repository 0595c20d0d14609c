import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import type { MemcachedClient } from '../../src/client/client.ts'
import { ApolloCache } from '../../src/integrations/apollo.ts'
import { MintringDriver } from '../../src/integrations/bentocache.ts'
import { KeyvMintring } from '../../src/integrations/keyv.ts'
import {
  lifetimeOfMs,
  lifetimeOfSeconds,
  lifetimeToExptime,
  lifetimeUntil,
} from '../../src/integrations/lifetime.ts'
import { RateLimitStore } from '../../src/integrations/rate-limit.ts'
import { sessionStore } from '../../src/integrations/session.ts'
import { unstorageDriver } from '../../src/integrations/unstorage.ts'
import { connect } from '../client/support.ts'
import { memcachedAbilities, realMemcached, startMemcached } from '../support/memcached.ts'
import { secondsLeft } from '../support/seconds-left.ts'

const DAY = 86_400
/** Twenty years from now is after January 2038, the last date that memcached can represent. */
/** The last second that 32-bit clocks can represent. */
const LAST_MS = 2_147_483_647_000
const YEARS = 20 * 365 * DAY

/** Stores a value under `k` for `seconds`. */
type Store = (client: MemcachedClient, seconds: number) => Promise<unknown>

const stores: Readonly<Record<string, { readonly set: Store; readonly key: string }>> = {
  'Keyv 5': {
    key: 'k',
    set: (client, seconds) => new KeyvMintring(client).set('k', 'v', seconds * 1000),
  },
  'Keyv 6': {
    key: 'k',
    set: (client, seconds) =>
      new KeyvMintring(client, { keyv: 6 }).set('k', 'v', Date.now() + seconds * 1000),
  },
  bentocache: {
    key: 'k',
    set: (client, seconds) => new MintringDriver({ client }).set('k', 'v', seconds * 1000),
  },
  unstorage: {
    key: 'k',
    set: (client, seconds) => unstorageDriver({ client }).setItem('k', 'v', { ttl: seconds }),
  },
  Apollo: {
    key: 'k',
    set: (client, seconds) => new ApolloCache(client).set('k', 'v', { ttl: seconds }),
  },
  'a session': {
    key: 'sess:k',
    set: (client, seconds) =>
      promisify(sessionStore(client).set)('k', { cookie: { maxAge: seconds * 1000 } }),
  },
}

describe('the lifetime that an adapter sends', () => {
  test('is rounded up to whole seconds', () => {
    assert.deepEqual([1, 1000, 1001].map(lifetimeOfMs), [1, 1, 2])
    assert.equal(lifetimeOfSeconds(0.2), 1)
    assert.equal(lifetimeOfSeconds(365 * DAY), 365 * DAY)
  })

  test('is unlimited when there is none, or one that memcached cannot represent', () => {
    const endless = [undefined, null, 0, Number.POSITIVE_INFINITY, 0xff_ff_ff_fe, YEARS]
    for (const seconds of endless) assert.equal(lifetimeOfSeconds(seconds), 0, String(seconds))
  })

  test("is 'over' for negative seconds and for a date in the past", () => {
    assert.equal(lifetimeOfSeconds(-0.1), 'over')
    assert.equal(lifetimeOfMs(Number.NEGATIVE_INFINITY), 'over')
    assert.equal(lifetimeUntil(Date.now() - 1), 'over')
    assert.equal(lifetimeUntil(Number.POSITIVE_INFINITY), 0)
  })

  test('is refused when it is text or NaN', () => {
    for (const bad of [Number.NaN, '60' as never, {} as never]) {
      assert.throws(() => lifetimeOfSeconds(bad), { code: 'MINTRING_BAD_TTL' })
    }
  })

  test('is sent as a Unix time in meta commands if it is longer than 30 days', () => {
    assert.equal(lifetimeToExptime(30 * DAY), 30 * DAY)
    const date = Math.floor(Date.now() / 1000) + 31 * DAY
    assert.ok(Math.abs(lifetimeToExptime(31 * DAY) - date) <= 1)
  })
})

/** A client of a real memcached; undefined where there is none. */
async function realClient(t: TestContext): Promise<MemcachedClient | undefined> {
  if (realMemcached(t) === undefined) return undefined
  const memcached = await startMemcached()
  t.after(() => memcached.kill())
  return connect(t, `127.0.0.1:${memcached.port}`)
}

for (const [name, { set, key }] of Object.entries(stores)) {
  describe(`${name} on a real memcached`, () => {
    test('keeps items for any length of time', async (t) => {
      const client = await realClient(t)
      if (client === undefined) return
      for (const days of [1, 30, 31, 365]) {
        await set(client, days * DAY)
        const ttl = (await secondsLeft(client, key)) ?? 0
        assert.ok(Math.abs(ttl - days * DAY) <= 2, `${days} days: ${ttl}`)
      }
      for (const seconds of [YEARS, Number.POSITIVE_INFINITY]) {
        await set(client, seconds)
        assert.equal(await secondsLeft(client, key), -1, `${seconds}`)
      }
    })

    test('stores nothing when the lifetime is in the past', async (t) => {
      const client = await realClient(t)
      if (client === undefined) return
      await set(client, 60)
      await set(client, -1)
      assert.equal(await secondsLeft(client, key), undefined)
    })
  })
}

describe('a rate limit on a real memcached', () => {
  test('holds for windows of any length; without meta commands windows are aligned to the clock', async (t) => {
    const { meta } = memcachedAbilities()
    const client: MemcachedClient | undefined = await realClient(t)
    if (client === undefined) return
    for (const windowMs of [30, 31, 365, 7300].map((days) => days * DAY * 1000)) {
      const store: RateLimitStore = new RateLimitStore(client, { prefix: `${windowMs}:` })
      store.init({ windowMs })
      const infos = [await store.increment('u'), await store.increment('u')]
      assert.deepEqual(
        infos.map(({ totalHits }) => totalHits),
        [1, 2],
      )
      const { resetTime } = infos[1]!
      const fromNow = Date.now() + windowMs
      const byClock = (Math.floor(Date.now() / windowMs) + 1) * windowMs
      const isEndless = fromNow > LAST_MS
      const expected = isEndless ? LAST_MS : meta ? fromNow : byClock
      assert.ok(Math.abs(resetTime.getTime() - expected) < 3000, String(resetTime))
    }
    const endless = new RateLimitStore(client, { prefix: 'endless:' })
    endless.init({ windowMs: Number.POSITIVE_INFINITY })
    await endless.increment('u')
    assert.equal((await endless.increment('u')).totalHits, 2)
    assert.equal((await endless.get('u'))?.totalHits, 2)
  })

  test('refuses invalid windows', async (t) => {
    const client = connect(t, '127.0.0.1:1')
    for (const windowMs of [0, -1, Number.NaN, undefined as never]) {
      const store = new RateLimitStore(client)
      assert.throws(() => store.init({ windowMs }), { code: 'MINTRING_BAD_ARGUMENT' })
    }
  })
})

describe('a session on a real memcached', () => {
  test('is stored for any maxAge of its cookie', async (t) => {
    const client = await realClient(t)
    if (client === undefined) return
    const store = sessionStore(client)
    const cookies = [
      { maxAge: Number.POSITIVE_INFINITY },
      { maxAge: null },
      // express-session stores `false` for a cookie without an age.
      { maxAge: false as never, expires: false as never },
      { expires: new Date('9999-12-31') },
      {},
    ]
    for (const cookie of cookies) {
      await promisify(store.set)('id', { cookie })
      assert.ok(await promisify(store.get)('id'), JSON.stringify(cookie))
      await promisify(store.touch)('id', { cookie })
      assert.ok(await promisify(store.get)('id'), JSON.stringify(cookie))
    }
    await promisify(store.touch)('id', { cookie: { maxAge: -1 } })
    assert.equal(await promisify(store.get)('id'), null)
  })
})

test('a lifetime given as text says which number to write', () => {
  assert.throws(() => lifetimeOfSeconds('60' as never), {
    code: 'MINTRING_BAD_TTL',
    message: "A lifetime must be a number, not '60': write 60",
  })
})
