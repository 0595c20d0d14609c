import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { Memcached } from '../support/memcached.ts'
import { startMemcached } from '../support/memcached.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

const worker = fileURLToPath(new URL('./fleet-worker.ts', import.meta.url))
/** How far the clocks of the fleet differ here. */
const CLOCKS_APART_MS = 15 * 60_000
const MAX_ATTEMPTS = 20

/** The settings of a run. */
export interface FleetPlan {
  readonly processes: number
  readonly keys: number
  readonly reads: number
  /** The trouble that happens while the fleet reads. */
  readonly trouble: 'none' | 'evictions' | 'restarts' | 'both'
}

/** The counts of all readers together. */
export interface FleetCount {
  fresh: number
  stale: number
  miss: number
  other: number
  /** Reads that returned as fresh, or loaded, a value older than the acknowledged invalidation. */
  old: number
  loads: number
  failed: number
}

/** Processes that share one tag, each with its own clock. */
export class Fleet {
  readonly #servers: readonly Memcached[]
  readonly #workers: readonly ChildProcess[]
  readonly #plan: FleetPlan
  #version = 0

  private constructor(
    servers: readonly Memcached[],
    workers: readonly ChildProcess[],
    plan: FleetPlan,
  ) {
    this.#servers = servers
    this.#workers = workers
    this.#plan = plan
  }

  static async start(plan: FleetPlan): Promise<Fleet> {
    const args = ['-m', '256']
    const servers = await Promise.all([1, 2, 3].map(() => startMemcached({ args })))
    const names = servers.map(({ host, port }) => `${host}:${port}`)
    const workers = Array.from({ length: plan.processes }, (_, i) => {
      const clockMs = (i / Math.max(1, plan.processes - 1) - 0.5) * CLOCKS_APART_MS
      const start = { servers: names, clockMs, keys: plan.keys }
      return fork(worker, [JSON.stringify(start)], { execArgv: [...TYPESCRIPT] })
    })
    await Promise.all(workers.map((one) => once(one, 'message')))
    return new Fleet(servers, workers, plan)
  }

  /**
   * Changes the origin, invalidates the tag (unless `isTold` is false), and reads every key once
   * that was acknowledged.
   */
  async round(reads: number = this.#plan.reads, isTold = true): Promise<FleetCount> {
    const version = ++this.#version
    await this.#all({ do: 'version', version })
    const writer = this.#workers[version % this.#workers.length]!
    if (isTold && version > 1) await this.#invalidate(writer)
    const each = Math.ceil(reads / this.#workers.length)
    const reading = this.#all({ do: 'read', reads: each, atLeast: version })
    let isOver = false
    const trouble = this.#makeTrouble(() => isOver)
    const counts = (await reading) as FleetCount[]
    isOver = true
    await trouble
    return counts.reduce((sum, one) => {
      for (const name of Object.keys(sum) as (keyof FleetCount)[]) sum[name] += one[name]
      return sum
    })
  }

  async close(): Promise<void> {
    const gone = this.#workers.map((one) => once(one, 'exit'))
    for (const one of this.#workers) one.send({ do: 'close' })
    await Promise.all(gone)
    await Promise.all(this.#servers.map((server) => server.stop()))
  }

  /** Repeats until it is acknowledged: the tag's host may be restarting. */
  async #invalidate(writer: ChildProcess): Promise<void> {
    for (let i = 0; i < MAX_ATTEMPTS; i++) {
      try {
        await this.#tell(writer, { do: 'invalidate' })
        return
      } catch {
        await new Promise((wake) => setTimeout(wake, 300))
      }
    }
    throw new Error('the tag cannot be invalidated')
  }

  async #makeTrouble(isOver: () => boolean): Promise<void> {
    const { trouble } = this.#plan
    const seconds = trouble === 'restarts' ? 3 : 1
    // Every server has the tag, or some of the values.
    for (let i = 1; trouble !== 'none' && !isOver(); i++) {
      await new Promise((wake) => setTimeout(wake, seconds * 1_000))
      if (isOver()) return
      const isRestart = trouble === 'restarts' || (trouble === 'both' && i % 3 === 0)
      if (isRestart) {
        await this.#servers[(trouble === 'both' ? i / 3 : i) % this.#servers.length]!.restart()
      } else await this.#evict()
    }
  }

  /** The test cannot tell which server has a tag's item, so it deletes the item on all servers. */
  async #evict(): Promise<void> {
    const { default: net } = await import('node:net')
    const dropped = this.#servers.map(async ({ host, port }) => {
      const socket = net.connect(port, host)
      socket.end(Buffer.from('delete \xff~tag~all\r\nquit\r\n', 'latin1'))
      socket.resume()
      await once(socket, 'close')
    })
    await Promise.all(dropped)
  }

  #all(order: object): Promise<unknown[]> {
    return Promise.all(this.#workers.map((one) => this.#tell(one, order)))
  }

  async #tell(to: ChildProcess, order: object): Promise<unknown> {
    const told = once(to, 'message')
    to.send(order)
    const [{ result, error }] = (await told) as [{ result?: unknown; error?: string }]
    if (error !== undefined) throw new Error(error)
    return result
  }
}

/**
 * `fleet.ts PROCESSES KEYS READS [TROUBLE]`: the full run, which takes minutes, in ten rounds. Each
 * round invalidates the tag, and prints the counts of the reads after that.
 */
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [processes = 8, keys = 10_000, reads = 1_000_000] = process.argv.slice(2, 5).map(Number)
  const all = ['none', 'evictions', 'restarts', 'both'] as const
  for (const trouble of all.filter((name) => name === (process.argv[5] ?? name))) {
    const fleet = await Fleet.start({ processes, keys, reads: reads / 10, trouble })
    await fleet.round(keys * 10)
    for (let round = 1; round <= 10; round++) {
      const startMs = performance.now()
      const count = await fleet.round()
      const seconds = Math.round((performance.now() - startMs) / 1000)
      console.log(JSON.stringify({ trouble, round, processes, keys, seconds, ...count }))
    }
    await fleet.close()
  }
}
