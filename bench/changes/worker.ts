import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import type { ChangeOptions } from '../../src/client/handovers.ts'
import { createRing, type Ring } from '../../src/ring/ring.ts'
import { parseServer } from '../../src/ring/server.ts'
import { Popularity } from '../../src/simulate/popularity.ts'
import { seededRandom } from '../../src/simulate/virtual-time.ts'
import type { Side } from './cases.ts'

/**
 * One process of the fleet of `bench/changes.ts`: reads keys at a steady rate, gets the new server
 * list at its time, and sends its counts to the parent when it ends.
 */
export interface Order {
  readonly from: Side
  readonly to: Side
  /** 0 is a change without handover. */
  readonly handoverSeconds: number
  readonly announceSeconds: number
  readonly keys: number
  readonly readsPerSecond: number
  readonly writeShare: number
  /** The share of reads of keys that nothing has stored. */
  readonly newShare: number
  /** How much faster it reads until `warmMs`. */
  readonly warmFactor: number
  readonly seed: number
  /** Unix times. */
  readonly startMs: number
  readonly warmMs: number
  /** Undefined: it never learns of the change. */
  readonly learnMs: number | undefined
  readonly endMs: number
  /** When the first process learns, and when values no longer move. */
  readonly settleMs: number
  readonly moveMs: readonly [from: number, to: number]
}

/** The counts of one process. */
export interface Seen {
  /** By second from the start. */
  readonly reads: number[]
  readonly loads: number[]
  /** Loads of moved keys by reads that began while values could move. */
  readonly loadsOfMoved: number
  readonly errors: number
  readonly firstErrors: readonly string[]
  /** The ranks of the moved keys that were read while values could move. */
  readonly movedRead: readonly number[]
  /** Loads of moved keys after that. */
  readonly loadsAfterwards: number
  /** Reads of keys that do not move: `[ms from the start, ms it took]`, one after the other. */
  readonly times: readonly number[]
  readonly copied: number
}

const POLICY = { ttl: '1h' } as const
/** How often a process looks how far its handover is. */
const LOOK_MS = 1_000

if (process.send !== undefined) {
  process.on('message', (order: Order) => {
    void run(order).then((seen) => process.send?.(seen))
  })
  // Not before, because what was sent could be lost.
  process.on('disconnect', () => process.exit(0))
  process.send('ready')
}

async function run(order: Order): Promise<Seen> {
  const { keys, seed, startMs, warmMs, learnMs, endMs } = order
  const fleet = new Member(order)
  const pick = picker(keys, seededRandom(seed))
  await fleet.connect()
  await sleep(Math.max(0, startMs - Date.now()))
  if (learnMs !== undefined) setTimeout(() => void fleet.learn(), learnMs - Date.now())
  const gapMs = 1_000 / order.readsPerSecond
  let due = startMs
  while (due < endMs) {
    // Starts all reads that are due: a busy machine must not lower the rate.
    for (const now = Date.now(); due <= now; ) {
      fleet.ask(pick())
      due += due < warmMs ? gapMs / order.warmFactor : gapMs
    }
    await sleep(1)
  }
  return fleet.end()
}

