import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort, realMemcached, startMemcached } from '../support/memcached.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

const door = new URL('../../src/client/client.ts', import.meta.url).href

/**
 * Runs a program that uses the client in its own process; returns exit code, output and run time.
 */
async function run(servers: readonly string[], body: string) {
  const program = `import { MemcachedClient } from ${JSON.stringify(door)}
    const cache = new MemcachedClient(${JSON.stringify(servers)}, { requestTimeoutMs: 300 })
    ${body}
    await cache.close()
    console.log('closed')`
  const args = [...TYPESCRIPT, '--unhandled-rejections=strict', '--input-type=module']
  const cwd = fileURLToPath(new URL('../../', import.meta.url))
  const child = spawn(process.execPath, [...args, '--eval', program], { cwd, timeout: 15_000 })
  let stdout = ''
  let stderr = ''
  let closedMs = 0
  child.stdout.on('data', (bytes) => {
    stdout += bytes
    if (stdout.includes('closed')) closedMs = performance.now()
  })
  child.stderr.on('data', (bytes) => {
    stderr += bytes
  })
  const [code] = await once(child, 'close')
  return { code, stdout, stderr, lingeredMs: performance.now() - closedMs }
}

const WORK = `await cache.set('a', { b: 1 }, { ttl: 60 })
  await Promise.all(Array.from({ length: 100 }, (_, i) => cache.get('key' + i)))
  await cache.getOrSet('c', async () => 'd', { ttl: 60 })
  await cache.invalidate('c')
  await cache.getOrSet('c', async () => 'e', { ttl: 60 })`

describe('a process that closes its client', () => {
  const left = (result: Awaited<ReturnType<typeof run>>) => {
    assert.deepEqual([result.code, result.stderr], [0, ''])
    assert.match(result.stdout, /closed/)
    assert.ok(result.lingeredMs < 1_000, `lingered for ${result.lingeredMs} ms`)
  }

  test('exits by itself after work on real servers', async (t) => {
    if (!realMemcached(t)) return
    const server = await startMemcached()
    left(await run([`127.0.0.1:${server.port}`], WORK))
    await server.stop()
  })

  test('exits by itself, with no unhandled rejection, when every host is dead', async () => {
    const servers = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`]
    const body = `const outcomes = await Promise.allSettled(
        Array.from({ length: 50 }, (_, i) => cache.get('key' + i)))
      const codes = new Set(outcomes.map((one) => one.reason?.code))
      console.log([...codes].every((code) => /^MINTRING_/.test(code)))`
    const result = await run(servers, body)
    left(result)
    assert.match(result.stdout, /^true/)
  })

  test('exits by itself when it calls close() while operations are in flight', async (t) => {
    if (!realMemcached(t)) return
    const server = await startMemcached()
    const body = `for (let i = 0; i < 100; i++) cache.get('key' + i).catch(() => {})
      cache.getOrSet('slow', () => new Promise(() => {}), { ttl: 60 }).catch(() => {})`
    left(await run([`127.0.0.1:${server.port}`], body))
    await server.stop()
  })
})
