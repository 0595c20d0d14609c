import assert from 'node:assert/strict'
import net from 'node:net'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientCore } from '../../src/client/core.ts'
import { isMintringError } from '../../src/errors.ts'
import {
  type Memcached,
  memcachedAbilities,
  skipWithoutMemcached,
  startMemcached,
} from '../support/memcached.ts'
import { tap } from '../support/tap.ts'
import { connect, PATIENT, serve } from './support.ts'

const POLICY = { ttl: 60, staleWhileRevalidate: 60, lease: 4, jitter: 0 } as const

async function real(t: TestContext, args: readonly string[] = []): Promise<Memcached> {
  const memcached = await startMemcached({ args })
  t.after(() => memcached.stop())
  return memcached
}

const can = memcachedAbilities()
const PROTOCOLS = can.meta ? (['meta', 'classic'] as const) : (['classic'] as const)

const later = <Value>(ms: number, value: Value): Promise<Value> => sleep(ms, value)

describe('getOrSet on a real memcached', { skip: skipWithoutMemcached() }, () => {
  test('sends one command line for a hit, and two for a refill by meta commands', async (t) => {
    const { port } = await real(t)
    const wire = await tap(t, port)
    const cache = connect(t, [wire.address], PATIENT)
    await cache.version()
    wire.take()
    await cache.getOrSet('k', () => 'value', POLICY)
    const refill = wire.take()
    const hit = can.meta ? 'mg k N74 R61 v f t c' : 'gets k'
    assert.equal(refill[0], hit)
    if (can.meta) {
      assert.match(refill[1]!, /^ms k 5 F257 T120 C\d+$/)
      assert.deepEqual(refill.slice(2), ['value'])
    }
    await Promise.all([1, 2, 3].map(() => cache.getOrSet('k', () => 'other', POLICY)))
    assert.deepEqual(wire.take(), [hit])
  })

  test('leaves no lock or placeholder that other readers could take for a value', async (t) => {
    const { port } = await real(t)
    const cache = connect(t, [`127.0.0.1:${port}`], PATIENT)
    const loading = cache.getOrSet('k', () => later(200, 'value'), POLICY)
    await sleep(50)
    assert.equal(await cache.get('k'), undefined)
    assert.equal(await loading, 'value')
    assert.equal(await cache.get('k'), 'value')
  })

  test('stores every type of value, also an empty one', async (t) => {
    const { port } = await real(t)
    const cache = connect(t, [`127.0.0.1:${port}`], PATIENT)
    const values = ['', 'tëxt', 7, -0.5, 12n ** 20n, true, { a: [1] }, Buffer.from([0, 255])]
    for (const protocol of PROTOCOLS) {
      cache.configure({ protocol })
      for (const [i, value] of values.entries()) {
        const key = `${protocol}:${i}`
        await cache.getOrSet<unknown>(key, () => value, POLICY)
        const never = () => assert.fail('it is there')
        assert.deepEqual(await cache.getOrSet<unknown>(key, never, POLICY), value)
      }
    }
  })

  test('does not store a value whose load began before the server restarted, with CAS ids or without', async (t) => {
    const memcached = await real(t)
    const lost: string[] = []
    const [a, b] = [1, 2].map(() => connect(t, [`127.0.0.1:${memcached.port}`], PATIENT)) as [
      never,
      never,
    ]
    const [one, two] = [a, b] as ReturnType<typeof connect>[]
    one!.on('leaseLost', ({ reason }) => lost.push(String(reason)))
    const first = one!.getOrSetEntry('k', () => later(1_500, 'first life'), POLICY)
    await sleep(200)
    await memcached.restart()
    // Both servers were empty, so this item gets the CAS id that the lost item had.
    const second = await two!.getOrSetEntry('k', () => later(1_800, 'second life'), POLICY)
    assert.deepEqual([second.value, second.state], ['second life', 'miss'])
    assert.deepEqual({ ...(await first) }, { value: 'first life', state: 'uncached' })
    assert.equal(lost.length, 1)
    assert.equal(await one!.getOrSet('k', () => 'none', POLICY), 'second life')
  })

  test('does not store a value when the host is ejected during the load', async (t) => {
    const hosts = await Promise.all([real(t), real(t)])
    const addresses = hosts.map(({ port }) => `127.0.0.1:${port}`)
    const cache = connect(t, addresses, {
      serverFailureLimit: 1,
      retryTimeoutMs: 60_000,
      requestTimeoutMs: 500,
    })
    const home = cache.locate('k').server
    const victim = hosts.find(({ port }) => home.includes(String(port)))!
    const loading = cache.getOrSetEntry('k', () => later(800, 'before'), POLICY)
    await sleep(100)
    await victim.kill()
    const after = await cache.getOrSetEntry('k', () => 'after', POLICY)
    assert.equal(after.value, 'after')
    assert.deepEqual({ ...(await loading) }, { value: 'before', state: 'uncached' })
    assert.equal(await cache.getOrSet('k', () => 'other', POLICY), 'after')
  })

  test('returns a value that is too large, and keeps the stale one stored', async (t) => {
    const { port } = await real(t)
    const cache = connect(t, [`127.0.0.1:${port}`], PATIENT)
    const tooLarge: unknown[] = []
    cache.on('valueTooLarge', (message) => tooLarge.push(message))
    await cache.getOrSet('k', () => 'small', POLICY)
    await cache.invalidate('k')
    const large = Buffer.alloc(1_100_000, 'x')
    const stale = await cache.getOrSet<unknown>('k', () => large, POLICY)
    await sleep(100)
    assert.equal(stale, 'small')
    assert.equal(await cache.get('k'), 'small')
    const cold = await cache.getOrSetEntry('cold', () => large, POLICY)
    assert.deepEqual([cold.value.length, cold.state], [1_100_000, 'uncached'])
    assert.equal(tooLarge.length, 2)
  })

  test('stores bytes unchanged beside a sidecar item', async (t) => {
    const { port } = await real(t)
    const cache = connect(t, [`127.0.0.1:${port}`], PATIENT)
    const bytes = Buffer.from(Array.from({ length: 3_000 }, (_, i) => i % 256))
    const policy = { ...POLICY, placeholder: 'sidecar' } as const
    const loading = cache.getOrSet('page', () => later(200, bytes), policy)
    await sleep(50)
    if (can.meta)
      assert.equal(await rawGet(port, 'page'), 'END\r\n', 'no empty page while it loads')
    await loading
    const raw = Buffer.from(await rawGet(port, 'page'), 'latin1')
    const start = raw.indexOf('\r\n') + 2
    assert.ok(raw.subarray(start, start + bytes.length).equals(bytes))
    assert.equal(raw.subarray(start + bytes.length).toString(), '\r\nEND\r\n')
  })

  test('loads once per process and stores nothing when the server has no CAS ids', async (t) => {
    const { port } = await real(t, ['-C'])
    const kinds = PROTOCOLS.flatMap((protocol) => {
      return (['inline', 'sidecar'] as const).map((placeholder) => ({ protocol, placeholder }))
    })
    for (const { protocol, placeholder } of kinds) {
      const cache = connect(t, [`127.0.0.1:${port}`], { ...PATIENT, protocol })
      // Somebody who waited would wait as long as the lease.
      const policy = { ...POLICY, placeholder, lease: 60, waitTimeoutMs: 60_000 }
      const key = `${protocol}-${placeholder}`
      let loads = 0
      const loader = () => later(50, ++loads)
      const startMs = performance.now()
      for (let i = 0; i < 3; i++) {
        const calls = [1, 2, 3].map(() => cache.getOrSetEntry(key, loader, policy))
        for (const { state } of await Promise.all(calls)) assert.equal(state, 'bypass')
      }
      assert.equal(loads, 3)
      assert.ok(performance.now() - startMs < 30_000, 'nobody waited for a lease')
    }
  })

  test('refills keys of 250 bytes, which leave no room for the name of a lock', async (t) => {
    const { port } = await real(t)
    const key = 'k'.repeat(250)
    for (const protocol of PROTOCOLS) {
      const cache = connect(t, [`127.0.0.1:${port}`], { ...PATIENT, protocol })
      const policy = { ...POLICY, placeholder: 'sidecar' } as const
      await cache.getOrSet(key, () => 1, policy)
      assert.equal(await cache.invalidate(key, POLICY), true)
      await cache.getOrSet(key, () => 2, policy)
      await sleep(100)
      assert.equal(await cache.getOrSet(key, () => 3, policy), 2)
      await cache.delete(key)
    }
  })
})

