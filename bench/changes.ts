import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { MemcachedClient } from '../src/client/client.ts'
import { settleMsOf } from '../src/ring/transition.ts'
import { startMemcached } from '../test/support/memcached.ts'
import { TYPESCRIPT } from '../test/support/typescript.ts'
import { type Change, changes, HOSTS, type Side } from './changes/cases.ts'
import { probe, type Sent } from './changes/probe.ts'
import { bodyOf, movesBetween, type Order, ringOf, type Seen } from './changes/worker.ts'
import { lines, savePicture } from './picture.mjs'

/**
 * Changes the servers of a fleet of processes under steady load, on real memcacheds, with handover
 * and without: `npm run bench -- changes`. CHANGES=join,leave and WAYS=with select runs, READS=3000
 * is the rate of the whole fleet, MEMCACHED_BIN names the memcached. The control takes as long, and
 * changes nothing: what its response times rise by, the machine does. The probe counts by proxies
 * what the clients send. Writes bench/results/changes.json and the pictures of
 * docs/changing-servers.md, and exits with 1 if a bound of this list is not met:
 *
 * - at most 1 of 1,000 moved keys is loaded that is read before values stop moving;
 * - no call fails;
 * - the 99th percentile of keys that do not move is at most 1.2 times that before the change;
 * - the first read of a moved key sends at most 3 commands, one after the other;
 * - its value is stored once, and no client asks a host for it twice, if all read it at once;
 * - after the end a client sends the same bytes as a fresh one.
 */
const PROCESSES = 8
const KEYS = 20_000
const READS = Number(process.env.READS ?? 3_000)
const WRITE_SHARE = 0.02
/** A cache without any misses does not exist: V8 would compile all that loads need in a change. */
const NEW_SHARE = 0.01
/** Until then clients connect, and V8 compiles: faster if they read more. */
const WARM_SECONDS = 12
const WARM_FACTOR = 3
const QUIET_SECONDS = WARM_SECONDS + 12
const MAX_LOADED = 1 / 1_000
const MAX_P99_RATIO = 1.2
const MAX_COMMANDS = 3
const LEARN_SECONDS = 10
const ANNOUNCE_SECONDS = 14
const HANDOVER_SECONDS = 30
const SETTLE_MS = settleMsOf({ announceMs: 0, handoverMs: HANDOVER_SECONDS * 1_000 })
const AFTER_SECONDS = 8
const SECONDS = QUIET_SECONDS + ANNOUNCE_SECONDS + HANDOVER_SECONDS + AFTER_SECONDS
/** When values begin to move. */
const MOVE_SECONDS = QUIET_SECONDS + ANNOUNCE_SECONDS
/** In the last seconds of a handover no process reads the previous homes. */
const END_SECONDS = QUIET_SECONDS + ANNOUNCE_SECONDS + HANDOVER_SECONDS - SETTLE_MS / 1_000
const WORKER = fileURLToPath(new URL('./changes/worker.ts', import.meta.url))
const RESULTS = new URL('./results/changes.json', import.meta.url)

const WAYS = ['control', 'without', 'with'] as const
type Way = (typeof WAYS)[number]

interface Row {
  readonly change: string
  readonly way: Way
  readonly movedKeys: number
  readonly movedKeysRead: number
  /** Loads of moved keys by reads from the first process that learned to the end of the move. */
  readonly loadsOfMoved: number
  readonly loadsAfterwards: number
  readonly otherLoads: number
  readonly errors: number
  readonly firstErrors: readonly string[]
  readonly copied: number
  readonly quietP99Ms: number
  readonly changeP99Ms: number
  readonly announceP99Ms: number
  readonly moveP99Ms: number
  /** The p99 times of the whole change and of its phases, each divided by the quiet one. */
  readonly ratios: { readonly change: number; readonly announce: number; readonly move: number }
  /** By second. */
  readonly hitRatio: readonly number[]
}

const chosen = (name: string, all: readonly string[]): readonly string[] =>
  process.env[name]?.split(',') ?? all

const rows: Omit<Row, 'hitRatio'>[] = []
const sent: Record<string, Sent> = {}
const missed: string[] = []
const names = chosen(
  'CHANGES',
  changes.map(({ name }) => name),
)
const ways = chosen('WAYS', [...WAYS, 'probe'])
for (const change of changes.filter(({ name }) => names.includes(name))) {
  const ofChange: Row[] = []
  for (const way of WAYS) {
    // One control is enough for all changes: nothing moves in it.
    const isDone = way === 'control' && rows.length > 0
    if (isDone || !ways.includes(way)) continue
    const row = await measure(change, way)
    ofChange.push(row)
    const { hitRatio: _, ...told } = row
    console.log(JSON.stringify(told))
    rows.push(told)
    if (way === 'with') missed.push(...missedBy(row))
  }
  const [without, withIt] = ['without', 'with'].map((name) =>
    ofChange.find(({ way }) => way === name),
  )
  if (without !== undefined && withIt !== undefined) draw(change, without, withIt)
  if (!ways.includes('probe')) continue
  const counts = await probe(change)
  console.log(JSON.stringify({ change: change.name, ...counts }))
  sent[change.name] = counts
  missed.push(...missedInCommands(change.name, counts))
}
mkdirSync(new URL('.', RESULTS), { recursive: true })
const machine = `${os.cpus()[0]?.model} × ${os.cpus().length}, Node ${process.version}`
const result = { machine, reads: READS, missed, rows, sent }
writeFileSync(RESULTS, `${JSON.stringify(result, null, 1)}\n`)
console.log(missed.length === 0 ? 'All bounds are met.' : `Not met: ${missed.join('; ')}`)
process.exitCode = missed.length === 0 ? 0 : 1

