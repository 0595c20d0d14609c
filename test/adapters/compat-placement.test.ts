import assert from 'node:assert/strict'
import { getHashes } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import Original from 'memcached-original'
import { keysOf } from '../../src/integrations/compat/engine.ts'
import { Memcached } from '../../src/integrations/compat.ts'

const KEYS_EACH = 40
const RUNS = 300

interface Ring {
  readonly HashRing: { get(key: string): string | undefined }
  readonly namespace: unknown
}
type Make = new (locations: unknown, options: object) => Ring & { end(): void }

const There = Original as unknown as Make
const Here = Memcached as unknown as Make

/** Every digest that this Node's OpenSSL has, under each of its names. */
const algorithms = getHashes().filter((name) => !name.startsWith('id-'))
const compatibilities = ['ketama', 'hash_ring', 'libketama', '', null, undefined]
const hosts = ['a', 'b', 'cache-1.example.com', '10.0.0.1', '10.0.0.2', '127.0.0.1', 'localhost']
const ports = ['', ':11211', ':11212', ':1', ':65535']

const location = fc
  .tuple(fc.constantFrom(...hosts), fc.constantFrom(...ports))
  .map(([host, port]) => host + port)
const weight = fc.oneof(
  fc.integer({ min: 1, max: 20 }),
  fc.constantFrom(0, 0.5, 1.5, 7.25, 1e6, '3', '', 'much', true),
  fc.record({ weight: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ weight: fc.constantFrom(1, 2, '2'), vnodes: fc.constantFrom(0, 1, 40, 55) }),
)
const locations = fc.oneof(
  location,
  // A server may be listed twice.
  fc.array(location, { minLength: 1, maxLength: 12 }),
  fc.dictionary(location, weight, { minKeys: 1, maxKeys: 10 }),
)
const options = fc.record(
  {
    algorithm: fc.constantFrom('md5', 'sha1', 'sha256', 'SHA512', undefined, ...algorithms),
    compatibility: fc.constantFrom(...compatibilities),
    namespace: fc.constantFrom('', 'ns:', 'ü:', 'long'.repeat(70)),
    keyCompression: fc.boolean(),
  },
  { requiredKeys: [] },
)
const key = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 300 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
    fc.integer().map(String),
  )
  // Skip keys such as 'toString': the package caches places in an object with that prototype.
  .filter((one) => !(one in {}))

/** Returns a server with its port, because `a` and `a:11211` are the same server. */
function withPort(location = ''): string {
  return /:\d+$/.test(location) ? location : `${location}:11211`
}

/** The keys that the two clients place on different servers, with both servers. */
function displaced(theirs: Ring, ours: Ring, keys: readonly string[]): unknown[] {
  return keys
    .map((one) => `${theirs.namespace}${one}`)
    .map((full) => [full, theirs.HashRing.get(full), ours.HashRing.get(full)])
    .filter(([, there, here]) => withPort(there) !== withPort(here))
}

function compare(listed: unknown, settings: object, keys: readonly string[]): void {
  const theirs = new There(listed, { ...settings })
  const ours = new Here(listed, { ...settings })
  const about = JSON.stringify([listed, settings])
  assert.equal(ours.namespace, theirs.namespace, about)
  assert.deepEqual(displaced(theirs, ours, keys), [], about)
  ours.end()
}

describe('mintring/compat, compared with the package memcached', () => {
  test('places every key on the same server for random servers and options', () => {
    const keys = fc.array(key, { minLength: KEYS_EACH, maxLength: KEYS_EACH })
    fc.assert(fc.property(locations, options, keys, compare), { numRuns: RUNS })
  })

  test('places keys on the same servers for each digest, compatibility mode and port', () => {
    const keys = Array.from({ length: 60 }, (_, i) => `key:${i}`)
    for (const algorithm of algorithms) {
      for (const compatibility of ['ketama', 'hash_ring', undefined]) {
        for (const port of ['', ':11211', ':11212']) {
          const listed = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((host) => host + port)
          compare(listed, { algorithm, compatibility }, keys)
        }
      }
    }
  })

  test('sends a key to the server where it is placed, also a long key that travels as its hash', () => {
    const listed = ['a:1', 'b:11211', 'c', 'd:2']
    const theirs = new There(listed, {})
    const ours = new Memcached(listed)
    for (let i = 0; i < 500; i++) {
      const full = `${'x'.repeat(i)}:${i}`
      const command = keysOf(ours)
      assert.equal(ours.client.locate(`${i}`).server, theirs.HashRing.get(`${i}`))
      assert.equal(command.routeKey(full), full)
      assert.ok(command.wireKey(full).length <= 250)
    }
    ours.end()
  })
})
