import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createManualClock } from '../../src/embedded/clock.ts'
import { startServer } from '../../src/embedded/server.ts'
import { until } from '../support/test-cluster.ts'
import { RawClient, tryConnect } from './support.ts'

describe('an embedded server', () => {
  test('listens on a free port of 127.0.0.1 and returns its address', async () => {
    await using server = await startServer()
    assert.equal(server.host, '127.0.0.1')
    assert.ok(server.port > 0)
    assert.equal(server.address, `127.0.0.1:${server.port}`)
    const client = await RawClient.open(server.port)
    assert.equal(await client.ask('version\r\n'), 'VERSION 1.6.18\r\n')
    assert.equal(server.connections, 1)
    client.close()
  })

  test('ends every connection at close, and may be closed again', async () => {
    const server = await startServer()
    const client = await RawClient.open(server.port)
    await client.ask('version\r\n')
    await Promise.all([server.close(), server.close()])
    await until(() => client.ended !== undefined)
    assert.equal(await tryConnect(server.port), 'ECONNREFUSED')
    assert.equal(server.connections, 0)
    await assert.rejects(server.restart(), { code: 'MINTRING_CLOSED' })
  })

  test('resets connections at kill, and is empty on its old port after restart', async () => {
    await using server = await startServer()
    const { port } = server
    const client = await RawClient.open(port)
    assert.equal(await client.ask('ms a 1 c\r\nx\r\n'), 'HD c1\r\n')
    await server.kill()
    await until(() => client.ended !== undefined)
    assert.equal(client.ended, 'ECONNRESET')
    assert.equal(await tryConnect(port), 'ECONNREFUSED')
    await server.restart()
    assert.equal(server.port, port)
    const again = await RawClient.open(port)
    assert.equal(await again.ask('get a\r\n'), 'END\r\n')
    assert.equal(await again.ask('ms b 1 c\r\nx\r\n'), 'HD c1\r\n')
    again.close()
  })

  test('is killed by a restart', async () => {
    await using server = await startServer()
    const client = await RawClient.open(server.port)
    await client.ask('set a 0 0 1\r\nx\r\n')
    await server.restart()
    await until(() => client.ended !== undefined)
    assert.equal(server.items, 0)
    assert.equal(await tryConnect(server.port), 'connect')
  })

  test('runs overlapping calls of kill, restart and close one after the other', async () => {
    await using server = await startServer()
    const { port } = server
    await Promise.all([server.restart(), server.restart(), server.kill(), server.restart()])
    assert.equal(server.port, port)
    assert.equal(await tryConnect(port), 'connect')
    const closing = server.close()
    await assert.rejects(server.restart(), { code: 'MINTRING_CLOSED' })
    await closing
  })

  test('accepts connections without replying while paused, and runs what arrived at resume', async () => {
    await using server = await startServer()
    const client = await RawClient.open(server.port)
    await client.ask('set a 0 0 1\r\nx\r\n')
    server.pause()
    client.received = ''
    client.socket.write('get a\r\n')
    const late = await RawClient.open(server.port)
    late.socket.write('get a\r\n')
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(client.received + late.received, '')
    assert.equal(client.ended ?? late.ended, undefined)
    server.resume()
    await until(() => client.received !== '' && late.received !== '')
    assert.equal(client.received, 'VALUE a 0 1\r\nx\r\nEND\r\n')
    assert.equal(late.received, 'VALUE a 0 1\r\nx\r\nEND\r\n')
    client.close()
    late.close()
  })

  test('can be killed while it is paused', async () => {
    await using server = await startServer()
    const client = await RawClient.open(server.port)
    server.pause()
    await server.kill()
    await until(() => client.ended !== undefined)
    await server.restart()
    const again = await RawClient.open(server.port)
    assert.equal(await again.ask('mn\r\n'), 'MN\r\n')
    again.close()
  })

  test('listens on a unix socket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mintring-'))
    const path = join(folder, 'memcached.sock')
    try {
      await using server = await startServer({ path })
      assert.equal(server.address, `unix:${path}`)
      const client = new RawClient(connect(path))
      assert.equal(await client.ask('version\r\n'), 'VERSION 1.6.18\r\n')
      await server.kill()
      await until(() => client.ended !== undefined)
      await server.restart()
      const again = new RawClient(connect(path))
      assert.equal(await again.ask('mn\r\n'), 'MN\r\n')
      again.close()
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })

  test('replies to one connection too many with an error, and closes it', async () => {
    await using server = await startServer({ maxConnections: 2 })
    const first = await RawClient.open(server.port)
    const second = await RawClient.open(server.port)
    await second.ask('mn\r\n')
    const third = await RawClient.open(server.port)
    await until(() => third.ended !== undefined)
    assert.equal(third.received, 'ERROR Too many open connections\r\n')
    assert.equal(server.stats().rejected_connections, '1')
    first.close()
    await until(() => server.connections === 1)
    const fourth = await RawClient.open(server.port)
    assert.equal(await fourth.ask('mn\r\n'), 'MN\r\n')
    second.close()
    fourth.close()
  })

  test('closes the connection on the binary protocol and on a long line without end', async () => {
    await using server = await startServer()
    const binary = await RawClient.open(server.port)
    await binary.ask('\x80\x0b'.padEnd(24, '\x00'))
    assert.equal(binary.received, '')
    assert.notEqual(binary.ended, undefined)
    const junk = await RawClient.open(server.port)
    await junk.ask('x'.repeat(2_049))
    assert.notEqual(junk.ended, undefined)
    const get = await RawClient.open(server.port)
    get.socket.write(`get ${'k '.repeat(3_000)}`)
    assert.equal(await get.ask('k\r\n'), 'END\r\n')
    get.close()
  })

  test('closes the connection after quit, whether or not the client does', async () => {
    await using server = await startServer()
    const client = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true })
    let received = ''
    client.on('data', (chunk: Buffer) => (received += chunk.toString()))
    client.write('set a 0 0 1\r\nx\r\nget a\r\nquit\r\nget a\r\n')
    await until(() => received !== '' && server.connections === 0)
    assert.equal(received, 'STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n')
    client.destroy()
  })

  test('stops on shutdown when that is enabled', async () => {
    await using server = await startServer({ shutdown: true })
    const client = await RawClient.open(server.port)
    await client.ask('shutdown\r\n')
    assert.notEqual(client.ended, undefined)
    await until(() => server.connections === 0)
    assert.equal(await tryConnect(server.port), 'ECONNREFUSED')
  })

  test('refuses invalid options before it listens', async () => {
    const bad = { code: 'MINTRING_BAD_ARGUMENT' }
    await assert.rejects(startServer({ port: 65_536 }), bad)
    await assert.rejects(startServer({ port: 1.5 }), bad)
    await assert.rejects(startServer({ maxBytes: 0 }), bad)
    await assert.rejects(startServer({ version: 'new' }), bad)
    await assert.rejects(startServer({ faults: { delayMs: -1 } }), bad)
    await assert.rejects(startServer({ faults: { dely: 1 } as object }), bad)
    await assert.rejects(startServer({ maxBites: 1 } as object), /no option 'maxBites'/)
  })

  test('rejects when its port is in use', async () => {
    await using server = await startServer()
    await assert.rejects(startServer({ port: server.port }), { code: 'MINTRING_CONNECTION' })
  })
})

