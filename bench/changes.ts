import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import os from 'node:os'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { MemcachedClient } from '../src/client/client.ts'
import { settleMsOf } from '../src/ring/transition.ts'
import { type Memcached, startMemcached } from '../test/support/memcached.ts'
import { TYPESCRIPT } from '../test/support/typescript.ts'
import { type Change, changes, HOSTS, type Side } from './changes/cases.ts'
import { bodyOf, movesBetween, type Order, ringOf, type Seen } from './changes/worker.ts'
import { lines, savePicture } from './picture.mjs'

/**
 * Changes the servers of a fleet of processes under steady load, on real memcacheds, with handover
 * and without: `npm run bench -- changes`. CHANGES=join,leave and WAYS=with select runs, READS=2000
 * is the rate of the whole fleet, MEMCACHED_BIN names the memcached. Writes
 * bench/results/changes.json and the pictures of docs/changing-servers.md.
 */
const PROCESSES = 8
const KEYS = 20_000
const READS = Number(process.env.READS ?? 2_000)
const WRITE_SHARE = 0.02
const QUIET_SECONDS = 8
const LEARN_SECONDS = 10
const ANNOUNCE_SECONDS = 14
const HANDOVER_SECONDS = 30
const SETTLE_SECONDS = settleMsOf({ announceMs: 0, handoverMs: HANDOVER_SECONDS * 1_000 }) / 1_000
const AFTER_SECONDS = 8
const SECONDS = QUIET_SECONDS + ANNOUNCE_SECONDS + HANDOVER_SECONDS + AFTER_SECONDS
/** In the last seconds of a handover no process reads the previous homes. */
const END_SECONDS = QUIET_SECONDS + ANNOUNCE_SECONDS + HANDOVER_SECONDS - SETTLE_SECONDS
const WORKER = fileURLToPath(new URL('./changes/worker.ts', import.meta.url))
const RESULTS = new URL('./results/changes.json', import.meta.url)

type Way = 'with' | 'without'

interface Row {
  readonly change: string
  readonly way: Way
  readonly movedKeys: number
  readonly movedKeysRead: number
  /** Loads of moved keys whose value a live home held, from the change to the end of the move. */
  readonly loadsOfMoved: number
  readonly loadsAfterwards: number
  readonly otherLoads: number
  readonly errors: number
  readonly firstErrors: readonly string[]
  readonly copied: number
  readonly quietP99Ms: number
  readonly changeP99Ms: number
  /** By second. */
  readonly hitRatio: readonly number[]
}

const chosen = (name: string, all: readonly string[]): readonly string[] =>
  process.env[name]?.split(',') ?? all

const results: Omit<Row, 'hitRatio'>[] = []
for (const change of changes) {
  if (
    !chosen(
      'CHANGES',
      changes.map(({ name }) => name),
    ).includes(change.name)
  )
    continue
  const ofChange: Row[] = []
  for (const way of ['without', 'with'] as const) {
    if (!chosen('WAYS', ['without', 'with']).includes(way)) continue
    const row = await measure(change, way)
    ofChange.push(row)
    const { hitRatio: _, ...told } = row
    console.log(JSON.stringify(told))
    results.push(told)
  }
  if (ofChange.length === 2) draw(change, ofChange)
}
const roundTrips = await roundTripsOfMovedKey()
console.log(
  `round trips of the reads of a moved key, one after the other: ${roundTrips.join(', ')}`,
)
mkdirSync(new URL('.', RESULTS), { recursive: true })
const machine = `${os.cpus()[0]?.model} × ${os.cpus().length}, Node ${process.version}`
writeFileSync(
  RESULTS,
  `${JSON.stringify({ machine, reads: READS, roundTrips, rows: results }, null, 1)}\n`,
)

async function measure(change: Change, way: Way): Promise<Row> {
  const memcacheds = await Promise.all(
    Array.from({ length: HOSTS }, () => startMemcached({ args: ['-t', '1'] })),
  )
  try {
    const sides = change.sides(memcacheds.map(({ host, port }) => `${host}:${port}`))
    await fill(sides.from)
    return await underLoad(change, way, sides)
  } finally {
    await Promise.all(memcacheds.map(({ kill }) => kill()))
  }
}

