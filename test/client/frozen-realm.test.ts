import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { describe, it } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

/** Freezes the intrinsics and all that can be reached from them, as lockdown() of SES does. */
const LOCKDOWN = `
  const seen = new Set()
  const freeze = (one) => {
    if (Object(one) !== one || seen.has(one)) return
    seen.add(one)
    if (!ArrayBuffer.isView(one)) Object.freeze(one)
    freeze(Object.getPrototypeOf(one))
    for (const { value, get, set } of Object.values(Object.getOwnPropertyDescriptors(one))) {
      for (const part of [value, get, set]) freeze(part)
    }
  }
  const names = 'Object Function Array Error TypeError RangeError AggregateError Promise Map Set ' +
    'WeakMap WeakSet WeakRef Symbol RegExp Date JSON Math Reflect Proxy String Number BigInt ' +
    'Boolean ArrayBuffer DataView Uint8Array Buffer AbortController AbortSignal Event ' +
    'EventTarget URL TextEncoder TextDecoder'
  for (const name of names.split(' ')) freeze(globalThis[name])
  for (const one of [async () => {}, function* () {}, async function* () {}]) freeze(one)
`

const LOAD = `
  const { MemcachedClient } = await import('./src/client/client.ts')
  const { KeyvMintring } = await import('./src/integrations/keyv.ts')
  const { RateLimitStore } = await import('./src/integrations/rate-limit.ts')
  const { sessionStore } = await import('./src/integrations/session.ts')
  const { Metrics } = await import('./src/integrations/metrics.ts')
  const { Memcached } = await import('./src/integrations/compat.ts')
`

/** Uses every part of a client once, with errors of each kind. Prints what went wrong. */
const USE = `
  const equal = (one, other) => {
    const [a, b] = [one, other].map((part) => JSON.stringify(part))
    if (a !== b) throw new Error(a + ' is not ' + b)
  }
  const codeOf = (call) => call().then(() => 'none', (error) => error.code)
  const promised = (run) =>
    new Promise((resolve, reject) => {
      run((error, result) => (error ? reject(error) : resolve(result)))
    })

  equal([Error, Array.prototype, Promise.prototype].every(Object.isFrozen), true)
  const address = process.argv[1]
  const cache = new MemcachedClient(address)
  const metrics = new Metrics([cache])
  equal(await cache.set('a', { x: [1] }, { ttl: 60 }), true)
  equal(await cache.get('a'), { x: [1] })
  equal([...(await cache.getMany(['a', 'b'])).keys()], ['a'])
  equal([...(await cache.setMany({ c: 1, d: 2 }))], [['c', true], ['d', true]])
  equal([...(await cache.deleteMany(['c', 'none']))], [['c', true], ['none', false]])
  equal(await cache.getOrSet('r', async (key, { tag }) => (tag('t'), 5), { ttl: 5 }), 5)
  await cache.invalidateTags('t')
  equal(await cache.refresh('r', async () => 6, { ttl: 5 }), 6)
  equal(await cache.add('e', 1), true)
  equal(String(await cache.incr('n', 1, { initial: 4 })), '4')
  equal(await cache.view({ keyPrefix: 'v:' }).set('k', 1), true)
  for await (const { key } of cache.metadump()) equal(typeof key, 'string')
  equal(await codeOf(() => cache.get('a b')), 'MINTRING_BAD_KEY')
  equal(await codeOf(() => cache.set('a', new Map())), 'MINTRING_BAD_VALUE')
  equal(await codeOf(() => cache.get('a', { signal: AbortSignal.abort() })), 'MINTRING_ABORTED')
  const dead = new MemcachedClient('127.0.0.1:1')
  const error = await dead.get('a').catch((failure) => failure)
  equal([error.code, error.name], ['MINTRING_CONNECTION', 'MintringError'])
  await dead.close()

  const keyv = new KeyvMintring(cache)
  await keyv.set('k', 'v', 60_000)
  equal(await keyv.get('k'), 'v')
  equal((await new RateLimitStore(cache).increment('ip')).totalHits, 1)
  const sessions = sessionStore(cache)
  await promised((done) => sessions.set('s', { cookie: { maxAge: 60_000 }, user: 1 }, done))
  equal((await promised((done) => sessions.get('s', done))).user, 1)
  const compat = new Memcached(address)
  await promised((done) => compat.set('m', 'x', 10, done))
  equal(await promised((done) => compat.get('m', done)), 'x')
  compat.end()
  equal(metrics.text().includes('mintring'), true)
  metrics.close()
  cache.setServers([address, '127.0.0.1:2'], { handover: 0 })
  await cache.close({ drainMs: 100 })
  console.log('all worked')
`

const REALMS: Readonly<Record<string, readonly [flags: readonly string[], program: string]>> = {
  'is frozen before the package loads': [[], LOCKDOWN + LOAD + USE],
  'is frozen after the package was loaded': [[], LOAD + LOCKDOWN + USE],
  'is one of node --frozen-intrinsics': [['--frozen-intrinsics'], LOAD + USE],
}

describe('A client works in a realm that', { concurrency: true }, () => {
  for (const [realm, [flags, program]] of Object.entries(REALMS)) {
    it(realm, async (context) => {
      const server = await startServer()
      context.after(() => server.close())
      const args = [...flags, ...TYPESCRIPT, '--input-type=module', '-e', program, server.address]
      const child = spawn(process.execPath, args, { timeout: 50_000 })
      let output = ''
      child.stdout.on('data', (chunk) => (output += chunk))
      child.stderr.on('data', (chunk) => (output += chunk))
      const [code] = await once(child, 'close')
      assert.deepEqual([code, output.trim().split('\n').at(-1)], [0, 'all worked'], output)
    })
  }
})