describe('getOrSet', () => {
  test('sends classic commands when one server of the pool has no meta commands', async (t) => {
    const { server, cache } = await serve(t, {}, { version: '1.5.16' })
    const { cache: other } = await serve(t)
    cache.setServers([server.address, other.hosts()[0]!.address])
    for (let i = 0; i < 20; i++) {
      assert.equal((await cache.getOrSetEntry(`k${i}`, () => i, POLICY)).state, 'miss')
      assert.equal((await cache.getOrSetEntry(`k${i}`, () => -1, POLICY)).state, 'fresh')
      assert.equal(await cache.invalidate(`k${i}`), true)
    }
    await assert.rejects(
      cache.getOrSet('bad key', () => 1, POLICY),
      (error) => isMintringError(error) && error.code === 'MINTRING_BAD_KEY',
    )
  })

  test('emits refill events, with keys only with traceKeys', async (t) => {
    const { cache } = await serve(t)
    const messages: object[] = []
    cache.on('refill', (message) => messages.push(message))
    cache.on('refillError', (message) => messages.push(message))
    await cache.getOrSet('k', () => 1, POLICY)
    cache.configure({ traceKeys: true })
    const broken = () => Promise.reject(new RangeError('with a value in it'))
    await assert.rejects(cache.getOrSet('other', broken, POLICY))
    assert.equal(messages.length, 2)
    assert.deepEqual(Object.keys(messages[0]!).sort(), ['event', 'host', 'tookMs'])
    const failure = messages[1] as { key: string; reason: string }
    assert.deepEqual([failure.key, failure.reason], ['other', 'MINTRING_LOADER'])
    assert.equal(cache.refillCounters.refills.failed, 1)
  })
})

