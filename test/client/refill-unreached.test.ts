import assert from 'node:assert/strict'
import { once } from 'node:events'
import process from 'node:process'
import { test } from 'node:test'
import { freePort } from '../support/memcached.ts'
import { connect, serve } from './support.ts'

test('getOrSet warns once, with the reason, when no host was ever reached', async (context) => {
  const cache = connect(context, [`127.0.0.1:${await freePort()}`], { retries: 0 })
  const warned = once(process, 'warning')
  assert.equal(await cache.getOrSet('a', () => 1, { ttl: 60 }), 1)
  const [warning] = await warned
  assert.match(warning.message, /^Nothing is cached, because no host was reached so far: /)
  assert.match(warning.message, /127\.0\.0\.1:\d+ refuses connections \(ECONNREFUSED\)/)
  let again = 0
  const count = (): void => void again++
  process.on('warning', count)
  context.after(() => process.off('warning', count))
  await cache.getOrSet('b', () => 1, { ttl: 60 })
  await new Promise(setImmediate)
  assert.equal(again, 0)
})

test('getOrSet does not warn when a host that was reached goes down, or when bypass has a listener', async (context) => {
  const warnings: string[] = []
  const note = (warning: Error): void => void warnings.push(warning.message)
  process.on('warning', note)
  context.after(() => process.off('warning', note))
  const { server, cache: reached } = await serve(context, { retries: 0 })
  await reached.getOrSet('a', () => 1, { ttl: 60 })
  await server.close()
  assert.equal(await reached.getOrSet('b', () => 1, { ttl: 60 }), 1)
  const heard = connect(context, [`127.0.0.1:${await freePort()}`], { retries: 0 })
  const bypass = new Promise((resolve) => heard.on('bypass', resolve))
  await heard.getOrSet('a', () => 1, { ttl: 60 })
  await bypass
  await new Promise(setImmediate)
  assert.deepEqual(warnings, [])
})