async function fill({ servers, behaviors }: Side): Promise<void> {
  await using client = new MemcachedClient(servers, behaviors)
  for (let from = 0; from < KEYS; from += 1_000) {
    const keys = Array.from({ length: 1_000 }, (_, i) => `key:${from + i}`)
    await client.setMany(new Map(keys.map((key) => [key, bodyOf(key)])), { ttl: '2h' })
  }
}

async function underLoad(
  change: Change,
  way: Way,
  { from, to }: { readonly from: Side; readonly to: Side },
): Promise<Row> {
  const children = await ready()
  const startMs = Date.now() + 3_000
  const seen = await Promise.all(
    children.map((child, i) => {
      const learnSeconds = QUIET_SECONDS + (LEARN_SECONDS * i) / (PROCESSES - 1)
      return seenBy(child, {
        ...{ from, to, startMs, keys: KEYS, writeShare: WRITE_SHARE, seed: i + 1 },
        handoverSeconds: way === 'with' ? HANDOVER_SECONDS : 0,
        announceSeconds: ANNOUNCE_SECONDS,
        readsPerSecond: READS / PROCESSES,
        learnMs: startMs + learnSeconds * 1_000,
        endMs: startMs + SECONDS * 1_000,
        handoverEndMs: startMs + END_SECONDS * 1_000,
      })
    }),
  )
  const isMoved = movesBetween(ringOf(from), ringOf(to))
  const moved = Array.from({ length: KEYS }, (_, i) => `key:${i}`).filter(isMoved)
  return rowOf(change, way, moved.length, seen)
}

/** Processes that wait for their orders. */
async function ready(): Promise<readonly ChildProcess[]> {
  const input = { execArgv: [...TYPESCRIPT], serialization: 'advanced' as const }
  const children = Array.from({ length: PROCESSES }, () => fork(WORKER, input))
  await Promise.all(children.map((child) => once(child, 'message')))
  return children
}

async function seenBy(child: ChildProcess, order: Order): Promise<Seen> {
  child.send(order)
  const result = await Promise.race([once(child, 'message'), once(child, 'exit')])
  const [seen] = result as [Seen | number]
  if (typeof seen !== 'object') throw new Error(`a process of the fleet ended with ${seen}`)
  return seen
}

function rowOf(change: Change, way: Way, movedKeys: number, seen: readonly Seen[]): Row {
  const sum = (what: 'reads' | 'loads' | 'loadsOfMoved', second: number): number =>
    seen.reduce((total, one) => total + (one[what][second] ?? 0), 0)
  const seconds = Array.from({ length: SECONDS }, (_, i) => i)
  const moved = seconds.map((second) => sum('loadsOfMoved', second))
  const all = seconds.reduce((total, second) => total + sum('loads', second), 0)
  const total = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0)
  const times = seen.flatMap((one) => pairs(one.times))
  return {
    ...{ change: change.name, way, movedKeys },
    movedKeysRead: new Set(seen.flatMap(({ movedRead }) => movedRead)).size,
    loadsOfMoved: total(moved.slice(QUIET_SECONDS, END_SECONDS)),
    loadsAfterwards: total(moved.slice(END_SECONDS)),
    otherLoads: all - total(moved),
    errors: total(seen.map(({ errors }) => errors)),
    firstErrors: seen.flatMap(({ firstErrors }) => firstErrors).slice(0, 3),
    copied: total(seen.map(({ copied }) => copied)),
    // In the first second clients connect.
    quietP99Ms: p99(times, 1, QUIET_SECONDS),
    changeP99Ms: p99(times, QUIET_SECONDS, END_SECONDS),
    hitRatio: seconds.map((second) => 1 - sum('loads', second) / Math.max(1, sum('reads', second))),
  }
}

