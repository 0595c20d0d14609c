import { MemcachedClient } from '../client/client.ts'
import type { Stats } from '../client/verbs/hosts.ts'
import { isMintringError } from '../errors.ts'
import { countsOf } from '../hosts/missed-counts.ts'
import type { HostSnapshot } from '../hosts/snapshot.ts'
import type { Request } from '../net/request.ts'
import { statistic } from './stats.ts'
import type { CliTarget } from './target.ts'

/** One server at one update. Rates are per second since the update before; NaN at the first. */
export interface HostFrame {
  readonly host: string
  readonly isAnswering: boolean
  readonly state: HostSnapshot['state']
  /** Why the server does not reply. */
  readonly code: string | undefined
  readonly opsPerSecond: number
  readonly getsPerSecond: number
  readonly setsPerSecond: number
  readonly evictionsPerSecond: number
  readonly hitRatio: number
  /** How long the server took to reply, in milliseconds. */
  readonly latencyMs: number
  readonly items: number
  readonly bytes: number
  readonly limitBytes: number
  readonly connections: number
  /**
   * How many keys all processes changed on other servers while this one was out, and have not told
   * it. NaN if no other server replies.
   */
  readonly owed: number
}

/** All servers at one update, and the latest events. */
export interface Frame {
  readonly atMs: number
  readonly hosts: readonly HostFrame[]
  readonly happenings: readonly string[]
}

interface Sample {
  readonly atMs: number
  readonly stats: Stats
}

const MAX_HAPPENINGS = 5

/** The counters whose sum is the number of operations of a server. */
const OPERATIONS = [
  'cmd_get',
  'cmd_set',
  'cmd_touch',
  'cmd_meta',
  'delete_hits',
  'delete_misses',
  'incr_hits',
  'incr_misses',
  'decr_hits',
  'decr_misses',
]

/**
 * Polls servers with one client each, so that a slow server is timed alone and does not delay
 * others.
 */
export class Fleet {
  readonly #watched: readonly Watched[]
  readonly #happenings: string[] = []

  constructor({ servers, behaviors }: CliTarget) {
    this.#watched = servers.map((server) => {
      const client = new MemcachedClient([server], {
        ...behaviors,
        retries: 0,
        ejectLoneHost: true,
      })
      client.on('eject', ({ host, reason }) => this.#note(`${host} was ejected (${reason})`))
      client.on('return', ({ host }) => this.#note(`${host} is back`))
      return new Watched(client)
    })
  }

  async look(): Promise<Frame> {
    const names = this.#watched.map(({ name }) => name)
    const frames = await Promise.all(this.#watched.map((watched) => watched.look()))
    const counts = await Promise.all(this.#watched.map((watched) => watched.countsOf(names)))
    const hosts = frames.map((frame, i) => ({
      ...frame,
      owed: sumOf(counts.map((all) => all[i]!)),
    }))
    return { atMs: Date.now(), hosts, happenings: [...this.#happenings] }
  }

  async close(): Promise<void> {
    await Promise.all(this.#watched.map((watched) => watched.client.close({ drainMs: 0 })))
  }

  #note(text: string): void {
    this.#happenings.unshift(`${new Date().toTimeString().slice(0, 8)}  ${text}`)
    this.#happenings.length = Math.min(this.#happenings.length, MAX_HAPPENINGS)
  }
}

/** Adds up what is known. */
function sumOf(counts: readonly number[]): number {
  const known = counts.filter((count) => !Number.isNaN(count))
  return known.length === 0 ? Number.NaN : known.reduce((sum, count) => sum + count)
}

class Watched {
  readonly client: MemcachedClient
  #before: Sample | undefined
  /** The gets that this command sent, and how many of them were hits. */
  #gets = 0
  #hits = 0

  constructor(client: MemcachedClient) {
    this.client = client
  }

  get name(): string {
    return this.client.hosts()[0]!.name
  }

  /** What each server missed according to this one; NaN if that is unknown. */
  async countsOf(names: readonly string[]): Promise<number[]> {
    const unknown = names.map(() => Number.NaN)
    if (names.length === 1) return unknown
    const { cluster } = this.client['_core']
    const counts = await countsOf(names, async (request) => {
      cluster.send(cluster.hosts[0]!, request as Request)
      this.#gets++
      const count = await request.promise
      if (count !== undefined) this.#hits++
      return count
    }).catch(() => unknown)
    return counts.map((count, i) => (names[i] === this.name ? Number.NaN : (count ?? 0)))
  }

  /** Leaves out the gets by which this command reads counters. */
  #ofOthers(stats: Stats): Stats {
    const { cmd_get: gets, get_hits: hits } = stats
    return { ...stats, cmd_get: Number(gets) - this.#gets, get_hits: Number(hits) - this.#hits }
  }

  async look(): Promise<Omit<HostFrame, 'owed'>> {
    try {
      // Connects first, so that the first latency does not include connecting.
      if (this.#before === undefined) await this.client.version()
      const startMs = performance.now()
      const [stats] = (await this.client.stats()).values()
      const now = { atMs: performance.now(), stats: this.#ofOthers(stats ?? {}) }
      const frame = this.#frame(now, undefined, now.atMs - startMs)
      this.#before = now
      return frame
    } catch (error) {
      if (!isMintringError(error)) throw error
      this.#before = undefined
      return this.#frame(undefined, error.code, Number.NaN)
    }
  }

  #frame(
    now: Sample | undefined,
    code: string | undefined,
    latencyMs: number,
  ): Omit<HostFrame, 'owed'> {
    const { name: host, state } = this.client.hosts()[0]!
    const stats = now?.stats
    const rate = (...names: string[]): number => perSecond(this.#before, now, names)
    return {
      ...{ host, isAnswering: now !== undefined, state, code, latencyMs },
      opsPerSecond: rate(...OPERATIONS),
      getsPerSecond: rate('cmd_get'),
      setsPerSecond: rate('cmd_set'),
      evictionsPerSecond: rate('evictions'),
      hitRatio: rate('get_hits') / rate('cmd_get'),
      items: statistic(stats, 'curr_items'),
      bytes: statistic(stats, 'bytes'),
      limitBytes: statistic(stats, 'limit_maxbytes'),
      connections: statistic(stats, 'curr_connections'),
    }
  }
}

function perSecond(before: Sample | undefined, now: Sample | undefined, names: string[]): number {
  if (before === undefined || now === undefined) return Number.NaN
  let change = 0
  for (const name of names) {
    const counted = statistic(now.stats, name) - statistic(before.stats, name)
    if (counted < 0) return Number.NaN // The counter fell: the server restarted.
    if (Number.isFinite(counted)) change += counted
  }
  return (change * 1000) / (now.atMs - before.atMs)
}