class Member {
  readonly #order: Order
  readonly #random: () => number
  /** By the rank of the key. */
  readonly #isMoved: readonly boolean[]
  readonly #seen = {
    reads: [] as number[],
    loads: [] as number[],
    loadsOfMoved: 0,
    loadsAfterwards: 0,
    firstErrors: [] as string[],
    times: [] as number[],
    errors: 0,
  }
  readonly #movedRead = new Set<number>()
  #client: MemcachedClient
  #copied = 0
  #endsAtMs: number | undefined
  #news = 0

  constructor(order: Order) {
    this.#order = order
    this.#random = seededRandom(order.seed + 1_000)
    const isMoved = movesBetween(ringOf(order.from), ringOf(order.to))
    this.#isMoved = Array.from({ length: order.keys }, (_, rank) => isMoved(keyOf(rank)))
    this.#client = new MemcachedClient(order.from.servers, order.from.behaviors)
  }

  async connect(): Promise<void> {
    await this.#client.version()
    // Rarely, because it is no part of what is measured.
    setInterval(() => this.#look(), LOOK_MS)
  }

  #look(): void {
    const { handover } = this.#client
    this.#copied = handover?.copied ?? this.#copied
    this.#endsAtMs = handover?.endsAtMs
  }

  async learn(): Promise<void> {
    const { from, to, handoverSeconds: handover, announceSeconds: announce } = this.#order
    const lengths = handover === 0 ? { handover } : { handover, announce }
    this.#client = await changed(this.#client, from, to, lengths)
  }

  ask(rank: number): void {
    const { writeShare, newShare, seed } = this.#order
    const dice = this.#random()
    if (dice < writeShare) this.#write(keyOf(rank))
    else if (dice > 1 - newShare) this.#load(`new:${seed}:${this.#news++}`)
    else void this.#read(rank)
  }

  async end(): Promise<Seen> {
    await sleep(500)
    this.#look()
    await this.#client.close()
    return { ...this.#seen, copied: this.#copied, movedRead: [...this.#movedRead] }
  }

  async #read(rank: number): Promise<void> {
    const key = keyOf(rank)
    const isMoved = this.#isMoved[rank]!
    const beganMs = performance.now()
    const atMs = Date.now() - this.#order.startMs
    const isInMove = isMoved && this.#isInMove()
    this.#count('reads', atMs)
    if (isInMove) this.#movedRead.add(rank)
    const load = (): string => {
      this.#count('loads', Date.now() - this.#order.startMs)
      if (isMoved) this.#seen[isInMove ? 'loadsOfMoved' : 'loadsAfterwards']++
      return bodyOf(key)
    }
    try {
      await this.#client.getOrSet(key, load, POLICY)
    } catch (error) {
      this.#fail(error)
    }
    if (!isMoved) this.#seen.times.push(atMs, performance.now() - beganMs)
  }

  /** Whether a moved key that is read now must not be loaded. */
  #isInMove(): boolean {
    const [fromMs, toMs] = this.#order.moveMs
    // The clock of a handover starts when the first process reaches a host, and may differ by what
    // that took from the clock of the bench.
    const endMs = (this.#endsAtMs ?? Number.POSITIVE_INFINITY) - this.#order.settleMs
    return Date.now() >= fromMs && Date.now() < Math.min(toMs, endMs)
  }

  /** Reads a key for the first time, as every cache does all the time. */
  #load(key: string): void {
    this.#client.getOrSet(key, () => bodyOf(key), POLICY).catch((error) => this.#fail(error))
  }

  #write(key: string): void {
    const body = bodyOf(key)
    this.#client.set(key, body, { ttl: '2h' }).catch((error) => this.#fail(error))
  }

  #fail(error: unknown): void {
    if (this.#seen.errors++ < 3) this.#seen.firstErrors.push(String(error))
  }

  #count(what: 'reads' | 'loads', atMs: number): void {
    const second = Math.max(0, Math.floor(atMs / 1_000))
    this.#seen[what][second] = (this.#seen[what][second] ?? 0) + 1
  }
}

/** Changes the servers of a client, as a deployment or a discovery would; returns its successor. */
export async function changed(
  client: MemcachedClient,
  from: Side,
  to: Side,
  lengths: ChangeOptions,
): Promise<MemcachedClient> {
  if (JSON.stringify(from.behaviors) === JSON.stringify(to.behaviors)) {
    client.setServers(to.servers, lengths)
    return client
  }
  const { requestTimeoutMs: _, connectTimeoutMs: __, ...placement } = from.behaviors
  const previous = { servers: from.servers, ...placement }
  const told = lengths.handover === 0 ? {} : { previous, ...lengths }
  const next = new MemcachedClient(to.servers, { ...to.behaviors, ...told })
  await next.version()
  void client.close()
  return next
}

const keyOf = (rank: number): string => `key:${rank}`

export const bodyOf = (key: string): string => `the value of ${key} `.repeat(10)

export function ringOf({ servers, behaviors }: Side): Ring {
  return createRing(servers, behaviors)
}

export function movesBetween(from: Ring, to: Ring): (key: string) => boolean {
  const addresses = (ring: Ring): string[] =>
    ring.servers.map((server) => `${parseServer(server).host}:${parseServer(server).port}`)
  const [before, after] = [addresses(from), addresses(to)]
  return (key) => before[from.indexOf(key)] !== after[to.indexOf(key)]
}

/** Returns ranks of keys by Zipf's law. */
function picker(keys: number, random: () => number): () => number {
  const popularity = new Popularity(keys, 0.99)
  const sums = new Float64Array(keys)
  for (let rank = 0; rank < keys; rank++) {
    sums[rank] = (rank === 0 ? 0 : sums[rank - 1]!) + popularity.shareOf(rank)
  }
  return () => {
    const dice = random()
    let [low, high] = [0, keys - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle]! < dice) low = middle + 1
      else high = middle
    }
    return low
  }
}
