import assert from 'node:assert/strict'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import type { MemcachedClient } from '../../src/client/client.ts'
import { type Check, hearOf, KEY, KEYS, live, load, POLICY, stored, text } from './live-world.ts'
import { connect, PATIENT } from './support.ts'

/** Checks that a changed setting places keys as it does in a new client. */
function placed(change: BehaviorsInput, base: BehaviorsInput = {}): Check {
  return live(
    { ...base, handover: 0 },
    async ({ t, servers, cache }) => {
      const homes = (client: MemcachedClient): string[] =>
        KEYS.map((key) => client.locate(key).server)
      const before = homes(cache)
      cache.configure(change)
      const addresses = servers.map(({ address }) => address)
      const fresh = connect(t, addresses, { ...PATIENT, ...base, ...change })
      assert.deepEqual(homes(cache), homes(fresh))
      assert.notDeepEqual(homes(cache), before)
      for (const key of KEYS.slice(0, 20)) {
        await cache.set(key, 'moved')
        assert.equal(await fresh.get(key), 'moved')
      }
    },
    3,
  )
}

/** Live tests of the behaviors that place keys, by the name of the behavior. */
export const placements: Readonly<Record<string, Check>> = {
  preset: placed({ preset: 'twemproxy' }),
  distribution: placed({ distribution: 'modula' }),
  hash: placed({ hash: 'fnv1a_64' }),
  hashTag: placed({ hashTag: '{}' }),
  hashWithPrefixKey: placed({ hashWithPrefixKey: true }, { keyPrefix: 'app:' }),
  weighted: placed({ weighted: false }, { distribution: 'ketamaUnweighted', weighted: true }),
  serverOrder: placed({ serverOrder: 'hostname' }, { distribution: 'modula' }),
  pointHash: placed({ pointHash: 'fnv1a_64' }, { distribution: 'ketamaUnweighted' }),
  labelFormat: async (t) => {
    // The label formats differ only for servers on the default port.
    const servers = ['a:11211', 'b:11211', 'c:11211']
    const cache = connect(t, servers, { distribution: 'hashring' })
    const homes = (): string[] => KEYS.map((key) => cache.locate(key).server)
    const before = homes()
    cache.configure({ labelFormat: 'libmemcached' })
    assert.notDeepEqual(homes(), before)
  },
  vnodes: placed({ vnodes: 77 }, { distribution: 'hashring' }),
  replicas: placed({ replicas: 2 }, { distribution: 'hashring' }),
  tableSize: placed({ tableSize: 1021 }, { distribution: 'maglev' }),
  keyPrefix: live({}, async ({ cache }) => {
    cache.configure({ keyPrefix: 'app:' })
    assert.equal(await cache.get(KEY), undefined)
  }),
  // `allow` is for rings only: a client still refuses a server that is listed twice.
  duplicates: live({}, async ({ servers: [server], cache }) => {
    cache.configure({ duplicates: 'allow' })
    const twice = [server!.address, server!.address]
    assert.throws(() => cache.setServers(twice), { code: 'MINTRING_DUPLICATE_SERVER' })
  }),
}

/** Live tests of the behaviors that encode keys and values, by the name of the behavior. */
export const values: Readonly<Record<string, Check>> = {
  maxItemBytes: live({}, async ({ cache }) => {
    cache.configure({ maxItemBytes: 2_000 })
    await assert.rejects(cache.set(KEY, text), { code: 'MINTRING_TOO_LARGE' })
  }),
  largeValues: live({ maxItemBytes: 2_000 }, async ({ cache }) => {
    cache.configure({ largeValues: 'split' })
    await cache.set(KEY, text)
    assert.equal(await cache.get(KEY), text)
  }),
  compressAboveBytes: live({}, async ({ cache }) => {
    cache.configure({ compressAboveBytes: 100 })
    await cache.set(KEY, text)
    assert.ok((await stored(cache)).size < 200)
  }),
  compression: live({ compressAboveBytes: 100 }, async ({ cache }) => {
    cache.configure({ compression: 'brotli' })
    await cache.set(KEY, text)
    assert.equal((await stored(cache)).flags & 32, 32)
  }),
  maxDecompressedBytes: live({ compressAboveBytes: 100 }, async ({ cache }) => {
    await cache.set(KEY, text)
    cache.configure({ maxDecompressedBytes: 1_024 })
    await assert.rejects(cache.get(KEY), { code: 'MINTRING_TOO_LARGE' })
  }),
  serializer: live({}, async ({ cache }) => {
    cache.configure({ serializer: { serialize: () => 'mine', deserialize: String } })
    await cache.set(KEY, { a: 1 })
    assert.equal(await cache.get(KEY), 'mine')
  }),
  valueFlags: live({}, async ({ cache }) => {
    cache.configure({ valueFlags: 'pylibmc' })
    await cache.set(KEY, 5)
    assert.equal((await stored(cache)).flags, 4)
  }),
  longKeys: live({}, async ({ cache }) => {
    await assert.rejects(async () => cache.get('k'.repeat(300)), { code: 'MINTRING_BAD_KEY' })
    cache.configure({ longKeys: 'hash' })
    assert.equal(await cache.set('k'.repeat(300), 1), true)
  }),
  protocol: live({}, async ({ cache }) => {
    cache.configure({ protocol: 'classic' })
    await cache.delete(KEY)
    await cache.getOrSet(KEY, load, POLICY)
    // A classic refill keeps the time when the value becomes stale in flag bits 13 and up.
    assert.ok((await stored(cache)).flags >= 8192)
  }),
  onError: live({}, async ({ servers: [server], cache }) => {
    server!.inject({ garbage: 'SERVER_ERROR no\r\n', only: ['get'] })
    await assert.rejects(cache.get(KEY))
    cache.configure({ onError: 'miss' })
    assert.equal(await cache.get(KEY), undefined)
  }),
  traceKeys: live({}, async ({ t, cache }) => {
    const keys: unknown[] = []
    hearOf(t, cache, ({ key }) => keys.push(key))
    await cache.get(KEY)
    cache.configure({ traceKeys: true })
    await cache.get(KEY)
    assert.deepEqual(keys, [undefined, KEY])
  }),
}