/** Returns the reply to a plain `get` over a socket, as any other client would see it. */
function rawGet(port: number, key: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = net.connect(port, '127.0.0.1', () => socket.write(`get ${key}\r\n`))
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (!text.endsWith('END\r\n')) return
      socket.destroy()
      resolve(text)
    })
  })
}

test('getOrSet sends another read in the same event loop turn if its host missed a delete in between', async (context) => {
  const { cache } = await serve(context, { requestTimeoutMs: 5_000 })
  const { cluster } = (cache as unknown as { readonly _core: ClientCore })._core
  const ask = (value: string): Promise<string> => cache.getOrSet('k', () => value, { ttl: 60 })
  assert.equal(await ask('old'), 'old')
  const before = ask('never')
  cluster.owe(cluster.homeOf('k'), 'k')
  const after = ask('new')
  assert.deepEqual([await before, await after], ['old', 'new'])
})

for (const protocol of ['auto', 'classic'] as const) {
  for (const placeholder of ['inline', 'sidecar'] as const) {
    test(`getOrSet stores a value whose ttl ends after January 2038, ${placeholder}, protocol ${protocol}`, async (context) => {
      const { cache } = await serve(context, { requestTimeoutMs: 5_000, protocol })
      const policy = { ttl: 2_000_000_000, placeholder }
      const entry = () => cache.getOrSetEntry('k', () => 'value', policy)
      assert.deepEqual([(await entry()).state, (await entry()).state], ['miss', 'fresh'])
    })
  }
}
