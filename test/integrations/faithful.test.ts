import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import vm from 'node:vm'
import { KeyvMintring } from '../../src/integrations/keyv.ts'
import type { SessionCalls } from '../../src/integrations/session.ts'
import { expressSessionStore, sessionStore } from '../../src/integrations/session.ts'
import { unstorageDriver } from '../../src/integrations/unstorage.ts'
import { serve } from '../client/support.ts'

const BYTES = Buffer.from('bytes')
const bytes: Readonly<Record<string, () => unknown>> = {
  'a Buffer': () => BYTES,
  'a Uint8Array': () => new Uint8Array(BYTES),
  'an ArrayBuffer': () => new Uint8Array(BYTES).buffer,
  'a part of a larger buffer': () => Buffer.from('some bytes').subarray(5),
  'an ArrayBuffer of another realm': () =>
    vm.runInNewContext('Uint8Array.from(codes).buffer', { codes: [...BYTES] }),
}
const unfaithful: Readonly<Record<string, () => unknown>> = {
  'a Map': () => new Map([[1, 2]]),
  'a nested Map': () => ({ a: [new Map([[1, 2]])] }),
  'a Blob': () => new Blob(['x']),
  'an Error': () => new Error('x'),
  'a promise': () => Promise.resolve(1),
  'a thenable': () => Object.fromEntries([['then', () => {}]]),
  'a Map of another realm': () => vm.runInNewContext('new Map([[1, 2]])'),
}

describe('adapters, for values that are easily damaged', () => {
  for (const [name, make] of Object.entries(bytes)) {
    test(`return the bytes of ${name}`, async (t) => {
      const { cache } = await serve(t)
      const keyv = new KeyvMintring(cache)
      await keyv.set('k', make())
      assert.deepEqual(await keyv.get('k'), BYTES)
      const storage = unstorageDriver({ client: cache })
      await storage.setItemRaw('raw', make())
      assert.deepEqual(await storage.getItemRaw('raw'), BYTES)
    })
  }

  for (const [name, make] of Object.entries(unfaithful)) {
    test(`refuse ${name} rather than store {}`, async (t) => {
      const { cache } = await serve(t)
      const refused = { code: 'MINTRING_BAD_VALUE' }
      await assert.rejects(async () => new KeyvMintring(cache).set('k', make()), refused)
      const storage = unstorageDriver({ client: cache })
      await assert.rejects(async () => storage.setItemRaw('k', make()), refused)
      const sessions = sessionStore(cache)
      const session = { cookie: {}, user: make() }
      await assert.rejects(promisify(sessions.set)('k', session), refused)
      for (const key of ['k', 'sess:k']) assert.equal(await cache.get(key), undefined)
    })
  }
})

describe('a session store of express-session', () => {
  class Base {
    readonly isTheirs = true
  }
  const Store = expressSessionStore({ Store: Base })

  test('calls the methods that a subclass overrides, and the subclass can call the originals', async (t) => {
    const { cache } = await serve(t)
    const seen: string[] = []
    class Audited extends Store {
      override destroy(id: string, done?: (error: unknown) => void): void {
        seen.push(id)
        super.destroy(id, done)
      }
    }
    const store = new Audited(cache)
    assert.ok(store instanceof Audited && store instanceof Base && store.isTheirs)
    await promisify(store.set.bind(store))('id', { cookie: {} })
    await promisify(store.destroy.bind(store))('id')
    assert.deepEqual(seen, ['id'])
    assert.equal(await promisify(store.get)('id'), null)
  })

  test('can be extended by util.inherits of node:util', async (t) => {
    const { cache } = await serve(t)
    function OldBase(this: object): void {
      Object.assign(this, { isTheirs: true })
    }
    const Old = expressSessionStore({ Store: OldBase as never }) as unknown as (
      this: object,
      client: unknown,
    ) => void
    function Own(this: object, client: unknown): void {
      Old.call(this, client)
    }
    Own.prototype = Object.create(Old.prototype)
    const store: SessionCalls & { isTheirs?: boolean } = Reflect.construct(Own, [cache])
    assert.ok(store.isTheirs && store instanceof Own)
    const session = { cookie: {}, user: 1 }
    await promisify(store.set.bind(store))('id', session)
    const found: unknown = await promisify(store.get.bind(store))('id')
    assert.deepEqual(found, { cookie: {}, user: 1 })
  })

  test('throws with a reason for methods that memcached cannot support', async (t) => {
    const { cache } = await serve(t)
    const store = new Store(cache)
    for (const name of ['all', 'length', 'clear'] as const) {
      await assert.rejects(
        promisify(store[name] as never)(),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, 'MINTRING_UNSUPPORTED')
          assert.match(error.message, /cannot list keys/)
          return true
        },
      )
    }
  })
})
