import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseServer, type RingServer } from '../../src/ring/server.ts'

function read(server: RingServer): Record<string, unknown> {
  const fields = Object.entries(parseServer(server)).filter(([, value]) => value !== undefined)
  return Object.fromEntries(fields)
}

describe('a server can be given as', () => {
  const forms: readonly [RingServer, Record<string, unknown>][] = [
    ['mc', { host: 'mc', port: 11211, weight: 1, label: 'mc:11211' }],
    [
      'Mc.Example.com.:11212',
      { host: 'Mc.Example.com.', port: 11212, weight: 1, label: 'Mc.Example.com.:11212' },
    ],
    ['10.0.0.1:11211:3', { host: '10.0.0.1', port: 11211, weight: 3, label: '10.0.0.1:11211' }],
    ['[::1]:11212', { host: '::1', port: 11212, weight: 1, label: '[::1]:11212' }],
    ['[::1]:11212:2', { host: '::1', port: 11212, weight: 2, label: '[::1]:11212' }],
    ['::1', { host: '::1', port: 11211, weight: 1, label: '[::1]:11211' }],
    [
      'unix:/run/mc.sock',
      { host: '/run/mc.sock', port: 0, weight: 1, path: '/run/mc.sock', label: '/run/mc.sock' },
    ],
    [
      '/run/mc.sock',
      { host: '/run/mc.sock', port: 0, weight: 1, path: '/run/mc.sock', label: '/run/mc.sock' },
    ],
    [
      { host: 'mc', weight: 2 },
      { host: 'mc', port: 11211, weight: 2, label: 'mc:11211' },
    ],
    [
      { host: '[::1]', port: 1 },
      { host: '::1', port: 1, weight: 1, label: '[::1]:1' },
    ],
    [
      { host: 'mc', name: 'a' },
      { host: 'mc', port: 11211, weight: 1, name: 'a', label: 'a' },
    ],
    [
      { host: '/run/mc.sock', port: 0 },
      { host: '/run/mc.sock', port: 0, weight: 1, path: '/run/mc.sock', label: '/run/mc.sock' },
    ],
    [
      'memcached://ann:s%40t@Mc:11213?weight=2&name=a',
      {
        host: 'Mc',
        port: 11213,
        weight: 2,
        name: 'a',
        username: 'ann',
        password: 's@t',
        label: 'a',
      },
    ],
    ['memcacheds://mc', { host: 'mc', port: 11211, weight: 1, tls: true, label: 'mc:11211' }],
    ['memcached://[fe80::1]:1', { host: 'fe80::1', port: 1, weight: 1, label: '[fe80::1]:1' }],
  ]
  for (const [server, expected] of forms) {
    it(JSON.stringify(server), () => assert.deepEqual(read(server), expected))
  }
})

describe('a server is refused with MINTRING_BAD_SERVER', () => {
  const refused: readonly unknown[] = [
    '',
    ':11211',
    'mc:',
    'mc:0',
    'mc:65536',
    'mc:11211:0',
    'mc:11211:-1',
    'mc:11211:NaN',
    'mc:1:2:3',
    'mc:http',
    'mc:+1',
    'mc:1e3',
    'a b',
    'mc\n',
    '[::1',
    '::1:11211',
    'fe80::1%eth0:11211',
    'password=secret',
    '-p',
    '[mc]:1',
    '256.1.1.1',
    'unix:',
    'memcached://',
    'memcached://mc?wieght=2',
    'http://mc/',
    { host: '' },
    {},
    { host: 'mc', port: 1.5 },
    { host: 'mc', port: '11211' },
    { host: 'mc', weight: 0 },
    { host: 'mc', weight: -1 },
    { host: 'mc', weight: Number.NaN },
    { host: 'mc', weight: 65_536 },
    { host: 'mc', weight: Infinity },
    { host: 'mc', weight: '2' },
    { host: 'mc', name: 'a b' },
    { path: '' },
    null,
    undefined,
    11211,
    [],
  ]
  for (const server of refused) {
    it(`${JSON.stringify(server) ?? 'undefined'}`, () => {
      assert.throws(() => parseServer(server as RingServer), { code: 'MINTRING_BAD_SERVER' })
    })
  }

  it('and a message that says how to write the port of an IPv6 address', () => {
    assert.throws(() => parseServer('::1:11212'), { message: /: write \[::1\]:11212$/ })
  })

  it('and a message that does not repeat a password', () => {
    for (const text of ['u:p@secret', 'host:1:2:secret', 'password=secret', 'host;secret']) {
      assert.throws(
        () => parseServer(text),
        (error: Error) => !error.message.includes('secret'),
      )
    }
    assert.throws(
      () => parseServer('memcached://ann:secret@mc:0'),
      (error: Error) => !error.message.includes('secret'),
    )
    assert.throws(
      () => parseServer('memcached://ann:secret@mc:99999'),
      (error: Error) => !error.message.includes('secret'),
    )
  })
})
