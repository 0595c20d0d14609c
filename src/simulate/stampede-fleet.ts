import type { RefillEntry } from '../refill/finding.ts'
import type { RefillPolicy } from '../refill/policy.ts'
import { resolvePolicy } from '../refill/policy.ts'
import { Refill } from '../refill/refill.ts'
import type { Dialect, EncodedItem, RefillStore } from '../refill/store.ts'
import { ModelServer } from './model-server.ts'
import { ModelStore } from './model-store.ts'
import { StampedeCheck } from './stampede-check.ts'
import type { LoadFaults } from './stampede-origin.ts'
import { StampedeOrigin } from './stampede-origin.ts'
import { VirtualTime } from './virtual-time.ts'

/** What a writer does to the cache after its write to the origin. */
export type WriteKind = 'invalidate' | 'refresh' | 'set' | 'delete'

/** A fleet and its load, with all defaults filled in. */
export interface StampedeFleetPlan {
  readonly seed: number
  readonly processes: number
  readonly keys: number
  readonly policy: RefillPolicy
  readonly dialect: Dialect
  readonly loaderMs: number
  readonly latencyMs: number
  readonly interleaves: boolean
  readonly faults: LoadFaults
  /** Events per second of the whole fleet. */
  readonly rates: {
    readonly reads: number
    readonly writes: number
    readonly restarts: number
    readonly evictions: number
  }
  readonly writeKinds: readonly WriteKind[]
}

/** How long after its death a process is replaced by a new one, in milliseconds. */
const REBIRTH_MS = 500

interface Worker {
  readonly refill: Refill
  isAlive: boolean
  /** Reads that have not settled. */
  pending: number
}

/** Processes around one model server. They run the client's own algorithm, in virtual time. */
export class StampedeFleet {
  readonly time: VirtualTime
  readonly server: ModelServer
  readonly origin: StampedeOrigin
  readonly check: StampedeCheck
  readonly #plan: StampedeFleetPlan
  readonly #wrap: (store: RefillStore) => RefillStore
  readonly #workers: Worker[]
  readonly #writing = new Set<string>()
  readonly states: Record<RefillEntry['state'], number> = {
    fresh: 0,
    stale: 0,
    miss: 0,
    uncached: 0,
    bypass: 0,
  }
  reads = 0
  failed = 0
  crashes = 0
  /** The longest time between the death of a loading process and the next load of its key. */
  recoveryMs = 0
  readonly #orphanedMs = new Map<string, number>()

  /** `wrap` wraps the store of each process: tests pass stores that fail on purpose. */
  constructor(
    plan: StampedeFleetPlan,
    wrap: (store: RefillStore) => RefillStore = (store) => store,
  ) {
    this.#plan = plan
    this.#wrap = wrap
    this.time = new VirtualTime(plan.seed)
    this.server = new ModelServer(() => this.time.nowMs, plan.dialect)
    this.origin = new StampedeOrigin(this.time, plan.loaderMs, plan.faults)
    this.check = new StampedeCheck(this.time, resolvePolicy(plan.policy), plan.latencyMs)
    this.server.onReplace = (key, before, after) => this.#replaced(key, before, after)
    this.#workers = Array.from({ length: plan.processes }, () => this.#born())
  }

  /** The violations of the guarantees. */
  get violations(): readonly string[] {
    return this.check.violations
  }

  /** Reads of live processes that have not settled. */
  get pending(): number {
    const alive = this.#workers.filter((worker) => worker.isAlive)
    return alive.reduce((sum, worker) => sum + worker.pending, 0)
  }

  /** Runs the plan for that many seconds, then waits until all reads and writes have settled. */
  async run(seconds: number): Promise<void> {
    const { rates } = this.#plan
    const endMs = seconds * 1000
    this.#repeat(rates.reads, endMs, () => this.#read())
    this.#repeat(rates.writes, endMs, () => this.#write())
    this.#repeat(rates.restarts, endMs, () => this.#restart())
    this.#repeat(rates.evictions, endMs, () => this.#evict())
    await this.time.run(endMs)
    await this.time.run(endMs + 120_000)
  }

