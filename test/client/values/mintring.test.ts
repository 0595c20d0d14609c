import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { BufferBody, type Codec, type Encoded } from '../../../src/client/values/codec.ts'
import { MintringCodec, type ValueSettings } from '../../../src/client/values/mintring.ts'
import { textBytes } from '../../../src/client/values/text.ts'

const settings: ValueSettings = {
  serializer: undefined,
  compressAboveBytes: undefined,
  compression: 'gzip',
  maxDecompressedBytes: 1_000_000,
  chunks: { read: async () => undefined },
}
const badValue = { code: 'MINTRING_BAD_VALUE' }

function codec(changes: Partial<ValueSettings> = {}): Codec {
  return new MintringCodec({ ...settings, ...changes })
}

function encode(value: unknown): Encoded {
  return codec().encode(value) as Encoded
}

function decode(flags: number, text: string): unknown {
  return codec().decode(flags, new BufferBody(Buffer.from(text)))
}

/** The flags documented in docs/values.md. */
const documented: readonly (readonly [unknown, string, number])[] = [
  ['text', 'text', 1],
  ['', '', 1],
  [{ a: 1 }, '{"a":1}', 9],
  [[1, 'x'], '[1,"x"]', 9],
  [1.5, '1.5', 13],
  [-0, '-0', 13],
  [Number.NaN, 'NaN', 13],
  [Number.NEGATIVE_INFINITY, '-Infinity', 13],
  [18_446_744_073_709_551_615n, '18446744073709551615', 17],
  [-5n, '-5', 17],
  [true, '1', 21],
  [false, '0', 21],
  [null, '', 25],
]

for (const [value, body, flags] of documented) {
  test(`${typeof value} ${JSON.stringify(body)} is written with flags ${flags}, and read`, () => {
    assert.deepEqual(encode(value), { body, flags })
    assert.deepEqual(decode(flags, body), value)
  })
}

test('bytes are written unchanged, with flags 5', () => {
  const bytes = Buffer.from([0, 13, 10, 255])
  assert.deepEqual(encode(bytes), { body: bytes, flags: 5 })
  assert.deepEqual(codec().decode(5, new BufferBody(bytes)), bytes)
})

test('text beyond ASCII is written as UTF-8', () => {
  assert.deepEqual(encode('hé😀'), { body: Buffer.from('hé😀'), flags: 1 })
  assert.equal(decode(1, 'hé😀'), 'hé😀')
})

test('half a surrogate pair is written as JSON and read back', () => {
  const encoded = encode('a\ud800')
  assert.equal(encoded.flags, 9)
  assert.equal(decode(encoded.flags, encoded.body as string), 'a\ud800')
})

test('a value that another client wrote is read as text', () => {
  assert.equal(decode(0, 'plain'), 'plain')
  assert.equal(decode(4_294_967_294, 'plain'), 'plain')
})

test('an empty item without flags is a miss: it is the placeholder of a refill', () => {
  assert.equal(decode(0, ''), undefined)
})

test('a number that memcached padded with spaces after a decrement is read', () => {
  assert.equal(decode(13, '9 '), 9)
  assert.equal(decode(17, '9 '), 9n)
})

for (const [flags, body] of [
  [13, 'abc'],
  [13, ''],
  [13, ' '],
  [13, '4two'],
  [17, '1.5'],
  [21, ''],
  [21, 'true'],
] as const) {
  test(`the damaged body '${body}' with flags ${flags} is refused, not read as another value`, () => {
    assert.throws(() => decode(flags, body), badValue)
  })
}

test('a boolean that was incremented or decremented is true unless it is 0', () => {
  assert.deepEqual(
    ['2', '10', '0 '].map((body) => decode(21, body)),
    [true, true, false],
  )
})

test('a JSON member named __proto__ changes no prototype', () => {
  const value = decode(9, '{"__proto__":{"polluted":true},"a":1}') as Record<string, unknown>
  assert.equal(value.polluted, undefined)
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
  assert.equal(Object.getPrototypeOf(value), Object.prototype)
  assert.deepEqual(Object.keys(value), ['__proto__', 'a'])
})

const lossy: readonly (readonly [string, unknown])[] = [
  ['undefined', undefined],
  ['a function', () => 1],
  ['a symbol', Symbol('s')],
  ['a Map', new Map()],
  ['a Set', new Set()],
  ['a promise', Promise.resolve(1)],
  ['a typed array other than Uint8Array', new Float64Array(1)],
  ['an ArrayBuffer', new ArrayBuffer(1)],
  ['a bigint inside an object', { a: 1n }],
]

