// Stores random values of every type and reads them back, from a real memcached and the embedded
// server, by single verbs and in batches. Too slow to run in full for every change: CI runs a few.
//   node --import ./scripts/typescript.mjs scripts/round-trips.mjs [values = 100000] [seed]
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { MemcachedClient } from '../src/client/client.ts'
import { startServer } from '../src/embedded/server.ts'
import { findMemcached, startMemcached } from '../test/support/memcached.ts'

const BATCH = 100
const values = Number(process.argv[2] ?? 100_000)
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31)

const anything = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'binary-ascii' }),
  fc.uint8Array({ maxLength: 5000 }).map((bytes) => Buffer.from(bytes)),
  fc.double(),
  fc.bigInt(),
  fc.boolean(),
  fc.constant(null),
  // JSON itself has no -0.
  fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value))),
  fc.constantFrom('\r\n', 'END\r\n', 'VALUE k 0 1\r\nx\r\nEND\r\n', '\0', '\ud800'),
)
const batches = fc.array(anything, { minLength: BATCH - 1, maxLength: BATCH })

async function run(name, address, behaviors) {
  const cache = new MemcachedClient([address], { requestTimeoutMs: 10_000, ...behaviors })
  const property = fc.asyncProperty(batches, async (batch) => {
    const entries = batch.map((value, i) => [`k${i}`, value])
    if (batch.length % 2 === 0) await cache.setMany(entries)
    else await Promise.all(entries.map(([key, value]) => cache.set(key, value)))
    const found = await cache.getMany(entries.map(([key]) => key))
    const single = await Promise.all(entries.map(([key]) => cache.get(key)))
    for (const [i, [key, value]] of entries.entries()) {
      assert.deepEqual(found.get(key), value)
      assert.deepEqual(single[i], value)
    }
  })
  try {
    await fc.assert(property, { numRuns: Math.ceil(values / BATCH), seed })
    console.log(`${name}: ${values} values read back equal (seed ${seed})`)
  } finally {
    await cache.close()
  }
}

const embedded = await startServer()
await run('embedded', embedded.address, {})
await run('embedded, gzip', embedded.address, { compressAboveBytes: 64 })
await embedded.close()
if (findMemcached() === undefined) {
  console.log('no memcached found: it was not asked')
} else {
  const server = await startMemcached()
  await run('memcached', `${server.host}:${server.port}`, {})
  await server.stop()
}
