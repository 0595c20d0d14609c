import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import type { Key } from '../../src/ring/key.ts'
import { metadumpKeys } from '../../src/simulate/remap-metadump.ts'

async function serverSaying(test: TestContext, say: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (question) => {
      assert.equal(question.toString(), 'version\r\n')
      socket.once('data', (command) => {
        assert.equal(command.toString(), 'lru_crawler metadump all\r\n')
        say(socket)
      })
      socket.write('VERSION 1.5.4\r\n')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.after(() => server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function read(server: string, idleMs = 1000): Promise<Key[]> {
  const keys: Key[] = []
  for await (const key of metadumpKeys(server, { idleMs })) keys.push(key)
  return keys
}

describe('a key dump for remap', () => {
  it('returns every key, decoded, wherever the stream is cut', async (test) => {
    const server = await serverSaying(test, (socket) => {
      socket.write('key=a exp=-1 la=1 cas=2 fetch=no cls=1 size=64\nkey=b%20')
      setImmediate(() => socket.write('%25%ff exp=-1 la=1\nkey=%C3%BC exp=0\nEND\r\n'))
    })
    assert.deepEqual(await read(server), ['a', Uint8Array.of(98, 32, 37, 255), 'ü'])
  })

  it('that breaks off throws an error with the number of keys read', async (test) => {
    const server = await serverSaying(test, (socket) => socket.end('key=a exp=-1\nkey=b e'))
    await assert.rejects(read(server), { code: 'MINTRING_CONNECTION', message: /after 1 keys/ })
  })

  it('that stalls throws an error instead of waiting', async (test) => {
    const server = await serverSaying(test, (socket) => void socket.write('key=a exp=-1\n'))
    await assert.rejects(read(server, 50), {
      code: 'MINTRING_CONNECTION',
      message: /nothing received for 50 ms/,
    })
  })

  for (const refusal of [
    'BUSY currently processing crawler request',
    'ERROR lru crawler disabled',
    'ERROR',
  ]) {
    it(`with the reply ${refusal} throws MINTRING_REFUSED`, async (test) => {
      const server = await serverSaying(test, (socket) => socket.end(`${refusal}\r\n`))
      await assert.rejects(read(server), { code: 'MINTRING_REFUSED' })
    })
  }

  it('of a memcached before 1.5.4, whose list has no end, throws before it begins', async (test) => {
    const old = await startServer({ version: '1.5.3' })
    test.after(() => old.close())
    await assert.rejects(read(old.address, 60_000), {
      code: 'MINTRING_UNSUPPORTED',
      message: /memcached 1\.5\.3.*1\.5\.4/,
    })
  })

  it('without a line end is aborted', async (test) => {
    const server = await serverSaying(test, (socket) => void socket.write('k'.repeat(10_000)))
    await assert.rejects(read(server), { code: 'MINTRING_CONNECTION' })
  })

  it('of a server that does not exist throws MINTRING_CONNECTION', async () => {
    await assert.rejects(read('127.0.0.1:1'), { code: 'MINTRING_CONNECTION' })
  })
})
