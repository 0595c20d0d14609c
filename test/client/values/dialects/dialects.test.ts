import assert from 'node:assert/strict'
import { test } from 'node:test'
import zlib, { inflateSync } from 'node:zlib'
import { BufferBody, type Codec, type Encoded } from '../../../../src/client/values/codec.ts'
import { createCodec, type ValueDialect } from '../../../../src/client/values/select.ts'

const settings = {
  serializer: undefined,
  compressAboveBytes: undefined,
  compression: 'gzip',
  maxDecompressedBytes: 1_000_000,
  chunks: { read: async () => undefined },
} as const
const badValue = { code: 'MINTRING_BAD_VALUE' }

function dialect(flags: ValueDialect, compressAboveBytes?: number): Codec {
  return createCodec(flags, { ...settings, compressAboveBytes })
}

type Stored = readonly [what: string, flags: number, hex: string, value: unknown]

const hex = (text: string): string => Buffer.from(text).toString('hex')

// Stored by pylibmc 1.6.3's client.set(…), read back from memcached.
const pylibmc: readonly Stored[] = [
  ['str', 16, hex('héllo'), 'héllo'],
  ['an empty str', 16, '', ''],
  ["b''", 0, '', Buffer.alloc(0)],
  ['bytes with CRLF and END', 0, hex('raw\r\nEND\r\n'), Buffer.from('raw\r\nEND\r\n')],
  ['int', 4, hex('5'), 5],
  ['a negative int', 4, hex('-7'), -7],
  ['an int of 71 bits', 4, hex('1180591620717411303424'), 1_180_591_620_717_411_303_424n],
  ['True', 2, hex('1'), true],
  ['False', 2, hex('0'), false],
  [
    'a compressed str',
    24,
    '789cedc13101000000c2a0da8b6f0a3fa00000000080b70114162848',
    'x'.repeat(5000),
  ],
]

// Stored by pymemcache 3.5.2 with pymemcache.serde.pickle_serde.
const pymemcache: readonly Stored[] = [
  ['str', 16, hex('héllo'), 'héllo'],
  ['an empty str', 16, '', ''],
  ['bytes', 0, hex('raw\r\nEND\r\n'), Buffer.from('raw\r\nEND\r\n')],
  ["b''", 0, '', Buffer.alloc(0)],
  ['int', 2, hex('5'), 5],
  ['an int of 71 bits', 2, hex('1180591620717411303424'), 1_180_591_620_717_411_303_424n],
]

// Stored by php-memcached 3.2.0's $memcached->set(…).
const php: readonly Stored[] = [
  ['a string', 0, hex('héllo'), 'héllo'],
  ['a string that is no text', 0, 'ff00fe', Buffer.from('ff00fe', 'hex')],
  ['a string with U+FFFD', 0, hex('a\uFFFDb'), 'a\uFFFDb'],
  ['an int', 1, hex('5'), 5],
  ['a negative int', 1, hex('-7'), -7],
  ['the largest int', 1, hex('9223372036854775807'), 9_223_372_036_854_775_807n],
  ['a float', 2, hex('1.5'), 1.5],
  ['a float below 1', 2, '2e33333333333333333333333333333333', 1 / 3],
  ['INF', 2, hex('Infinity'), Number.POSITIVE_INFINITY],
  ['true', 3, hex('1'), true],
  ['false', 3, '', false],
  ['null', 4, hex('N;'), null],
  ['an array as JSON', 6, hex('{"a":1,"b":[1,2]}'), { a: 1, b: [1, 2] }],
  [
    'a string in FastLZ, its default',
    80,
    `88130000017878${'e0fd01'.repeat(19)}e0080102787878`,
    'x'.repeat(5000),
  ],
  [
    'a string in zlib',
    48,
    '88130000789cedc13101000000c2a0da8b6f0a3fa00000000080b70114162848',
    'x'.repeat(5000),
  ],
]

// Stored by npm memcached 2.2.2's client.set(…).
const npm: readonly Stored[] = [
  ['a string with line breaks', 0, hex('hé\\\r\\\nllo\\'), 'hé\r\nllo\\'],
  ['a number', 8, hex('5.5'), 5.5],
  ['a Buffer', 4, hex('a\\\r\\\nbÿ'), Buffer.from('a\r\nb\xff', 'latin1')],
  ['an object', 2, hex('{"a":1}'), { a: 1 }],
  ['true', 2, hex('true'), true],
  ['null', 2, hex('null'), null],
]

for (const [name, stored] of [
  ['pylibmc', pylibmc],
  ['pymemcache', pymemcache],
  ['php', php],
  ['memcached', npm],
] as const) {
  for (const [what, flags, bytes, value] of stored) {
    test(`${name}: ${what} is read`, async () => {
      const body = new BufferBody(Buffer.from(bytes, 'hex'))
      assert.deepEqual(await dialect(name).decode(flags, body), value)
    })
  }
}

