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
  readonly seed: number
  /** Unix times. */
  readonly startMs: number
  readonly learnMs: number
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

if (process.send !== undefined) {
  process.on('message', (order: Order) => {
    void run(order).then((seen) => {
      process.send?.(seen, () => process.exit(0))
    })
  })
  process.send('ready')
}

async function run(order: Order): Promise<Seen> {
  const { keys, seed, startMs, endMs } = order
  const fleet = new Member(order)
  const pick = picker(keys, seededRandom(seed))
  await fleet.connect()
  await sleep(Math.max(0, startMs - Date.now()))
  setTimeout(() => void fleet.learn(), order.learnMs - Date.now())
  const gapMs = 1_000 / order.readsPerSecond
  let due = startMs
  while (due < endMs) {
    // Starts all reads that are due: a busy machine must not lower the rate.
    for (const now = Date.now(); due <= now; due += gapMs) fleet.ask(pick())
    await sleep(1)
  }
  return fleet.end()
}

class Member {
  readonly #order: Order
  readonly #random: () => number
  readonly #isMoved: (key: string) => boolean
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

  constructor(order: Order) {
    this.#order = order
    this.#random = seededRandom(order.seed + 1_000)
    this.#isMoved = movesBetween(ringOf(order.from), ringOf(order.to))
    this.#client = new MemcachedClient(order.from.servers, order.from.behaviors)
  }

  async connect(): Promise<void> {
    await this.#client.version()
  }

  async learn(): Promise<void> {
    const { from, to, handoverSeconds: handover, announceSeconds: announce } = this.#order
    const lengths = handover === 0 ? { handover } : { handover, announce }
    this.#client = await changed(this.#client, from, to, lengths)
  }

  ask(key: string): void {
    if (this.#random() < this.#order.writeShare) this.#write(key)
    else void this.#read(key)
  }

  async end(): Promise<Seen> {
    await sleep(500)
    this.#copied = this.#client.handover?.copied ?? this.#copied
    await this.#client.close()
    return { ...this.#seen, copied: this.#copied, movedRead: [...this.#movedRead] }
  }

  async #read(key: string): Promise<void> {
    const isMoved = this.#isMoved(key)
    const beganMs = performance.now()
    const atMs = Date.now() - this.#order.startMs
    const isInMove = isMoved && this.#isInMove()
    this.#count('reads', atMs)
    if (isInMove) this.#movedRead.add(Number(key.slice('key:'.length)))
    this.#copied = this.#client.handover?.copied ?? this.#copied
    const load = (): string => {
      this.#count('loads', Date.now() - this.#order.startMs)
      if (isMoved) this.#seen[isInMove ? 'loadsOfMoved' : 'loadsAfterwards']++
      return bodyOf(key)
    }
    try {
      await this.#client.getOrSet(key, load, { ttl: '1h' })
    } catch (error) {
      this.#fail(error)
    }
    if (!isMoved) this.#seen.times.push(atMs, performance.now() - beganMs)
  }

  /** Whether a moved key that is read now must not be loaded. */
  #isInMove(): boolean {
    const [fromMs, toMs] = this.#order.moveMs
    const { handover } = this.#client
    // The clock of a handover starts when the first process reaches a host, and may differ by what
    // that took from the clock of the bench.
    const endMs = handover === undefined ? toMs : handover.endsAtMs - this.#order.settleMs
    return Date.now() >= fromMs && Date.now() < Math.min(toMs, endMs)
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

/** Keys by Zipf's law. */
function picker(keys: number, random: () => number): () => string {
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
    return `key:${low}`
  }
}
