import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import { until } from '../support/test-cluster.ts'
import { RawClient, tryConnect } from './support.ts'

const VALUE_A = 'VALUE a 0 5\r\nhello\r\nEND\r\n'

async function serverWithValue(): Promise<{
  readonly server: Awaited<ReturnType<typeof startServer>>
  readonly client: RawClient
}> {
  const server = await startServer()
  const client = await RawClient.open(server.port)
  await client.ask('set a 0 0 5\r\nhello\r\n')
  return { server, client }
}

describe('an injected fault of the embedded server', () => {
  test('delays replies, all of a pipeline by the same time and in order', async () => {
    const { server, client } = await serverWithValue()
    await using _ = server
    await server.inject({ delayMs: 60 })
    const start = performance.now()
    client.received = ''
    client.socket.write('get a\r\nversion\r\n')
    await until(() => client.received.endsWith('VERSION 1.6.18\r\n'))
    assert.equal(client.received, `${VALUE_A}VERSION 1.6.18\r\n`)
    assert.ok(performance.now() - start >= 59)
    await server.heal()
    assert.equal(await client.ask('mn\r\n'), 'MN\r\n')
    client.close()
  })

  test('ends the connection after a number of reply bytes', async () => {
    const { server, client } = await serverWithValue()
    await using _ = server
    for (let bytes = 0; bytes < VALUE_A.length; bytes++) {
      await server.inject({ truncateAfterBytes: bytes })
      const cut = await RawClient.open(server.port)
      await cut.ask('get a\r\n', 'never')
      assert.equal(cut.received, VALUE_A.slice(0, bytes))
      assert.equal(cut.ended, 'end')
    }
    client.close()
  })

  test('counts the bytes of truncateAfterBytes over all replies of a connection', async () => {
    const { server, client } = await serverWithValue()
    await using _ = server
    await server.inject({ truncateAfterBytes: 6 })
    client.received = ''
    client.socket.write('mn\r\nmn\r\n')
    await until(() => client.ended !== undefined)
    assert.equal(client.received, 'MN\r\nMN')
  })

  test('resets the connection after a number of reply bytes', async () => {
    const { server, client } = await serverWithValue()
    await using _ = server
    await server.inject({ resetAfterBytes: 0 })
    await client.ask('get a\r\n')
    assert.equal(client.ended, 'ECONNRESET')
    assert.equal(client.received, '')
  })

  test('sends garbage in place of a reply, after the command ran', async () => {
    const { server, client } = await serverWithValue()
    await using _ = server
    await server.inject({ garbage: 'nonsense\r\n', times: 1 })
    assert.equal(await client.ask('set b 0 0 1\r\nx\r\n'), 'nonsense\r\n')
    assert.equal(await client.ask('get b\r\n', 'END\r\n'), 'VALUE b 0 1\r\nx\r\nEND\r\n')
    client.close()
  })

  test('sends replies byte by byte', async () => {
    const { server, client } = await serverWithValue()
    await using _ = server
    await server.inject({ drip: { bytes: 5, everyMs: 10 } })
    const start = performance.now()
    assert.equal(await client.ask('get a\r\n', 'END\r\n'), VALUE_A)
    assert.ok(performance.now() - start >= 39, 'five portions, four waits')
    client.close()
  })

  test('drops replies of commands that ran', async () => {
    const { server, client } = await serverWithValue()
    await using _ = server
    await server.inject({ dropReplies: true, only: ['set'] })
    client.received = ''
    client.socket.write('set b 0 0 1\r\nx\r\nget b\r\n')
    await until(() => client.received !== '')
    assert.equal(client.received, 'VALUE b 0 1\r\nx\r\nEND\r\n')
    client.close()
  })

  test('leaves a connection half-open: later commands do not run and get no reply', async () => {
    const { server, client } = await serverWithValue()
    await using _ = server
    await server.inject({ blackHole: true })
    client.received = ''
    client.socket.write('set a 0 0 1\r\nx\r\n')
    await new Promise((resolve) => setTimeout(resolve, 30))
    await server.heal()
    client.socket.write('get a\r\n')
    const fresh = await RawClient.open(server.port)
    assert.equal(await fresh.ask('get a\r\n', 'END\r\n'), VALUE_A)
    assert.equal(client.received, '')
    assert.equal(client.ended, undefined)
    client.close()
    fresh.close()
  })

  test('refuses new connections and keeps the open ones', async () => {
    const { server, client } = await serverWithValue()
    await using _ = server
    await server.inject({ refuse: true })
    assert.equal(await tryConnect(server.port), 'ECONNREFUSED')
    assert.equal(await client.ask('mn\r\n'), 'MN\r\n')
    await server.heal()
    assert.equal(await tryConnect(server.port), 'connect')
    client.close()
  })

  test('applies only to the given verbs, and only the given number of times', async () => {
    const { server, client } = await serverWithValue()
    await using _ = server
    await server.inject({ garbage: 'no\r\n', only: ['mg'], times: 2 })
    assert.equal(await client.ask('mn\r\n'), 'MN\r\n')
    assert.equal(await client.ask('mg a\r\n'), 'no\r\n')
    assert.equal(await client.ask('mg a\r\n'), 'no\r\n')
    assert.equal(await client.ask('mg a\r\n'), 'HD\r\n')
    client.close()
  })

  test('given to startServer applies from the first connection on', async () => {
    await using server = await startServer({ faults: { refuse: true } })
    assert.ok(server.port > 0)
    assert.equal(await tryConnect(server.port), 'ECONNREFUSED')
    await server.heal()
    assert.equal(await tryConnect(server.port), 'connect')
  })

  test('remains after a restart of the server', async () => {
    const { server } = await serverWithValue()
    await using _ = server
    await server.inject({ garbage: 'no\r\n' })
    await server.restart()
    const client = await RawClient.open(server.port)
    assert.equal(await client.ask('mn\r\n'), 'no\r\n')
    client.close()
  })

  test('that is misspelt or impossible is refused', async () => {
    await using server = await startServer()
    const bad = { code: 'MINTRING_BAD_ARGUMENT' }
    await assert.rejects(server.inject({ delay: 5 } as object), bad)
    await assert.rejects(server.inject({ delayMs: Number.NaN }), bad)
    await assert.rejects(server.inject({ drip: { bytes: 0, everyMs: 1 } }), bad)
    await assert.rejects(server.inject({ times: -1 }), bad)
  })

  test('leaves no timer when the server closes', async () => {
    const { server, client } = await serverWithValue()
    await server.inject({ delayMs: 60_000 })
    client.socket.write('get a\r\n')
    await new Promise((resolve) => setTimeout(resolve, 20))
    await server.close()
    await until(() => client.ended !== undefined)
    assert.equal(process.getActiveResourcesInfo().includes('Timeout'), false)
  })
})
