// The ring: `npm run bench -- ring`. Nanoseconds per lookup of keys that are not in its caches,
// build time and memory, for every distribution at 3 to 10,000 hosts, compared with npm's hashring,
// ketama and memcached, and a plain modulo. Timed results only: `mintring remap` counts what a
// change moves.
// Writes the medians to bench/results/ring.json, or to the file that BENCH_RESULTS names.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { do_not_optimize, measure } from 'mitata'
import { compat } from '../src/ring/compat.ts'
import { distributionNames } from '../src/ring/distributions/registry.ts'
import { type HashName, hashEntry, loadHash } from '../src/ring/hashes/registry.ts'
import type { RingOptions } from '../src/ring/options.ts'
import { createRing } from '../src/ring/ring.ts'
import { TYPESCRIPT } from '../test/support/typescript.ts'

const require = createRequire(import.meta.url)
const HashRing = require('hashring')
const { HashRing: KetamaRing } = require('ketama')
const Memcached = require('memcached')

const SIZES = [3, 10, 100, 1000, 10_000]
const KEYS = 20_000
// A lookup of these costs time per server: too slow at a thousand and more.
const COSTS_WITH_SERVERS = new Set(['rendezvous', 'pymemcache'])

interface Row {
  readonly name: string
  readonly hosts: number
  readonly indexOfNs?: number
  readonly locateNs?: number
  readonly buildMs?: number
  readonly bytes?: number
}

interface Contestant {
  readonly name: string
  readonly build: (servers: readonly string[]) => (key: string) => unknown
  /** The lookup that also explains its result, where there is one. */
  readonly locate?: (servers: readonly string[]) => (key: string) => unknown
  readonly most?: number
}

/** Keys of 16 to 40 characters, as is usual; more of them than hashring remembers (5,000). */
const keys = Array.from({ length: KEYS }, (_, i) => {
  return Buffer.from(`user:${i * 7919}:`.padEnd(16 + (i % 25), 'abcdefgh')).toString('latin1')
})

function fleet(hosts: number): string[] {
  return Array.from({ length: hosts }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:11211`)
}

function ours(name: string, options: RingOptions): Contestant {
  return {
    name,
    build: (servers) => {
      const ring = createRing(servers, options)
      return (key) => ring.indexOf(key)
    },
    locate: (servers) => {
      const ring = createRing(servers, options)
      return (key) => ring.locate(key)
    },
    ...(COSTS_WITH_SERVERS.has(options.distribution ?? '') && { most: 100 }),
  }
}

const fnv1a = hashEntry('fnv1a_32').hash

const contestants: readonly Contestant[] = [
  {
    name: 'npm hashring, md5',
    build: (servers) => {
      const ring = new HashRing([...servers])
      return (key) => ring.get(key)
    },
    most: 1000,
  },
  {
    name: 'npm ketama',
    build: (servers) => {
      const ring = new KetamaRing([...servers])
      return (key) => ring.getNode(key)
    },
    most: 1000,
  },
  {
    name: 'npm memcached, its ring',
    build: (servers) => {
      const client = new Memcached([...servers])
      return (key) => client.HashRing.get(key)
    },
    most: 1000,
  },
  {
    name: 'plain modulo, fnv1a',
    build: (servers) => {
      const { length } = servers
      return (key) => servers[(fnv1a(key) >>> 0) % length]
    },
  },
  ...(['md5', 'xxh32', 'xxh64', 'fnv1a_32', 'murmur3', 'crc32a'] as const).map((hash: HashName) =>
    ours(`ketama, ${hash}`, { hash }),
  ),
  ...distributionNames
    .filter((distribution) => distribution !== 'ketama')
    .map((distribution) => {
      const preset = Object.values(compat).find((one) => one.distribution === distribution)
      return ours(distribution, { ...preset, distribution })
    }),
]

/** Median nanoseconds of one key, over runs through all of them. */
async function lookupNs(find: (key: string) => unknown): Promise<number> {
  const all = (): void => {
    for (let i = 0; i < keys.length; i++) do_not_optimize(find(keys[i]!))
  }
  const { p50 } = await measure(all, { min_cpu_time: 60e6, min_samples: 12, batch_unroll: 1 })
  return p50 / keys.length
}

async function buildMs(build: () => unknown): Promise<number> {
  const { p50 } = await measure(() => do_not_optimize(build()), {
    min_cpu_time: 30e6,
    min_samples: 3,
    batch_unroll: 1,
    batch_samples: 1,
  })
  return p50 / 1e6
}

/** Memory of one ring, array buffers included. */
function bytesOf(build: () => unknown): number {
  const used = (): number => {
    globalThis.gc?.()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const before = used()
  const held = build()
  const bytes = used() - before
  do_not_optimize(held)
  return Math.max(0, bytes)
}

async function compete(contestant: Contestant, hosts: number): Promise<Row> {
  const servers = fleet(hosts)
  const { name, build, locate } = contestant
  return {
    name,
    hosts,
    buildMs: await buildMs(() => build(servers)),
    bytes: bytesOf(() => build(servers)),
    indexOfNs: await lookupNs(build(servers)),
    ...(locate !== undefined && { locateNs: await lookupNs(locate(servers)) }),
  }
}

function print(row: Row): void {
  const figure = (value: number | undefined, digits: number): string =>
    (value === undefined ? '' : value.toFixed(digits)).padStart(10)
  const bytes = row.bytes === undefined ? undefined : row.bytes / 1024
  console.log(
    `${row.name.padEnd(26)}${String(row.hosts).padStart(7)}${figure(row.indexOfNs, 1)}` +
      `${figure(row.locateNs, 1)}${figure(row.buildMs, 3)}${figure(bytes, 0)}`,
  )
}

/** One contestant at every size, in this process. */
async function race(contestant: Contestant): Promise<void> {
  process.removeAllListeners('warning')
  process.on('warning', () => {})
  await Promise.all([loadHash('xxh32'), loadHash('xxh64')])
  const rows: Row[] = []
  for (const hosts of SIZES) {
    if (hosts <= (contestant.most ?? Number.POSITIVE_INFINITY)) {
      rows.push(await compete(contestant, hosts))
    }
  }
  process.stdout.write(JSON.stringify(rows))
}

/** Each contestant in a separate process: no real program mixes the rings of ten libraries. */
function raceAll(): Row[] {
  console.log(`${'ring'.padEnd(26)}  hosts   ns/find ns/locate  ms/build       KiB`)
  const file = fileURLToPath(import.meta.url)
  return contestants.flatMap(({ name }) => {
    const args = ['--expose-gc', ...TYPESCRIPT, file, name]
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    if (stdout === '') throw new Error(`${name} failed: ${stderr}`)
    const rows: Row[] = JSON.parse(stdout)
    rows.forEach(print)
    return rows
  })
}

const chosen = contestants.find(({ name }) => name === process.argv[2])
if (chosen !== undefined) {
  await race(chosen)
} else {
  const rows = raceAll()
  const folder = process.env.BENCH_RESULTS ?? fileURLToPath(new URL('./results', import.meta.url))
  mkdirSync(folder, { recursive: true })
  const date = new Date().toISOString().slice(0, 10)
  const machine = { date, node: process.version, cpu: cpus()[0]?.model, cores: cpus().length }
  writeFileSync(`${folder}/ring.json`, `${JSON.stringify({ machine, rows }, null, 1)}\n`)
}
