import assert from 'node:assert/strict'
import type net from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { startScripted } from '../support/scripted-server.ts'

const KEYS = Array.from({ length: 30 }, (_, n) => `key:${n}`)
const FAILURE = 'SERVER_ERROR backend failure\r\n'

/** Whether the server that has the key is dead: one of three is. */
function isLost(key: string): boolean {
  return Number(key.split(':')[1] ?? 1) % 3 === 0
}

/**
 * Replies as memcached's own proxy with routelib does when one of three servers behind it is dead.
 */
function answer(line: string, socket: net.Socket): void {
  const [verb = '', ...words] = line.split(' ')
  const [key = ''] = words
  const isMissing = (one: string): boolean => one.includes('missing')
  switch (verb) {
    case 'version':
      socket.write('VERSION 1.6.45\r\n')
      return
    case 'mn':
      socket.write('MN\r\n')
      return
    case 'stats':
      socket.write('STAT item_size_max 1048576\r\nSTAT proxy_enabled yes\r\nEND\r\n')
      return
    case 'get':
    case 'gets': {
      const cas = verb === 'gets' ? ' 7' : ''
      const parts = words.map((one) => {
        if (isMissing(one)) return ''
        return isLost(one) ? FAILURE : `VALUE ${one} 1 ${one.length}${cas}\r\n${one}\r\n`
      })
      // The reply for a single key whose server is dead has no END.
      socket.write(parts.join('') + (words.length === 1 && isLost(key) ? '' : 'END\r\n'))
      return
    }
    case 'mg':
      if (isLost(key)) socket.write(FAILURE)
      else socket.write(`VA ${key.length} f1 t60 c7\r\n${key}\r\n`)
      return
    case 'md':
    case 'delete':
      socket.write(isLost(key) ? FAILURE : verb === 'md' ? 'HD\r\n' : 'DELETED\r\n')
      return
    default:
      socket.write('CLIENT_ERROR parsing request\r\n')
  }
}

async function setUp(
  t: TestContext,
): Promise<{ client: MemcachedClient; lines: readonly string[]; events: string[] }> {
  const proxy = await startScripted(answer, { greets: false })
  const client = new MemcachedClient(`127.0.0.1:${proxy.port}`)
  t.after(async () => {
    await client.close({ drainMs: 0 })
    await proxy.close()
  })
  const events: string[] = []
  for (const name of ['eject', 'return'] as const) client.on(name, () => events.push(name))
  return { client, lines: proxy.lines, events }
}

describe("a client of memcached's own proxy, with one dead server of three", () => {
  test('fails simultaneous gets only for the keys of that server', async (t) => {
    const { client, events } = await setUp(t)
    for (let round = 0; round < 3; round++) {
      const outcomes = await Promise.allSettled(KEYS.map((key) => client.get(key)))
      for (const [n, outcome] of outcomes.entries()) {
        const key = KEYS[n]!
        assert.equal(outcome.status, isLost(key) ? 'rejected' : 'fulfilled', key)
        if (outcome.status === 'fulfilled') assert.equal(outcome.value, key)
        else assert.equal(outcome.reason.code, 'MINTRING_REFUSED')
      }
    }
    assert.equal(await client.get('missing:1'), undefined)
    assert.deepEqual(events, [])
  })

  test('getMany returns the hits, and lists the keys of that server as failed', async (t) => {
    const { client, events } = await setUp(t)
    const outcomes = await client.getManyDetailed([...KEYS, 'missing:1', 'missing:2'])
    assert.deepEqual([...outcomes.failed.keys()], KEYS.filter(isLost))
    assert.deepEqual(
      [...outcomes.keys()],
      KEYS.filter((key) => !isLost(key)),
    )
    assert.equal((await client.getMany(KEYS)).size, 20)
    await assert.rejects(client.getMany(['key:0', 'key:3']), { code: 'MINTRING_REFUSED' })
    assert.deepEqual(events, [])
  })

  test('loads keys of that server only, and fails no invalidation of other keys', async (t) => {
    const { client, events } = await setUp(t)
    const entries = await Promise.allSettled(
      KEYS.map((key) => client.getOrSet(key, () => 'loaded', { ttl: 60 })),
    )
    for (const [n, outcome] of entries.entries()) {
      const key = KEYS[n]!
      assert.equal(outcome.status === 'fulfilled' && outcome.value, isLost(key) ? 'loaded' : key)
    }
    assert.equal(await client.invalidate('key:1'), true)
    await assert.rejects(client.invalidate('key:0'))
    assert.equal((await client.meta.mg('key:1', { v: true })).status, 'done')
    assert.deepEqual(events, [])
  })

  test('refuses administration commands at once and sends none', async (t) => {
    const { client, lines, events } = await setUp(t)
    const message = /is memcached's proxy, which has no .*: ask the servers behind it/
    for (const refuse of [
      () => client.flushAll(),
      () => client.verbosity(1),
      () => client.metadump().next(),
      () => client.lruCrawler({ enabled: true }),
    ]) {
      await assert.rejects(refuse, { code: 'MINTRING_UNSUPPORTED', message }, String(refuse))
    }
    assert.ok(!lines.some((line) => /^(flush_all|verbosity|lru_crawler)/.test(line)))
    assert.equal((await client.stats()).size, 1)
    assert.deepEqual(events, [])
  })
})
