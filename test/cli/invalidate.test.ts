import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { run } from './support.ts'

const POLICY = { ttl: 60, staleWhileRevalidate: 60, tags: ['product:17'] }

describe('mintring invalidate', () => {
  it('marks keys stale, and exits with 1 when none of them is cached', async () => {
    await using server = await startServer()
    await using client = new MemcachedClient(server.address)
    const at = ['--servers', server.address]
    await client.getOrSet('k', () => 1, POLICY)
    assert.deepEqual(await run(['invalidate', 'nobody', ...at]).then(({ code }) => code), 1)
    const { code, out } = await run(['invalidate', 'k', ...at])
    assert.deepEqual([code, out], [0, 'k: stale now\n'])
    const { staleBecause } = await client.getOrSetEntry('k', () => 2, POLICY)
    assert.equal(staleBecause, 'invalidated')
  })

  it('lists the keys that are absent, and keeps stale values for the given time', async () => {
    await using server = await startServer()
    await using client = new MemcachedClient(server.address)
    const policy = { ttl: 60, staleWhileRevalidate: 600 }
    await client.getOrSet('k', () => 1, policy)
    const window = ['--stale-while-revalidate', '10m', '--servers', server.address]
    const { code, out, err } = await run(['invalidate', 'k', 'none', ...window])
    assert.deepEqual([code, out], [0, 'k: stale now\n'])
    assert.equal(err, 'mintring invalidate: none: no such key\n')
    const { ttl } = (await client.meta.mg('k', { t: true }))!
    assert.ok(ttl! > 500, `it lives ${ttl} s more`)
    const json = await run(['invalidate', 'k', 'none', '--json', '--servers', server.address])
    assert.deepEqual(JSON.parse(json.out), { keys: ['k', 'none'], found: true, missing: ['none'] })
  })

  it('makes the values of tags stale; with --hard no reader gets them any more', async () => {
    await using server = await startServer()
    await using client = new MemcachedClient(server.address)
    const at = ['--servers', server.address]
    const entry = (value: number) => client.getOrSetEntry('k', () => value, POLICY)
    await entry(1)
    const soft = await run(['invalidate', '--tag', 'product:17', '--tag', 'other', ...at])
    assert.deepEqual([soft.code, soft.out], [0, 'product:17, other: stale now\n'])
    assert.equal((await entry(1)).staleBecause, 'tag')
    const hard = await run(['invalidate', '--tag', 'product:17', '--hard', '--json', ...at])
    assert.deepEqual(JSON.parse(hard.out), { tags: ['product:17'], hard: true })
    const { state, value } = await entry(3)
    assert.deepEqual([state, value], ['miss', 3])
  })

  it('refuses keys together with tags, a call with neither, and --hard for keys', async () => {
    for (const line of [[], ['k', '--tag', 't'], ['k', '--hard'], ['--tag', ''], ['k', 'a b']]) {
      const { code } = await run(['invalidate', ...line, '--servers', '127.0.0.1:1'])
      assert.notEqual(code, 0, line.join(' '))
    }
  })
})