/** The bounds that a change under load does not meet. */
function missedBy({ change, loadsOfMoved, movedKeysRead, errors, ...row }: Row): string[] {
  const ratio = row.ratios.change
  return [
    ...(loadsOfMoved > movedKeysRead * MAX_LOADED ? [`${change}: ${loadsOfMoved} loads`] : []),
    ...(errors > 0 ? [`${change}: ${errors} errors`] : []),
    ...(ratio > MAX_P99_RATIO ? [`${change}: p99 × ${ratio.toFixed(2)}`] : []),
  ]
}

/** The bounds that the commands of a change do not meet. */
function missedInCommands(change: string, counts: Sent): string[] {
  const { firstRead, nextRead, storesPerKey, readsPerClientAndHost, loads, isAsFresh } = counts
  return [
    ...(firstRead > MAX_COMMANDS ? [`${change}: ${firstRead} commands for a moved key`] : []),
    ...(nextRead > 1 ? [`${change}: ${nextRead} commands for its next read`] : []),
    ...(storesPerKey > 1 ? [`${change}: a value was stored ${storesPerKey} times`] : []),
    ...(readsPerClientAndHost > 1 ? [`${change}: a client waited for a lease`] : []),
    ...(loads > 0 ? [`${change}: ${loads} loads before proxies`] : []),
    ...(isAsFresh ? [] : [`${change}: other commands afterwards than a fresh client`]),
  ]
}

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
        ...{ from, to, startMs, keys: KEYS, writeShare: WRITE_SHARE, newShare: NEW_SHARE },
        ...{ seed: i + 1, warmMs: startMs + WARM_SECONDS * 1_000, warmFactor: WARM_FACTOR },
        handoverSeconds: way === 'with' ? HANDOVER_SECONDS : 0,
        announceSeconds: ANNOUNCE_SECONDS,
        readsPerSecond: READS / PROCESSES,
        learnMs: way === 'control' ? undefined : startMs + learnSeconds * 1_000,
        endMs: startMs + SECONDS * 1_000,
        settleMs: SETTLE_MS,
        moveMs: [startMs + QUIET_SECONDS * 1_000, startMs + END_SECONDS * 1_000] as const,
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
  child.disconnect()
  return seen
}

function rowOf(change: Change, way: Way, movedKeys: number, seen: readonly Seen[]): Row {
  const sum = (what: 'reads' | 'loads', second: number): number =>
    seen.reduce((total, one) => total + (one[what][second] ?? 0), 0)
  const seconds = Array.from({ length: SECONDS }, (_, i) => i)
  const all = seen.flatMap(({ loads }) => loads).reduce((total, count) => total + (count ?? 0), 0)
  const total = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0)
  const loadsOfMoved = total(seen.map((one) => one.loadsOfMoved))
  const loadsAfterwards = total(seen.map((one) => one.loadsAfterwards))
  const times = seen.flatMap((one) => pairs(one.times))
  const quietP99Ms = p99(times, WARM_SECONDS, QUIET_SECONDS)
  const changeP99Ms = p99(times, QUIET_SECONDS, END_SECONDS)
  const announceP99Ms = p99(times, QUIET_SECONDS, MOVE_SECONDS)
  const moveP99Ms = p99(times, MOVE_SECONDS, END_SECONDS)
  const ratio = (ms: number): number => rounded(ms / quietP99Ms)
  return {
    ...{ change: change.name, way, movedKeys },
    movedKeysRead: new Set(seen.flatMap(({ movedRead }) => movedRead)).size,
    loadsOfMoved,
    loadsAfterwards,
    otherLoads: all - loadsOfMoved - loadsAfterwards,
    errors: total(seen.map(({ errors }) => errors)),
    firstErrors: seen.flatMap(({ firstErrors }) => firstErrors).slice(0, 3),
    copied: total(seen.map(({ copied }) => copied)),
    ...{ quietP99Ms, changeP99Ms, announceP99Ms, moveP99Ms },
    ratios: {
      change: ratio(changeP99Ms),
      announce: ratio(announceP99Ms),
      move: ratio(moveP99Ms),
    },
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
  return rounded(within[Math.floor(within.length * 0.99)] ?? 0)
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}

function draw({ name, title }: Change, without: Row, withIt: Row): void {
  const at = (row: Row): [number, number][] => row.hitRatio.map((ratio, i) => [i, ratio * 100])
  const low = Math.min(...without.hitRatio, ...withIt.hitRatio) * 100
  const floor = Math.max(0, Math.floor(low / 10) * 10)
  const y = Array.from({ length: (100 - floor) / 10 + 1 }, (_, i) => floor + i * 10)
  const x = Array.from({ length: Math.floor(SECONDS / 10) + 1 }, (_, i) => i * 10)
  const axes = {
    ...{ title: `${title}: hit ratio`, x, y, linearX: true, linearY: true },
    xLabel: `seconds; learned from ${QUIET_SECONDS} to ${QUIET_SECONDS + LEARN_SECONDS}`,
    yText: (value: number) => `${value} %`,
  }
  const series = [
    { name: 'without handover', colour: '#d9663a', points: at(without) },
    { name: 'with handover', colour: '#0f8a6d', points: at(withIt) },
  ]
  savePicture(`change-${name}`, lines(axes, series))
}
