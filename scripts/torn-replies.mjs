// Reads and writes through proxies that cut, stall and split the servers' replies, and checks every
// value read against the key it was asked for:
// node --import tsx scripts/torn-replies.mjs [operations] [seed]
import { MemcachedClient } from '../src/client/client.ts'
import { startChaosProxy } from '../test/support/chaos-proxy.ts'
import { startMemcached } from '../test/support/memcached.ts'

const operations = Number(process.argv[2] ?? 1_000_000)
const seed = Number(process.argv[3] ?? 1)
const WORKERS = 128
const KEYS = 5_000
const CHAOS = { cutShare: 0.003, stallShare: 0.001, stallMs: 150 }

const servers = await Promise.all([startMemcached(), startMemcached(), startMemcached()])
const proxies = await Promise.all(
  servers.map(({ port }, index) => startChaosProxy(port, seed + index)),
)
const cache = new MemcachedClient(
  proxies.map(({ port }) => `127.0.0.1:${port}`),
  { requestTimeoutMs: 100, retryTimeoutMs: 100, connectTimeoutMs: 100 },
)

const counts = { issued: 0, settled: 0, hits: 0, misses: 0, wrong: 0, sets: 0, errors: 0 }
const codes = new Map()
const keyOf = (index) => `torn:${index}`
// Sizes from a few bytes to several reads of a socket.
const textOf = (index) => `${keyOf(index)}=`.padEnd(20 + ((index * 7919) % 20_000), 'x')

function check(key, value) {
  if (value === undefined) counts.misses++
  else if (value === textOf(Number(key.slice(5)))) counts.hits++
  else counts.wrong++
}

const verbs = [
  async (index) => check(keyOf(index), await cache.get(keyOf(index))),
  async (index) => check(keyOf(index), (await cache.gets(keyOf(index)))?.value),
  async (index) => {
    await cache.set(keyOf(index), textOf(index))
    counts.sets++
  },
  async (index) => {
    const keys = Array.from({ length: 10 }, (_, i) => keyOf((index + i * 37) % KEYS))
    const found = await cache.getMany(keys)
    for (const key of keys) check(key, found.get(key))
  },
]

async function work(worker) {
  for (let turn = worker; counts.issued < operations; turn++) {
    counts.issued++
    const index = (turn * 2_654_435_761) % KEYS
    try {
      await verbs[turn % 9 < 6 ? 0 : (turn % 3) + 1](index)
    } catch (error) {
      counts.errors++
      codes.set(error.code ?? error.name, (codes.get(error.code ?? error.name) ?? 0) + 1)
    }
    counts.settled++
  }
}

for (let index = 0; index < KEYS; index++) await cache.set(keyOf(index), textOf(index))
for (const proxy of proxies) proxy.chaos = CHAOS
const startMs = performance.now()
await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker)))
const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
await cache.close()
const dials = proxies.reduce((sum, proxy) => sum + proxy.accepted, 0)
await Promise.all(proxies.map((proxy) => proxy.close()))
await Promise.all(servers.map((server) => server.stop()))

console.log({ seed, seconds, dials, ...counts, errorCodes: Object.fromEntries(codes) })
const isGood = counts.wrong === 0 && counts.settled === counts.issued && counts.hits > 0
process.exitCode = isGood ? 0 : 1
