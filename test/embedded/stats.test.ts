import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createManualClock } from '../../src/embedded/clock.ts'
import { startServer } from '../../src/embedded/server.ts'
import { isWithin } from '../contract/transcript.ts'
import { memcachedVersion, skipWithoutMemcached, startMemcached } from '../support/memcached.ts'
import { until } from '../support/test-cluster.ts'
import { RawClient } from './support.ts'

const VERSION = memcachedVersion() ?? ''
const PROGRAM = [
  'set a 0 0 1\r\n1\r\nset b 0 100 300\r\n'.concat('v'.repeat(300), '\r\n'),
  'get a b c\r\ntouch a 0\r\ntouch c 0\r\nincr a 1\r\nincr c 1\r\ndecr a 1\r\ndecr c 1\r\n',
  'cas a 0 0 1 99999\r\nx\r\ncas c 0 0 1 1\r\nx\r\ndelete b\r\ndelete c\r\n',
  'set f 0 -1 1\r\nx\r\nget f\r\n',
  ...(isWithin(VERSION, '1.5.3..') ? ['gat 0 a c\r\n'] : []),
  ...(isWithin(VERSION, '1.6.10..')
    ? [
        'mg a v\r\nmg d v\r\nmg a T0\r\nmg d T0\r\nms e 1\r\nx\r\n',
        'me a\r\nmd c\r\nma c\r\nflush_all\r\nget a\r\n',
      ]
    : []),
  'set bad 0 0 1\r\nxyz\r\nset z 0 0 1\r\nx\r\n',
]

function rowsOf(reply: string): Map<string, string> {
  const rows = new Map<string, string>()
  for (const line of reply.split('\r\n')) {
    const match = /^STAT (\S+) (.*)$/.exec(line)
    if (match !== null) rows.set(match[1]!, match[2]!)
  }
  return rows
}

async function statsAfter(port: number, section: string): Promise<Map<string, string>> {
  const client = await RawClient.open(port)
  for (const part of PROGRAM) await client.ask(`${part}version\r\n`, `VERSION ${VERSION}\r\n`)
  const reply = await client.ask(`stats${section}\r\n`, 'END\r\n')
  client.close()
  return rowsOf(reply)
}

/** Rows that monitoring tools read; an older memcached may lack the last ones. */
const MONITORED = ['curr_connections', 'listen_disabled_num', 'conn_yields', 'hash_power_level']
  .concat(['hash_bytes', 'malloc_fails', 'threads', 'bytes', 'evictions', 'reclaimed'])
  .concat(['lrutail_reflocked', 'crawler_reclaimed', 'log_watcher_skipped'])
  .concat(isWithin(VERSION, '1.5.0..') ? ['slabs_moved', 'moves_to_cold', 'direct_reclaims'] : [])

/** Rows that count commands; others depend on the machine or on memcached's background threads. */
const COMPARABLE = /^(cmd_|get_|delete_|incr_|decr_|cas_|touch_|store_|auth_|limit_|evictions)/

describe('stats of the embedded server', { skip: skipWithoutMemcached() }, () => {
  test('counts every command as memcached does, and has no rows of its own', async () => {
    await using server = await startServer({ version: VERSION })
    const real = await startMemcached()
    const ours = await statsAfter(server.port, '')
    const theirs = await statsAfter(real.port, '')
    await real.stop()
    for (const [name, value] of ours) {
      assert.ok(theirs.has(name), `memcached has no ${name}`)
      if (COMPARABLE.test(name)) assert.equal(value, theirs.get(name), name)
    }
    for (const name of MONITORED) assert.ok(ours.has(name), `no ${name}`)
  })

  for (const section of [' settings', ' items', ' slabs', ' conns']) {
    test(`has only rows of memcached in its section${section}`, async () => {
      await using server = await startServer({ version: VERSION })
      const real = await startMemcached()
      const ours = await statsAfter(server.port, section)
      const theirs = await statsAfter(real.port, section)
      await real.stop()
      // A memcached built without TLS lacks this row.
      ours.delete('ssl_enabled')
      const [kinds, theirKinds] = [kindsOf(ours), kindsOf(theirs)]
      for (const kind of kinds) assert.ok(theirKinds.includes(kind), `memcached has no ${kind}`)
      if (section !== ' settings') assert.deepEqual(kinds, theirKinds)
      for (const name of ['item_size_max', 'maxbytes', '1:chunk_size', '1:cmd_set', '1:get_hits']) {
        assert.equal(ours.get(name), theirs.get(name), name)
      }
    })
  }
})

/** Returns the names of rows, with the numbers of connections and slab classes replaced by #. */
function kindsOf(rows: ReadonlyMap<string, string>): string[] {
  return [...new Set([...rows.keys()].map((name) => name.replace(/\d+/, '#')))].sort()
}