for (const [name, value] of lossy) {
  test(`${name} is refused, because JSON would lose it`, () => {
    assert.throws(() => encode(value), badValue)
  })
}

test('a circular value is refused', () => {
  const cycle: Record<string, unknown> = {}
  cycle.self = cycle
  assert.throws(() => encode(cycle), badValue)
})

test('a body that contradicts its flags is refused, and the error does not quote it', () => {
  for (const [flags, body] of [
    [9, '{"secret":'],
    [17, 'secret'],
    [29, 'secret'],
  ] as const) {
    assert.throws(
      () => decode(flags, body),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'MINTRING_BAD_VALUE')
        assert.doesNotMatch(`${error.message} ${String(error.cause)}`, /secret/)
        return true
      },
    )
  }
})

for (const [compression, bit] of [
  ['gzip', 2],
  ['brotli', 32],
] as const) {
  test(`${compression} is used above the threshold, marked by bit ${bit}, and read`, async () => {
    const packing = codec({ compressAboveBytes: 100, compression })
    const value = 'x'.repeat(101)
    const encoded = await packing.encode(value)
    assert.equal(encoded.flags, 1 | bit)
    assert.ok(encoded.body.length < 60)
    const body = new BufferBody(Buffer.from(textBytes(encoded.body)))
    assert.equal(await codec().decode(encoded.flags, body), value)
    assert.deepEqual(packing.encode('x'.repeat(100)), { body: 'x'.repeat(100), flags: 1 })
  })
}

test('a body that compression does not make smaller is stored uncompressed', async () => {
  const bytes = Buffer.from('0123456789abcdef')
  const encoded = await codec({ compressAboveBytes: 4 }).encode(bytes)
  assert.deepEqual(encoded, { body: bytes, flags: 5 })
})

test('a small body that decompresses to more than the limit is refused', async () => {
  const bomb = gzipSync(Buffer.alloc(2_000_000))
  assert.ok(bomb.length < 3000)
  await assert.rejects(async () => codec().decode(7, new BufferBody(bomb)), {
    code: 'MINTRING_TOO_LARGE',
  })
})

test('a damaged compressed body is refused', async () => {
  await assert.rejects(
    async () => codec().decode(7, new BufferBody(Buffer.from('no gzip'))),
    badValue,
  )
})

test('a serializer encodes and decodes values that are no text, bytes or other primitive', async () => {
  const serializer = {
    serialize: (value: unknown) => `<${(value as Date).toISOString()}>`,
    deserialize: (body: Buffer) => new Date(body.toString().slice(1, -1)),
  }
  const custom = codec({ serializer })
  const date = new Date(0)
  const encoded = custom.encode(date) as Encoded
  assert.deepEqual(encoded, { body: '<1970-01-01T00:00:00.000Z>', flags: 29 })
  const body = new BufferBody(Buffer.from(encoded.body as string))
  assert.deepEqual(custom.decode(29, body), date)
  assert.equal((custom.encode('text') as Encoded).flags, 1)
})

test('a serializer may be asynchronous', async () => {
  const serializer = {
    serialize: async (value: unknown) => Buffer.from(JSON.stringify(value)),
    deserialize: async (body: Buffer) => JSON.parse(body.toString()) as unknown,
  }
  const custom = codec({ serializer })
  const encoded = await custom.encode({ a: 1 })
  assert.equal(encoded.flags, 29)
  const body = new BufferBody(Buffer.from(textBytes(encoded.body)))
  assert.deepEqual(await custom.decode(29, body), { a: 1 })
})

test('a serializer that throws or returns no bytes causes MINTRING_BAD_VALUE', async () => {
  const fail = (): never => {
    throw new Error('no')
  }
  const failing = codec({ serializer: { serialize: fail, deserialize: fail } })
  assert.throws(() => failing.encode({}), badValue)
  assert.throws(() => failing.decode(29, new BufferBody(Buffer.from('x'))), badValue)
  const late = codec({
    serializer: { serialize: async () => fail(), deserialize: async () => fail() },
  })
  await assert.rejects(async () => late.encode({}), badValue)
  await assert.rejects(async () => late.decode(29, new BufferBody(Buffer.from('x'))), badValue)
  const numbers = { serialize: () => 1 as unknown as string, deserialize: () => 1 }
  assert.throws(() => codec({ serializer: numbers }).encode({}), badValue)
})