for (const name of ['php', 'memcached'] as const) {
  test(`${name}: an empty item without flags is a miss`, () => {
    assert.equal(dialect(name).decode(0, new BufferBody(Buffer.alloc(0))), undefined)
  })
}

/** Values that each codec encodes to the bytes that the other client stores, uncompressed. */
for (const [name, stored] of [
  ['pylibmc', pylibmc.slice(0, 9)],
  ['pymemcache', pymemcache],
  ['memcached', npm],
  ['php', php.filter(([what]) => !/FastLZ|zlib|below 1/.test(what))],
] as const) {
  for (const [what, flags, bytes, value] of stored) {
    test(`${name}: ${what} is encoded with the same flags and bytes as by that client`, () => {
      const encoded = dialect(name).encode(value) as Encoded
      const body = Buffer.from(encoded.body as string).toString('hex')
      assert.deepEqual([encoded.flags, body], [flags, bytes])
    })
  }
}

for (const name of ['pylibmc', 'pymemcache'] as const) {
  test(`${name}: a value that its client would pickle is refused`, () => {
    for (const value of [null, 1.5, { a: 1 }, [1], undefined]) {
      assert.throws(() => dialect(name).encode(value), badValue)
    }
  })

  test(`${name}: a stored pickle is refused, because decoding one runs code`, () => {
    const body = new BufferBody(Buffer.from('80054e2e', 'hex'))
    assert.throws(() => dialect(name).decode(1, body), badValue)
  })
}

test('pymemcache: booleans are refused, since it pickles them; a long integer of Python 2 is read', () => {
  assert.throws(() => dialect('pymemcache').encode(true), badValue)
  assert.equal(dialect('pymemcache').decode(4, new BufferBody(Buffer.from('7'))), 7)
})

test('php: an integer out of range is refused, the largest and smallest are written', () => {
  for (const value of [2n ** 63n, -(2n ** 63n) - 1n, 2n ** 70n]) {
    assert.throws(() => dialect('php').encode(value), badValue)
  }
  for (const value of [2n ** 63n - 1n, -(2n ** 63n)]) {
    assert.deepEqual(dialect('php').encode(value), { body: String(value), flags: 1 })
  }
})

test('php: a negative zero is written as a float and keeps its sign', () => {
  assert.deepEqual(dialect('php').encode(-0), { body: '-0', flags: 2 })
  assert.ok(Object.is(dialect('php').decode(2, new BufferBody(Buffer.from('-0'))), -0))
})

test('pylibmc: a long text is compressed with zlib, as pylibmc does', async () => {
  const encoded = await dialect('pylibmc', 100).encode('x'.repeat(5000))
  assert.equal(encoded.flags, 24)
  assert.equal(inflateSync(encoded.body as Buffer).toString(), 'x'.repeat(5000))
})

test('php: a long text is compressed with zlib after its length, as php-memcached does', async () => {
  const encoded = await dialect('php', 100).encode('x'.repeat(5000))
  assert.equal(encoded.flags, 48)
  assert.equal((encoded.body as Buffer).readUInt32LE(0), 5000)
  assert.equal(inflateSync((encoded.body as Buffer).subarray(4)).toString(), 'x'.repeat(5000))
})

test("php: PHP's own serialization, igbinary and msgpack are refused", () => {
  for (const flags of [4, 5, 7]) {
    assert.throws(
      () => dialect('php').decode(flags, new BufferBody(Buffer.from('a:0:{}'))),
      badValue,
    )
  }
})

test('php: FastLZ data that is damaged or too long is refused', async () => {
  const bytes = Buffer.from(`88130000017878${'e0fd01'.repeat(19)}e0080102787878`, 'hex')
  for (let length = 4; length < bytes.length; length++) {
    const cut = new BufferBody(bytes.subarray(0, length))
    await assert.rejects(async () => dialect('php').decode(80, cut), badValue)
  }
  bytes.writeUInt32LE(2 ** 31, 0)
  await assert.rejects(async () => dialect('php').decode(80, new BufferBody(bytes)), {
    code: 'MINTRING_TOO_LARGE',
  })
})

test('zstd is written and read where Node has it; elsewhere choosing it throws', async () => {
  const make = (): Codec =>
    createCodec('mintring', { ...settings, compression: 'zstd', compressAboveBytes: 1 })
  if ('zstdCompress' in zlib) {
    const encoded = await make().encode('x'.repeat(5000))
    assert.equal(encoded.flags, 65)
    const body = new BufferBody(encoded.body as Buffer)
    assert.equal(await make().decode(encoded.flags, body), 'x'.repeat(5000))
  } else {
    assert.throws(make, { code: 'MINTRING_BAD_BEHAVIOR' })
  }
})
