import assert from 'node:assert/strict'
import process from 'node:process'
import { test } from 'node:test'
import { createRing, type HashName } from '../../src/ring/index.ts'

const LOOKUPS = 200_000
/** The limit per look-up. One allocated number would take 16 bytes; V8's compiler takes a few. */
const MOST_BYTES = 4
/** The test repeats the measurement: garbage collection or compilation may disturb a run. */
const MOST_RUNS = 60

const keys = Array.from({ length: 1_000 }, (_, i) => `user:profile:${i * 7919}`)
const servers = Array.from({ length: 10 }, (_, i) => `10.0.0.${i}:11211`)

/** Without xxHash: passing a key to WebAssembly allocates. */
const hashes: readonly HashName[] = ['md5', 'fnv1a_32', 'fnv1a_64', 'crc32a', 'murmur3', 'jenkins']

for (const hash of hashes) {
  test(`a look-up by ${hash} allocates nothing`, () => {
    const ring = createRing(servers, { hash })
    let sum = 0
    const lookUp = (): void => {
      for (let i = 0; i < LOOKUPS; i++) sum += ring.indexOf(keys[i % keys.length]!)
    }
    let bytes = Number.POSITIVE_INFINITY
    for (let run = 0; run < MOST_RUNS && bytes > MOST_BYTES; run++) {
      const before = process.memoryUsage().heapUsed
      lookUp()
      const used = (process.memoryUsage().heapUsed - before) / LOOKUPS
      if (used >= 0) bytes = Math.min(bytes, used)
    }
    assert.ok(sum > 0 && bytes <= MOST_BYTES, `${bytes} bytes per look-up`)
  })
}
