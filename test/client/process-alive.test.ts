import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import { freePort } from '../support/memcached.ts'
import { startScripted } from '../support/scripted-server.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

/** Calls in turn; after each the process has nothing to wait for but the next one. */
const PROGRAM = `
  import { MemcachedClient } from './src/client/client.ts'
  const never = () => new Promise(() => {})
  const one = async () => 1
  const many = async (keys) => new Map(keys.map((key) => [key, 1]))
  const ttl = 60
  const calls = {
    get: (cache) => cache.get('k'),
    set: (cache) => cache.set('k', 1),
    getMany: (cache) => cache.getMany(['a', 'b']),
    getOrSet: (cache) => cache.getOrSet('k', one, { ttl }),
    getOrSetMany: (cache) => cache.getOrSetMany(['k'], many, { ttl }),
    'getOrSetMany again': (cache) => cache.getOrSetMany(['k'], many, { ttl }),
    refresh: (cache) => cache.refresh('k', one, { ttl }),
    invalidate: (cache) => cache.invalidate('k'),
    'a loader that hangs': (cache) => cache.getOrSet('l', never, { ttl, loaderTimeoutMs: 50 }),
    'a loader of many that hangs': (cache) =>
      cache.getOrSetMany(['m'], never, { ttl, loaderTimeoutMs: 50 }),
    'timeoutMs with a loader that hangs': (cache) =>
      cache.getOrSet('t', never, { ttl, timeoutMs: 50 }),
    'a loader whose own timer is unref()ed': (cache) =>
      cache.getOrSet('u', () => new Promise((end) => setTimeout(end, 50, 1).unref()), { ttl }),
    metadump: (cache) => cache.metadump({ signal: AbortSignal.timeout(100) }).next(),
    mgdump: (cache) => cache.mgdump({ signal: AbortSignal.timeout(100) }).next(),
    watch: (cache) => cache.watch('evictions', { signal: AbortSignal.timeout(100) }).next(),
    'close with a load in flight': (cache) => {
      void cache.getOrSet('c', never, { ttl }).catch(() => {})
      return cache.close({ drainMs: 50 })
    },
  }
  const options = { requestTimeoutMs: 50, connectTimeoutMs: 50, unref: true }
  const cache = new MemcachedClient(process.argv[1], options)
  let call = ''
  process.on('exit', (code) => console.log(code === 0 ? 'all settled' : call + ' never settled'))
  for (const name of Object.keys(calls)) {
    call = name
    await calls[name](cache).catch(() => {})
  }
`

/** Returns the exit code (null: it lingered, and was killed) and what the program said. */
async function run(address: string): Promise<readonly [number, string]> {
  const args = [...TYPESCRIPT, '--input-type=module', '--eval', PROGRAM]
  const child = spawn(process.execPath, [...args, address], { timeout: 20_000 })
  let said = ''
  child.stdout.on('data', (text) => {
    said += text
  })
  const [code] = await once(child, 'close')
  return [code, said.trim()]
}

test('a process without other work does not end in a call when its host is down', async () => {
  assert.deepEqual(await run(`127.0.0.1:${await freePort()}`), [0, 'all settled'])
})

test('a process without other work does not end in a call when its host works', async (context) => {
  const server = await startServer()
  context.after(() => server.close())
  assert.deepEqual(await run(server.address), [0, 'all settled'])
})

test('a process without other work does not end in a call when its host hangs', async (context) => {
  const server = await startScripted(() => {})
  context.after(() => server.close())
  assert.deepEqual(await run(`127.0.0.1:${server.port}`), [0, 'all settled'])
})
