import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import { connect, serve } from './support.ts'

test('mgdump lists the keys of all hosts, also keys with spaces, which travel in base64', async (context) => {
  const servers = await Promise.all([
    startServer({ version: '1.6.45' }),
    startServer({ version: '1.6.45' }),
  ])
  context.after(() => Promise.all(servers.map((server) => server.close())))
  const addresses = servers.map((server) => server.address)
  const cache = connect(context, addresses)
  const keys = Array.from({ length: 50 }, (_, i) => `k${i}`)
  await cache.setMany(keys.map((key) => [key, 1] as const))
  await cache.meta.ms(Buffer.from('with a space'), 'v')
  const seen = new Map<string, string>()
  for await (const { key, host } of cache.mgdump()) seen.set(key, host)
  assert.deepEqual(new Set(seen.keys()), new Set([...keys, 'with a space']))
  for (const key of keys) assert.equal(seen.get(key), cache.locate(key).server)
})

test('mgdump rejects with a reason before memcached 1.6.19', async (context) => {
  const { cache } = await serve(context)
  await assert.rejects(cache.mgdump().next(), { code: 'MINTRING_UNSUPPORTED' })
  assert.equal(await cache.set('k', 1), true)
})

test('mgdump rejects with the name of the host when it is down', async (context) => {
  const { server, cache } = await serve(context, { connectTimeoutMs: 200 })
  await server.kill()
  await assert.rejects(cache.metadump().next(), {
    code: 'MINTRING_CONNECTION',
    host: server.address,
  })
})

test('mgdump rejects when the list breaks off, so that it never looks complete', async (context) => {
  const { server, cache } = await serve(context)
  await cache.setMany(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`k${i}`, i])))
  await server.inject({ truncateAfterBytes: 2000 })
  const keys: string[] = []
  const reading = (async () => {
    for await (const { key } of cache.metadump()) keys.push(key)
  })()
  await assert.rejects(reading, { name: 'MintringError' })
  assert.ok(keys.length < 200)
})

test('watch needs the name of one host', async (context) => {
  const cache = connect(context, ['127.0.0.1:1', '127.0.0.1:2'])
  await assert.rejects(cache.watch('fetchers').next(), { code: 'MINTRING_BAD_ARGUMENT' })
})

test('a key that is too long is stored and listed under its digest with longKeys hash', async (context) => {
  const { cache } = await serve(context, { longKeys: 'hash', keyPrefix: 'app:' })
  const [a, b] = [`${'k'.repeat(300)}a`, `${'k'.repeat(300)}b`]
  await cache.setMany({ [a]: 1, [b]: 2 })
  assert.deepEqual(
    [...(await cache.getMany([b, a]))],
    [
      [b, 2],
      [a, 1],
    ],
  )
  const seen: string[] = []
  for await (const { key } of cache.metadump()) seen.push(key)
  for (const key of seen) assert.match(key, /^app:~sha256~[\w-]{43}$/)
})