describe('the inspection methods of an embedded server', () => {
  test('return the same rows as the stats commands', async () => {
    await using server = await startServer()
    const client = await RawClient.open(server.port)
    await client.ask('set a 0 0 1\r\nx\r\nget a\r\n', 'END\r\n')
    assert.equal(server.stats().get_hits, '1')
    assert.equal(server.stats('items')['items:1:number'], '1')
    assert.equal(server.stats('settings').tcpport, String(server.port))
    assert.deepEqual(server.stats('nonsense'), {})
    assert.equal(await client.ask('stats reset\r\n'), 'RESET\r\n')
    assert.equal(server.stats().get_hits, '0')
    assert.equal(server.stats().curr_items, '1')
    client.close()
  })

  test('list the connections', async () => {
    await using server = await startServer()
    const client = await RawClient.open(server.port)
    const reply = await client.ask('stats conns\r\n', 'END\r\n')
    assert.match(reply, new RegExp(`STAT 0:addr tcp:127\\.0\\.0\\.1:${server.port}\r\n`))
    assert.match(reply, /STAT 0:state conn_listening\r\n/)
    assert.match(reply, /STAT 1:addr tcp:127\.0\.0\.1:\d+\r\n/)
    assert.match(reply, new RegExp(`STAT 1:listen_addr tcp:127\\.0\\.0\\.1:${server.port}\r\n`))
    client.close()
  })

  test('dump the stored items, keys encoded, without expired ones', async () => {
    await using server = await startServer()
    const client = await RawClient.open(server.port)
    await client.ask('set a:1 0 0 1\r\nx\r\nset b 0 -1 1\r\nx\r\nmn\r\n', 'MN\r\n')
    const dump = await client.ask('lru_crawler metadump all\r\n', 'END\r\n')
    assert.match(dump, /^key=a%3A1 exp=-1 la=\d+ cas=1 fetch=no cls=1 size=63\nEND\r\n$/)
    assert.equal(await client.ask('lru_crawler metadump 2\r\n', 'END\r\n'), 'END\r\n')
    assert.equal(
      await client.ask('stats cachedump 1 1\r\n', 'END\r\n'),
      'ITEM b [1 b; 0 s]\r\nEND\r\n'.replace('0 s', `${await startedPlusOne(client)} s`),
    )
    assert.equal(await client.ask('lru_crawler disable\r\n'), 'OK\r\n')
    const disabled = 'CLIENT_ERROR lru crawler disabled\r\n'
    assert.equal(await client.ask('lru_crawler metadump all\r\n'), disabled)
    client.close()
  })

  test('stream events to watchers until they leave', async () => {
    await using server = await startServer()
    const watcher = await RawClient.open(server.port)
    assert.equal(await watcher.ask('watch fetchers mutations connevents\r\n'), 'OK\r\n')
    watcher.received = ''
    const client = await RawClient.open(server.port)
    await client.ask('set a 0 0 2\r\nhi\r\nget a b\r\n', 'END\r\n')
    await until(() => watcher.received.split('\n').length > 5)
    const lines = watcher.received.replace(/ts=\d+\.\d+ gid=\d+ /g, '').split('\n')
    assert.match(lines[0]!, /^type=conn_new rip=127\.0\.0\.1 rport=\d+ transport=tcp cfd=2$/)
    assert.deepEqual(lines.slice(1, 5), [
      'type=item_get key=a status=not_found clsid=0 cfd=2 size=0',
      'type=item_store key=a status=stored cmd=set ttl=0 clsid=1 cfd=2 size=2',
      'type=item_get key=a status=found clsid=1 cfd=2 size=2',
      'type=item_get key=b status=not_found clsid=0 cfd=2 size=0',
    ])
    assert.equal(server.stats().log_watchers, '1')
    watcher.close()
    await until(() => server.stats().log_watchers === '0')
    client.close()
  })
})

describe('a watcher that does not read', () => {
  test('gets the number of lines it missed, and the server holds no more than its buffer', async () => {
    await using server = await startServer()
    const watcher = await RawClient.open(server.port)
    await watcher.ask('watch fetchers\r\n')
    watcher.socket.pause()
    const client = await RawClient.open(server.port)
    const gets = `get ${'k'.repeat(250)}\r\n`.repeat(1_000)
    // The kernel buffers some megabytes on both sides before lines are dropped.
    for (let tries = 0; server.stats().log_watcher_skipped === '0'; tries++) {
      assert.ok(tries < 200, 'no line was skipped')
      await client.ask(`${gets}version\r\n`, 'VERSION 1.6.18\r\n')
    }
    for (let more = 0; more < 20; more++) {
      await client.ask(`${gets}version\r\n`, 'VERSION 1.6.18\r\n')
    }
    const skipped = Number(server.stats().log_watcher_skipped)
    assert.ok(skipped > 19_000, `${skipped} lines skipped of 20,000 that nobody read`)
    watcher.socket.resume()
    await client.ask('get last\r\n', 'END\r\n')
    await until(() => {
      if (!watcher.received.includes('skipped=')) client.socket.write('get last\r\n')
      return watcher.received.includes('skipped=')
    })
    const told = Number(/^skipped=(\d+)$/m.exec(watcher.received)?.[1])
    assert.ok(told >= skipped, `${told} told of ${skipped}`)
    watcher.close()
    client.close()
  })
})

describe('expired items of the embedded server', () => {
  test('are reclaimed when new ones are stored, and counted', async () => {
    const clock = createManualClock()
    await using server = await startServer({ clock })
    const client = await RawClient.open(server.port)
    for (let n = 0; n < 3; n++) await client.ask(`set k${n} 0 5 1\r\nx\r\n`)
    clock.advance(5_000)
    assert.equal(server.items, 3)
    await client.ask('set new 0 0 1\r\nx\r\n')
    assert.equal(server.items, 1)
    assert.equal(server.stats().reclaimed, '3')
    client.close()
  })
})

/** The Unix time of a server's second 1: the exptime shown for an item that expired long ago. */
async function startedPlusOne(client: RawClient): Promise<number> {
  const rows = rowsOf(await client.ask('stats\r\n', 'END\r\n'))
  return Number(rows.get('time')) - Number(rows.get('uptime')) - 60 + 1
}