describe('the memory of an embedded server', () => {
  test('is limited in bytes: the least recently used items are evicted first', async () => {
    await using server = await startServer({ maxBytes: 1_000 })
    const client = await RawClient.open(server.port)
    for (const key of ['a', 'b', 'c']) {
      await client.ask(`set ${key} 0 0 200\r\n${'v'.repeat(200)}\r\n`)
    }
    await client.ask('get a\r\n', 'END\r\n')
    await client.ask(`set d 0 0 200\r\n${'v'.repeat(200)}\r\n`)
    const found = await client.ask('get a b c d\r\n', 'END\r\n')
    assert.deepEqual(found.match(/VALUE \w/g), ['VALUE a', 'VALUE c', 'VALUE d'])
    assert.equal(server.stats().evictions, '1')
    assert.equal(server.stats().evicted_unfetched, '1')
    assert.ok(Number(server.stats().bytes) <= 1_000)
    client.close()
  })

  test('never exceeds its limit, whatever is stored', async () => {
    await using server = await startServer({ maxBytes: 100_000 })
    const client = await RawClient.open(server.port)
    for (let index = 0; index < 300; index++) {
      const length = (index * 7919) % 20_000
      await client.ask(`set k${index % 90} 0 0 ${length}\r\n${'v'.repeat(length)}\r\n`)
      const { bytes } = server.stats()
      assert.ok(Number(bytes) <= 100_000, `${bytes} bytes after ${index}`)
    }
    client.close()
  })

  test('refuses an item larger than the limit and drops the old value', async () => {
    await using server = await startServer({ maxBytes: 1_000 })
    const client = await RawClient.open(server.port)
    await client.ask('set a 0 0 1\r\nx\r\n')
    const oom = 'SERVER_ERROR out of memory storing object\r\n'
    assert.equal(await client.ask(`set a 0 0 2000\r\n${'v'.repeat(2_000)}\r\n`), oom)
    assert.equal(await client.ask('get a\r\n'), 'END\r\n')
    assert.equal(await client.ask(`ms a 2000 q\r\n${'v'.repeat(2_000)}\r\n`), oom)
    assert.equal(server.stats().store_no_memory, '2')
    client.close()
  })
})