  /** Runs an event at random times, on average `perSecond` per second: a Poisson process. */
  #repeat(perSecond: number, endMs: number, event: () => void): void {
    if (perSecond === 0) return
    const waitMs = (-Math.log(1 - this.time.random()) * 1000) / perSecond
    if (this.time.nowMs + waitMs > endMs) return
    this.time.after(waitMs, () => {
      event()
      this.#repeat(perSecond, endMs, event)
    })
  }

  #read(): void {
    const worker = this.#anyWorker()
    if (!worker.isAlive) return
    const key = this.#anyKey()
    const check = this.check.readBegins(key, versionIn(this.server.peek(key)))
    this.reads++
    worker.pending++
    worker.refill
      .getOrSetEntry(key, () => this.#load(key, worker), this.#plan.policy)
      .then(
        (entry) => {
          worker.pending--
          this.states[entry.state]++
          this.check.readEnds(check, entry as RefillEntry)
        },
        () => {
          worker.pending--
          this.failed++
        },
      )
  }

  #load(key: string, worker: Worker): Promise<number> {
    const orphanedMs = this.#orphanedMs.get(key)
    if (orphanedMs !== undefined) {
      this.recoveryMs = Math.max(this.recoveryMs, this.time.nowMs - orphanedMs)
      this.#orphanedMs.delete(key)
    }
    return this.origin.load(key, worker, () => {
      this.#orphanedMs.set(key, this.time.nowMs)
      this.#kill(worker)
    })
  }

  /** Writes a random key. Only one writer per key runs at a time, as with a lock in the backend. */
  #write(): void {
    const worker = this.#anyWorker()
    const key = this.#anyKey()
    const { writeKinds } = this.#plan
    if (!worker.isAlive || this.#writing.has(key)) return
    this.#writing.add(key)
    const version = this.origin.write(key)
    const kind = writeKinds[Math.floor(this.time.random() * writeKinds.length)]!
    const written = (): void => {
      this.origin.touched(key)
      // The write may have stored a fresh value, so the key of a dead loader needs no further load.
      this.#orphanedMs.delete(key)
      this.check.written(key, version)
    }
    const over = (): void => {
      this.#writing.delete(key)
    }
    // What a dead writer has sent still arrives, so the next writer must wait for it.
    this.time.after(60_000, over)
    void this.#tell(kind, worker, key, version)
      .then(written, () => {})
      .finally(over)
  }

  async #tell(kind: WriteKind, worker: Worker, key: string, version: number): Promise<void> {
    const { policy } = this.#plan
    const { ttlSeconds, graceSeconds } = resolvePolicy(policy)
    if (kind === 'invalidate') await worker.refill.invalidate(key, policy)
    if (kind === 'refresh') await worker.refill.refresh(key, () => this.#load(key, worker), policy)
    if (kind === 'set') {
      const encoded = { body: JSON.stringify(version), flags: 1 }
      this.server.set(key, encoded, ttlSeconds + graceSeconds)
    }
    if (kind === 'delete') this.#drop(key)
  }

  #restart(): void {
    this.server.restart()
    for (let i = 0; i < this.#plan.keys; i++) {
      this.origin.touched(`k${i}`)
      this.check.gone(`k${i}`)
    }
  }

  #evict(): void {
    const key = this.#anyKey()
    this.#drop(key)
    this.origin.touched(key)
  }

  #drop(key: string): void {
    this.server.evict(key)
    this.check.gone(key)
  }

  #kill(worker: Worker): void {
    if (!worker.isAlive) return
    worker.isAlive = false
    this.crashes++
    this.origin.forget(worker)
    const at = this.#workers.indexOf(worker)
    this.time.after(REBIRTH_MS, () => {
      this.#workers[at] = this.#born()
    })
  }

  #born(): Worker {
    const isAlive = (): boolean => worker.isAlive
    const store = new ModelStore(this.server, this.time, this.#plan, isAlive)
    const clock = this.time.clock(isAlive)
    const refill = new Refill(this.#wrap(store), { clock })
    const worker: Worker = { refill, isAlive: true, pending: 0 }
    return worker
  }

  #replaced(key: string, before: EncodedItem | undefined, after: EncodedItem): void {
    const [old, next] = [versionIn(before), versionIn(after)]
    if (old !== undefined && next !== undefined) this.check.replaced(key, old, next)
  }

  #anyWorker(): Worker {
    return this.#workers[Math.floor(this.time.random() * this.#workers.length)]!
  }

  #anyKey(): string {
    return `k${Math.floor(this.time.random() * this.#plan.keys)}`
  }
}

/** Returns the version in a value; undefined for an item without a value, such as a lease. */
function versionIn(encoded: EncodedItem | undefined): number | undefined {
  if (encoded === undefined || encoded.body.length === 0) return undefined
  return Number(Buffer.from(encoded.body as Uint8Array).toString('latin1'))
}
