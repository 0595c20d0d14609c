import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import type { MemcachedClient } from '../../src/client/client.ts'
import { abilitiesOf, type ServerAbilities } from '../../src/embedded/abilities.ts'
import { startServer } from '../../src/embedded/server.ts'
import {
  type Memcached,
  memcachedAbilities,
  skipWithoutMemcached,
  startMemcached,
} from '../support/memcached.ts'
import { connect } from './support.ts'

const POLICY = { ttl: 60, staleWhileRevalidate: 60, jitter: 0, negativeTtl: 60 } as const

/** One value of each type that docs/values.md lists. */
const VALUES: readonly (readonly [string, unknown])[] = [
  ['text', 'text'],
  ['empty text', ''],
  ['text beyond ASCII', 'größe ✓'],
  ['bytes', Buffer.from([0, 255, 13, 10])],
  ['a number', 42],
  ['NaN', Number.NaN],
  ['a bigint', 2n ** 70n],
  ['true', true],
  ['false', false],
  ['null', null],
  ['an object', { a: [1, { b: null }] }],
  ['long text', 'x'.repeat(5_000)],
]

/** The reads that a server refuses which cannot get and touch. */
const TOUCHING = ['gat', 'gats']
const TOO_OLD = { code: 'MINTRING_UNSUPPORTED' }

interface Pairing {
  readonly writer: MemcachedClient
  readonly reader: MemcachedClient
}

type Write = (cache: MemcachedClient, key: string, value: unknown) => Promise<unknown>
type Read = (cache: MemcachedClient, key: string) => Promise<unknown>

const writes: Readonly<Record<string, Write>> = {
  set: (cache, key, value) => cache.set(key, value, { ttl: 120 }),
  setMany: (cache, key, value) => cache.setMany([[key, value]], { ttl: 120 }),
  add: (cache, key, value) => cache.add(key, value, { ttl: 120 }),
  replace: async (cache, key, value) => {
    await cache.set(key, 'before')
    await cache.replace(key, value, { ttl: 120 })
  },
  cas: async (cache, key, value) => {
    await cache.getOrSet(key, () => 'before', POLICY)
    await cache.cas(key, value, (await cache.gets(key))!.cas, { ttl: 120 })
  },
  getOrSet: (cache, key, value) => cache.getOrSet(key, () => value, POLICY),
  getOrSetMany: (cache, key, value) =>
    cache.getOrSetMany([key], () => new Map([[key, value]]), POLICY),
  'getOrSet beside a lock': (cache, key, value) => {
    return cache.getOrSet(key, () => value, { ...POLICY, placeholder: 'sidecar' })
  },
  refresh: (cache, key, value) => cache.refresh(key, () => value, POLICY),
}

const reads: Readonly<Record<string, Read>> = {
  get: (cache, key) => cache.get(key),
  gets: async (cache, key) => (await cache.gets(key))?.value,
  getMany: async (cache, key) => (await cache.getMany([key])).get(key),
  getManyDetailed: async (cache, key) => (await cache.getManyDetailed([key])).get(key),
  gat: (cache, key) => cache.gat(key, 120),
  gats: async (cache, key) => (await cache.gats(key, 120))?.value,
  getOrSet: (cache, key) => cache.getOrSet(key, () => 'loaded anew', POLICY),
  getOrSetMany: async (cache, key) => {
    return (await cache.getOrSetMany([key], () => new Map(), POLICY)).get(key)
  },
}

/** Two clients of one server, each with its own protocol setting. */
function define(
  pairing: (context: TestContext) => Promise<Pairing>,
  { gat }: ServerAbilities,
): void {
  for (const [writeName, write] of Object.entries(writes)) {
    test(`every verb reads what ${writeName} stored, of every type`, async (context) => {
      const { writer, reader } = await pairing(context)
      for (const [type, value] of VALUES) {
        const key = `${writeName}:${type}`.replaceAll(' ', '-')
        await write(writer, key, value)
        for (const [readName, read] of Object.entries(reads)) {
          const found = read(reader, key)
          if (!gat && TOUCHING.includes(readName)) await assert.rejects(found, TOO_OLD)
          else assert.deepEqual(await found, value, `${type} by ${readName}`)
        }
      }
    })
  }

  test('incr, append and prepend change counters and texts that a refill stored', async (context) => {
    const { writer, reader } = await pairing(context)
    await writer.getOrSet('count', () => 41, POLICY)
    assert.equal(await reader.incr('count'), 42n)
    assert.equal(await writer.getOrSet('count', () => 0, POLICY), 42)
    assert.equal(await reader.decr('count', 40), 2n)
    assert.equal(await writer.get('count'), 2)
    await writer.getOrSet('text', () => 'b', POLICY)
    assert.equal(await reader.append('text', 'c'), true)
    assert.equal(await reader.prepend('text', 'a'), true)
    assert.equal(await writer.getOrSet('text', () => 'other', POLICY), 'abc')
    await writer.getOrSet('object', () => ({ a: 1 }), POLICY)
    await assert.rejects(reader.incr('object'))
    assert.deepEqual(await reader.get('object'), { a: 1 })
  })

  test('a key that is being loaded reads as a miss; add stores a value, which the loaded one does not replace', async (context) => {
    const { writer, reader } = await pairing(context)
    let end: (value: string) => void = () => {}
    const value = new Promise<string>((resolve) => {
      end = resolve
    })
    let loading: Promise<string> | undefined
    await new Promise<void>((begin) => {
      const load = (): Promise<string> => {
        begin()
        return value
      }
      loading = writer.getOrSet('k', load, POLICY)
    })
    assert.equal(await reader.get('k'), undefined)
    assert.equal(await reader.gets('k'), undefined)
    assert.equal((await reader.getMany(['k'])).size, 0)
    assert.equal(await reader.add('k', 'added'), true)
    assert.equal(await reader.add('k', 'late'), false)
    end('loaded')
    assert.equal(await loading, 'loaded')
    assert.equal(await reader.get('k'), 'added')
  })
}

type Protocol = 'auto' | 'classic'

/** Tests of one server use different keys. */
let tests = 0

function pairs(
  address: (context: TestContext) => Promise<string>,
  abilities: ServerAbilities,
): void {
  const protocols: Protocol[] = abilities.meta ? ['auto', 'classic'] : ['auto']
  for (const one of protocols) {
    for (const other of protocols) {
      describe(`written with protocol '${one}', read with '${other}'`, () => {
        define(async (context) => {
          const server = await address(context)
          const keyPrefix = `${tests++}:`
          const [writer, reader] = [one, other].map((protocol) =>
            connect(context, server, { protocol, keyPrefix, compressAboveBytes: 1_000 }),
          )
          return { writer: writer!, reader: reader! }
        }, abilities)
      })
    }
  }
}

for (const version of ['1.4.39', '1.5.22', '1.6.18', '1.6.45'] as const) {
  describe(`on the embedded server that imitates memcached ${version}`, () => {
    pairs(async (context) => {
      const server = await startServer({ version })
      context.after(() => server.close())
      return server.address
    }, abilitiesOf(version))
  })
}

describe('on a real memcached', { skip: skipWithoutMemcached() }, () => {
  let server: Memcached
  before(async () => {
    server = await startMemcached()
  })
  after(() => server.stop())
  pairs(async () => `${server.host}:${server.port}`, memcachedAbilities())
})
