import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import { run } from './support.ts'

describe('mintring get and set', () => {
  it('store a value, and print it with its host, size and time to live', async () => {
    await using server = await startServer()
    const at = ['--servers', server.address]
    const stored = await run([
      'set',
      'user:1',
      '{"name":"Ada"}',
      '--as',
      'json',
      '--ttl',
      '60',
      ...at,
    ])
    assert.deepEqual([stored.code, stored.out], [0, `user:1 is stored on ${server.address}\n`])
    const { code, out } = await run(['get', 'user:1', ...at])
    assert.equal(code, 0)
    assert.match(
      out,
      new RegExp(`^user:1\n  on     ${server.address}\n  type   JSON\n  size   14 B\n`),
    )
    assert.match(out, /lives {2}(60|59)s more|lives {2}1m 0s more/)
    assert.match(out, /\n\{\n {2}"name": "Ada"\n\}\n$/)
    assert.equal((await run(['get', 'user:1', '--raw', ...at])).out, '{"name":"Ada"}')
    const json = JSON.parse((await run(['get', 'user:1', '--json', ...at])).out)
    assert.deepEqual([json.found, json.value, json.size], [true, { name: 'Ada' }, 14])
  })

  it('exit with 1 when there is no value', async () => {
    await using server = await startServer()
    const at = ['--servers', server.address]
    const { code, err } = await run(['get', 'nobody', ...at])
    assert.deepEqual([code, err], [1, `mintring get: ${server.address} has no value of nobody\n`])
    const json = await run(['get', 'nobody', '--json', ...at])
    assert.deepEqual([json.code, JSON.parse(json.out).found], [1, false])
  })

  it('read text and bytes from standard input, and write bytes back unchanged', async () => {
    await using server = await startServer()
    const at = ['--servers', server.address]
    const input = (text: string): AsyncIterable<Uint8Array> =>
      (async function* () {
        yield Buffer.from(text)
      })()
    await run(['set', 'text', '-', ...at], { stdin: input('one\n\u001b[2J') })
    assert.match((await run(['get', 'text', ...at])).out, /\none\n\\x1b\[2J\n$/)
    await run(['set', 'bytes', '-', '--as', 'bytes', ...at], { stdin: input('AP8=') })
    assert.match((await run(['get', 'bytes', ...at])).out, /\n00 ff\n$/)
    const raw: unknown[] = []
    await run(['get', 'bytes', '--raw', ...at], { out: (bytes) => raw.push(bytes) })
    assert.deepEqual(raw, [Buffer.from([0, 255])])
  })

  it('refuse invalid arguments', async () => {
    for (const line of [
      ['get'],
      ['get', 'a', 'b'],
      ['set', 'a'],
      ['set', 'a', 'b', 'c'],
      ['set', 'a', 'b', '--as', 'xml'],
      ['set', 'a', '{', '--as', 'json'],
      ['set', 'a', '###', '--as', 'bytes'],
      ['set', 'a', 'AAAAA', '--as', 'bytes'],
      ['set', 'a', '-'],
    ]) {
      assert.equal((await run(line)).code, 2, line.join(' '))
    }
    const ttl = await run(['set', 'a', 'b', '--ttl', 'soon'])
    assert.match(ttl.err, /MINTRING_BAD_TTL/)
  })
})
