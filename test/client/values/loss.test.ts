import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import vm from 'node:vm'
import { toJson } from '../../../src/client/values/json.ts'
import { jsonOf } from '../../../src/client/values/loss.ts'
import { bytesIn } from '../../../src/client/values/text.ts'
import { serve } from '../support.ts'

class Dto {
  name = 'Ada'
}
class Private {
  #name = 'Ada'
  hello(): string {
    return this.#name
  }
}

/** Returns a value inside of `levels` arrays. */
function nested(value: unknown, levels: number): unknown {
  return levels === 0 ? value : [nested(value, levels - 1)]
}

const foreign = (code: string): unknown => vm.runInNewContext(code)

/** Values that JSON would silently store as something else. */
const LOST: Readonly<Record<string, unknown>> = {
  'a Map': new Map([[1, 2]]),
  'a Map of another realm': foreign('new Map([[1, 2]])'),
  'a Set': new Set([1]),
  'a WeakMap': new WeakMap(),
  'an Error': new Error('x'),
  'an Error with a code': Object.assign(new Error('x'), { code: 'E' }),
  'an Error of another realm': foreign('new TypeError("x")'),
  'a promise': Promise.resolve(1),
  'a promise of another realm': foreign('Promise.resolve(1)'),
  // biome-ignore lint/suspicious/noThenProperty: a lazy query is an object with then()
  'a query that was not run': { then: (resolve: (rows: string) => void) => resolve('rows') },
  'a lazy query of a class': new (class {
    sql = 'select 1'
    // biome-ignore lint/suspicious/noThenProperty: a lazy query is an object with then()
    then(): void {}
  })(),
  'an ArrayBuffer': new ArrayBuffer(4),
  'an ArrayBuffer of another realm': foreign('new ArrayBuffer(4)'),
  'a SharedArrayBuffer': new SharedArrayBuffer(4),
  'a Float64Array': new Float64Array(2),
  'a DataView': new DataView(new ArrayBuffer(2)),
  'a Buffer in an object': { bytes: Buffer.from('x') },
  'a Proxy of bytes': new Proxy(new Uint8Array(2), {}),
  'a Response': new Response('x'),
  'a Headers': new Headers({ a: '1' }),
  'a Blob': new Blob(['x']),
  'a URLSearchParams': new URLSearchParams('a=1'),
  'a FormData': new FormData(),
  'a RegExp': /x/,
  'an iterator': [1].values(),
  'a generator': (function* () {})(),
  'an instance with private fields only': new Private(),
  'a function': () => {},
  'a method in an object': { run: () => {} },
  'a symbol in an array': [Symbol('x')],
  'NaN in an object': { ratio: Number.NaN },
  'Infinity in an array': [Infinity],
  'a hole in an array': new Array(2),
  'a bigint in an object': { count: 1n },
  'a Map from toJSON': { toJSON: () => new Map([[1, 2]]) },
  'a Map inside of what toJSON returns': { toJSON: () => ({ seen: new Map() }) },
  'bytes from toJSON': { toJSON: () => new Uint8Array(1) },
  'a promise from toJSON': { toJSON: async () => 1 },
  'NaN from toJSON': { toJSON: () => Number.NaN },
  'a Date from toJSON, whose own toJSON is not called': { toJSON: () => new Date(0) },
  'a Map from the toJSON of a Date': Object.assign(new Date(0), { toJSON: () => new Map() }),
  'an invalid Date': new Date(Number.NaN),
  'an invalid Date of another realm': foreign('new Date(NaN)'),
  'an array whose toJSON returns a Map': Object.assign([1], { toJSON: () => new Map() }),
  'a Map beside an object with toJSON': { one: { toJSON: () => 1 }, seen: new Map() },
  'bytes inside of what toJSON returns': { toJSON: () => ({ bytes: Buffer.from('x') }) },
  'an invalid Date inside of what toJSON returns': { toJSON: () => ({ at: new Date(NaN) }) },
  'a bigint inside of what toJSON returns': { toJSON: () => ({ count: 1n }) },
  'a Map below forty levels': nested(new Map(), 40),
  'a Map far inside': { users: [{ seen: new Map() }] },
}