function pairs(times: readonly number[]): readonly (readonly [atMs: number, tookMs: number])[] {
  return Array.from({ length: times.length / 2 }, (_, i) => [times[2 * i]!, times[2 * i + 1]!])
}

function p99(
  times: readonly (readonly [atMs: number, tookMs: number])[],
  fromSecond: number,
  toSecond: number,
): number {
  const within = times
    .filter(([atMs]) => atMs >= fromSecond * 1_000 && atMs < toSecond * 1_000)
    .map(([, tookMs]) => tookMs)
    .sort((a, b) => a - b)
  return Math.round((within[Math.floor(within.length * 0.99)] ?? 0) * 100) / 100
}

function draw({ name, title }: Change, [without, withIt]: readonly Row[]): void {
  const at = (row: Row): [number, number][] => row.hitRatio.map((ratio, i) => [i, ratio * 100])
  const low = Math.min(...without!.hitRatio, ...withIt!.hitRatio) * 100
  const floor = Math.max(0, Math.floor(low / 10) * 10)
  const y = Array.from({ length: (100 - floor) / 10 + 1 }, (_, i) => floor + i * 10)
  const x = Array.from({ length: Math.floor(SECONDS / 10) + 1 }, (_, i) => i * 10)
  const axes = {
    ...{ title: `${title}: hit ratio`, x, y, linearX: true, linearY: true },
    xLabel: `seconds; learned from ${QUIET_SECONDS} to ${QUIET_SECONDS + LEARN_SECONDS}`,
    yText: (value: number) => `${value} %`,
  }
  const series = [
    { name: 'without handover', colour: '#d9663a', points: at(without!) },
    { name: 'with handover', colour: '#0f8a6d', points: at(withIt!) },
  ]
  savePicture(`change-${name}`, lines(axes, series))
}

/**
 * Counts the requests of one client for a moved key: the first read, the next, one after the end.
 */
async function roundTripsOfMovedKey(): Promise<readonly number[]> {
  const memcacheds = await Promise.all(Array.from({ length: 2 }, () => startMemcached()))
  const proxies = await Promise.all(memcacheds.map((memcached) => startProxy(memcached)))
  const [old, all] = [proxies.slice(0, 1), proxies].map((list) => list.map((one) => one.address))
  const client = new MemcachedClient(old!)
  const keys = Array.from({ length: 50 }, (_, i) => `key:${i}`)
  const isMoved = movesBetween(ringOf(side(old!)), ringOf(side(all!)))
  const key = keys.find(isMoved)!
  try {
    await client.set(key, 'value')
    client.setServers(all!, { handover: 20, announce: 2 })
    while (client.handover?.phase !== 'move') await sleep(100)
    await client.get(keys.find((other) => !isMoved(other))!)
    await sleep(1_500)
    const first = await sentFor(proxies, client, key)
    const second = await sentFor(proxies, client, key)
    while (client.handover !== undefined) await sleep(100)
    await sleep(1_500)
    return [first, second, await sentFor(proxies, client, key)]
  } finally {
    await client.close()
    for (const { close } of proxies) close()
    await Promise.all(memcacheds.map(({ kill }) => kill()))
  }
}

function side(servers: readonly string[]): Side {
  return { servers, behaviors: {} }
}

async function sentFor(
  proxies: readonly Proxy[],
  client: MemcachedClient,
  key: string,
): Promise<number> {
  const total = (): number => proxies.reduce((sum, { sent }) => sum + sent(), 0)
  const before = total()
  await client.getOrSet(key, () => 'loaded', { ttl: 60 })
  // Background work of the read belongs to it.
  await sleep(30)
  return total() - before
}

interface Proxy {
  readonly address: string
  /** How many writes clients have sent: one per round trip when each reply is awaited. */
  sent(): number
  close(): void
}

async function startProxy({ host, port }: Memcached): Promise<Proxy> {
  let sent = 0
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(port, host)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    client.on('data', () => sent++)
    client.pipe(upstream).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as { readonly port: number }
  const close = (): void => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return { address: `127.0.0.1:${address.port}`, sent: () => sent, close }
}
