import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { realMemcached, startMemcached } from '../support/memcached.ts'
import { connect } from './support.ts'

const PYTHON = '/usr/bin/python3'

/** Skipped where Python or pylibmc (Debian: python3-pylibmc) is not installed. */
function hasPylibmc(context: TestContext): boolean {
  try {
    execFileSync(PYTHON, ['-c', 'import pylibmc'], { stdio: 'ignore' })
    return true
  } catch {
    context.skip('no pylibmc: apt-get install python3-pylibmc')
    return false
  }
}

function python(port: number, lines: readonly string[]): string {
  const script = ['import pylibmc', `c = pylibmc.Client(['127.0.0.1:${port}'])`, ...lines]
  return execFileSync(PYTHON, ['-c', script.join('\n')], { encoding: 'utf8' })
}

test('values that pylibmc wrote are read as equal values, also when they look like protocol lines', async (context) => {
  if (realMemcached(context) === undefined || !hasPylibmc(context)) return
  const server = await startMemcached()
  context.after(() => server.stop())
  python(server.port, [
    String.raw`c.set('lines', b'a\r\nEND\r\nVALUE lines 0 1\r\nx\r\nEND\r\n')`,
    String.raw`c.set('text', 'h\u00e9llo\r\nSTORED\r\n')`,
    `c.set('bytes', bytes(range(256)))`,
    `c.set('int', 2**64)`,
    `c.set('small', -7)`,
    `c.set('yes', True)`,
    `c.set('long', 'x' * 100000, min_compress_len=1000)`,
  ])
  const cache = connect(context, [`127.0.0.1:${server.port}`], { valueFlags: 'pylibmc' })
  const expected = new Map<string, unknown>([
    ['lines', Buffer.from('a\r\nEND\r\nVALUE lines 0 1\r\nx\r\nEND\r\n')],
    ['text', 'héllo\r\nSTORED\r\n'],
    ['bytes', Buffer.from(Array.from({ length: 256 }, (_, i) => i))],
    ['int', 2n ** 64n],
    ['small', -7],
    ['yes', true],
    ['long', 'x'.repeat(100_000)],
  ])
  assert.deepEqual(await cache.getMany(expected.keys()), expected)
  for (const [key, value] of expected) assert.deepEqual(await cache.get(key), value)
})

// pylibmc 1.6.3 reads its own booleans back as 1 and 0 too.
test('values written with pylibmc’s flags are read as equal values in Python', async (context) => {
  if (realMemcached(context) === undefined || !hasPylibmc(context)) return
  const server = await startMemcached()
  context.after(() => server.stop())
  const cache = connect(context, [`127.0.0.1:${server.port}`], {
    valueFlags: 'pylibmc',
    compressAboveBytes: 1000,
  })
  await cache.setMany({
    text: 'héllo\r\nEND\r\n',
    bytes: Buffer.from([0, 13, 10, 255]),
    int: 2n ** 63n,
    yes: true,
    no: false,
    long: 'x'.repeat(5000),
  })
  const shown = python(server.port, [
    `print([ascii(c.get(k)) for k in ('text', 'bytes', 'int', 'yes', 'no')], len(c.get('long')))`,
  ])
  const bytes = String.raw`"'h\\xe9llo\\r\\nEND\\r\\n'", "b'\\x00\\r\\n\\xff'"`
  const written = `[${bytes}, '9223372036854775808', '1', '0'] 5000`
  assert.equal(shown.trim(), written)
})