/** What a toJSON() may return that JSON leaves out of an object, and stores as null elsewhere. */
const LEFT_OUT: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  'a function': () => {},
  'a symbol': Symbol('x'),
}

/** Values that JSON gives back unchanged, or as the toJSON of their class defines. */
const KEPT: Readonly<Record<string, [unknown, string]>> = {
  'an object': [{ a: 1, b: [true, null, 'x'] }, '{"a":1,"b":[true,null,"x"]}'],
  'an object of another realm': [foreign('({ a: [1] })'), '{"a":[1]}'],
  'an object without a prototype': [Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
  'an undefined property': [{ a: undefined, b: 1 }, '{"b":1}'],
  'an instance with properties': [new Dto(), '{"name":"Ada"}'],
  'a Proxy of an object': [new Proxy({ a: 1 }, {}), '{"a":1}'],
  'a Date': [{ at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
  'a URL': [new URL('http://a/'), '"http://a/"'],
  'a class with toJSON': [{ toJSON: () => ({ a: 1 }) }, '{"a":1}'],
  'an object whose toJSON returns itself': [
    {
      a: 1,
      toJSON() {
        return this
      },
    },
    '{"a":1}',
  ],
  'a member whose toJSON returns undefined': [{ a: { toJSON: () => undefined } }, '{}'],
  'a member whose toJSON returns an object with a toJSON of its own': [
    { a: { toJSON: () => ({ b: 1, toJSON: () => new Map() }) } },
    '{"a":{"b":1}}',
  ],
  'an array with toJSON': [Object.assign([1], { toJSON: () => 'one' }), '"one"'],
  'a function with toJSON': [{ a: Object.assign(() => {}, { toJSON: () => 1 }) }, '{"a":1}'],
  'a value below forty levels': [nested(1, 40), '['.repeat(40) + 1 + ']'.repeat(40)],
  'an object from toJSON with a Date': [
    { toJSON: () => ({ at: new Date(0) }) },
    '{"at":"1970-01-01T00:00:00.000Z"}',
  ],
  'nothing inside': [{}, '{}'],
  'an array of nothing': [[], '[]'],
}

describe('the JSON codec', () => {
  for (const [name, value] of Object.entries(LOST)) {
    it(`refuses ${name}, which JSON would lose`, () => {
      assert.throws(() => toJson(value), { code: 'MINTRING_BAD_VALUE' })
      assert.throws(() => toJson({ deep: [value] }), { code: 'MINTRING_BAD_VALUE' })
    })
  }

  for (const [name, result] of Object.entries(LEFT_OUT)) {
    it(`refuses ${name} from toJSON wherever JSON would store null`, () => {
      const lost = { toJSON: () => result }
      for (const value of [lost, [lost], { a: [1, lost] }, [[lost]], { toJSON: () => [lost] }]) {
        assert.throws(() => toJson(value), { code: 'MINTRING_BAD_VALUE' })
      }
    })
  }

  for (const [name, [value, text]] of Object.entries(KEPT)) {
    it(`accepts ${name}`, () => assert.equal(toJson(value), text))
  }

  it('says in its error where the value is, what it is and what to do instead, without its content', () => {
    assert.throws(() => toJson({ users: [{ seen: new Map() }] }), {
      message:
        'a Map at .users[0].seen cannot be stored as JSON without loss: ' +
        'store [...map] or Object.fromEntries(map), or set a serializer',
    })
    assert.throws(() => toJson({ 'ada@example.com': { n: 1n } }), {
      message: /^a bigint at \[…\]\.n cannot .*: String\(\) it/,
    })
  })

  it('says where the loss is in what toJSON returned', () => {
    const lost = { toJSON: () => undefined }
    assert.throws(() => toJson({ rows: [1, { of: [lost] }] }), {
      message:
        /^undefined at \.rows\[1\]\.of\[0\] cannot be stored as JSON without loss: store null/,
    })
  })

  it('calls each toJSON once, and stores what that call returned', () => {
    let calls = 0
    const counted = { toJSON: () => (++calls === 1 ? { n: calls } : new Map()) }
    assert.equal(toJson({ rows: [counted] }), '{"rows":[{"n":1}]}')
    assert.equal(calls, 1)
  })

  it('stores a bigint where the program has defined its toJSON', (context) => {
    const prototype = BigInt.prototype as { toJSON?: () => string }
    prototype.toJSON = function (this: bigint) {
      return String(this)
    }
    context.after(() => delete prototype.toJSON)
    assert.equal(toJson({ count: [1n] }), '{"count":["1"]}')
  })

  it('refuses a large value with a cycle without walking round it', () => {
    const circle: Record<string, unknown> = { rows: new Array(10_000).fill(1) }
    circle.children = [{ parent: circle }, { parent: circle }]
    assert.throws(() => toJson(circle), { message: /it refers to itself/ })
  })

  it('refuses circular values and values that are nested too deep', () => {
    const circle: Record<string, unknown> = { n: 1n }
    circle.self = circle
    assert.throws(() => toJson(circle), { code: 'MINTRING_BAD_VALUE' })
    let deep: unknown = {}
    for (let i = 0; i < 200_000; i++) deep = [deep]
    assert.throws(() => toJson(deep), { code: 'MINTRING_BAD_VALUE' })
  })

  it('accepts everything that JSON.parse can return', () => {
    const value = JSON.parse('{"a":[1,"x",null,{"b":true}],"__proto__":{"c":1}}')
    assert.equal(jsonOf(value), JSON.stringify(value))
  })
})

/** Returns a resizable ArrayBuffer; the types of ES2023 do not have them yet. */
function resizable(
  bytes: number,
  maxByteLength: number,
): ArrayBuffer & { resize(to: number): void } {
  return Reflect.construct(ArrayBuffer, [bytes, { maxByteLength }])
}

describe('values of bytes', () => {
  it('are a Buffer, used as it is, or a Uint8Array of any realm', () => {
    const bytes = Buffer.from('x')
    assert.equal(bytesIn(bytes), bytes)
    assert.deepEqual([...(bytesIn(foreign('new Uint8Array([1, 2])')) ?? [])], [1, 2])
    for (const other of [new Proxy(bytes, {}), new Float32Array(1), 'x', {}, new ArrayBuffer(1)]) {
      assert.equal(bytesIn(other), undefined)
    }
  })

  it('are copied at the call when their memory can grow, shrink or be shared', async (context) => {
    const { cache } = await serve(context)
    const growable = resizable(8, 64)
    const grown = new Uint8Array(growable).fill(65)
    const shrinking = resizable(60, 60)
    const shrunk = new Uint8Array(shrinking, 20, 30).fill(66)
    const shared = new Uint8Array(new SharedArrayBuffer(4)).fill(67)
    const stores = [
      cache.set('grown', grown),
      cache.set('shrunk', shrunk),
      cache.set('shared', shared),
      cache.set('neighbour', 'innocent'),
    ]
    growable.resize(40)
    Buffer.from(growable).write('\r\nset evil 0 0 2\r\nhi\r\n', 8)
    shrinking.resize(10)
    shared.fill(0x0a)
    await Promise.all(stores)
    assert.equal(String(await cache.get('grown')), 'AAAAAAAA')
    assert.equal(String(await cache.get('shrunk')), 'B'.repeat(30))
    assert.equal(String(await cache.get('shared')), 'CCCC')
    assert.equal(await cache.get('neighbour'), 'innocent')
    assert.equal(await cache.get('evil'), undefined)
  })
})