describe('the clock of an embedded server', () => {
  test('counts whole seconds of the clock it is given', async () => {
    const clock = createManualClock()
    await using server = await startServer({ clock })
    const client = await RawClient.open(server.port)
    await client.ask('set a 0 2 1\r\nx\r\n')
    clock.advance(1_999)
    assert.equal(await client.ask('mg a t\r\n'), 'HD t1\r\n')
    clock.advance(1)
    assert.equal(await client.ask('mg a t\r\n'), 'EN\r\n')
    assert.equal(server.stats().get_expired, '1')
    client.close()
  })

  test('reads an exptime over 30 days as a date', async () => {
    const clock = createManualClock(1_700_000_000_000)
    await using server = await startServer({ clock })
    const client = await RawClient.open(server.port)
    await client.ask('set a 0 1700000100 1\r\nx\r\n')
    assert.equal(await client.ask('mg a t\r\n'), 'HD t100\r\n')
    clock.advance(100_000)
    assert.equal(await client.ask('get a\r\n'), 'END\r\n')
    client.close()
  })

  test('hides everything older when the delay of flush_all has passed', async () => {
    const clock = createManualClock()
    await using server = await startServer({ clock })
    const client = await RawClient.open(server.port)
    await client.ask('set a 0 0 1\r\nx\r\n')
    assert.equal(await client.ask('flush_all 10\r\n'), 'OK\r\n')
    clock.advance(8_000)
    assert.equal(await client.ask('mg a\r\n'), 'HD\r\n')
    clock.advance(2_000)
    assert.equal(await client.ask('mg a\r\n'), 'EN\r\n')
    assert.equal(server.stats().get_flushed, '1')
    await client.ask('set a 0 0 1\r\nx\r\n')
    assert.equal(await client.ask('mg a\r\n'), 'HD\r\n')
    client.close()
  })

  test('reclaims expired items when the crawler is started', async () => {
    const clock = createManualClock()
    await using server = await startServer({ clock })
    const client = await RawClient.open(server.port)
    await client.ask('set a 0 5 1\r\nx\r\n')
    await client.ask('set b 0 0 1\r\nx\r\n')
    clock.advance(5_000)
    assert.equal(server.items, 2)
    assert.equal(await client.ask('lru_crawler crawl all\r\n'), 'OK\r\n')
    assert.equal(server.items, 1)
    client.close()
  })

  test('does not go backwards with a manual clock', () => {
    const clock = createManualClock(0)
    assert.throws(() => clock.advance(-1), { code: 'MINTRING_BAD_ARGUMENT' })
    assert.throws(() => clock.advance(Number.NaN), { code: 'MINTRING_BAD_ARGUMENT' })
    clock.advance(5)
    assert.equal(clock.nowMs(), 5)
  })
})
