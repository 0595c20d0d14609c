import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { isMintringError } from '../../src/errors.ts'
import type { SessionCalls } from '../../src/integrations/session.ts'
import { expressSessionStore, sessionStore } from '../../src/integrations/session.ts'
import { serve } from '../client/support.ts'

/** The methods of a store as promises. */
function awaited(store: SessionCalls) {
  return {
    get: promisify(store.get),
    set: promisify(store.set),
    touch: promisify(store.touch),
    destroy: promisify(store.destroy),
  }
}

describe('the session store', () => {
  test('stores what JSON can represent of a session, and returns null for an absent one', async (t) => {
    const { cache } = await serve(t)
    const store = awaited(sessionStore(cache))
    assert.equal(await store.get('id'), null)
    const session = { cookie: { maxAge: 5000 }, user: 1, at: new Date(0), save: () => {} }
    await store.set('id', session)
    const expected = { cookie: { maxAge: 5000 }, user: 1, at: '1970-01-01T00:00:00.000Z' }
    assert.deepEqual(await store.get('id'), expected)
    await store.destroy('id')
    assert.equal(await store.get('id'), null)
  })

  test('keeps a session as long as its cookie: by expires, by maxAge, else one day', async (t) => {
    const { cache } = await serve(t)
    const store = awaited(sessionStore(cache, { prefix: 's:' }))
    const ttlOf = async (cookie: object) => {
      await store.set('id', { cookie })
      return (await cache.meta.mg('s:id', { t: true })).ttl ?? 0
    }
    assert.equal(await ttlOf({ maxAge: 1500 }), 2)
    const dated = await ttlOf({ expires: new Date(Date.now() + 60_000), maxAge: 1 })
    assert.ok(dated === 60 || dated === 59)
    assert.equal(await ttlOf({}), 86_400)
    const short = awaited(sessionStore(cache, { prefix: 's:', ttl: 30 }))
    await short.touch('id', { cookie: {} })
    assert.equal((await cache.meta.mg('s:id', { t: true })).ttl, 30)
  })

  test('drops a session whose cookie has expired', async (t) => {
    const { cache } = await serve(t)
    const store = awaited(sessionStore(cache))
    await store.set('id', { cookie: {} })
    await store.set('id', { cookie: { expires: new Date(Date.now() - 1) } })
    assert.equal(await store.get('id'), null)
  })

  test('accepts any session id', async (t) => {
    const { cache } = await serve(t)
    const store = awaited(sessionStore(cache))
    for (const id of ['with space', 'x'.repeat(500), 'a\r\nflush_all\r\n']) {
      await store.set(id, { id } as object)
      assert.deepEqual(await store.get(id), { id })
    }
  })

  test('passes failures to the callback', async (t) => {
    const { cache, server } = await serve(t, { autoEjectHosts: false, retries: 0 })
    await server.kill()
    await assert.rejects(awaited(sessionStore(cache)).get('id'), isMintringError)
  })

  test('extends the Store class of express-session', async (t) => {
    const { cache } = await serve(t)
    class Store {
      readonly isTheirs = true
    }
    const store = new (expressSessionStore({ Store }))(cache)
    assert.ok(store instanceof Store)
    assert.equal(await awaited(store).get('id'), null)
  })
})
