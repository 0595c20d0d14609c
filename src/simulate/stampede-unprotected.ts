import type { RefillEntry } from '../refill/finding.ts'
import { resolvePolicy } from '../refill/policy.ts'
import type { StampedeFleetPlan } from './stampede-fleet.ts'
import { StampedeOrigin } from './stampede-origin.ts'
import { VirtualTime } from './virtual-time.ts'

/** Simulates, for comparison, a fleet without leases: each process loads what it misses. */
export class UnprotectedFleet {
  readonly time: VirtualTime
  readonly origin: StampedeOrigin
  readonly states: Record<RefillEntry['state'], number> = {
    fresh: 0,
    stale: 0,
    miss: 0,
    uncached: 0,
    bypass: 0,
  }
  readonly violations: readonly string[] = []
  readonly failed = 0
  readonly crashes = 0
  readonly recoveryMs = 0
  reads = 0
  pending = 0
  readonly #plan: StampedeFleetPlan
  readonly #ttlMs: number
  readonly #sharesInProcess: boolean
  readonly #endsMs = new Map<string, number>()
  readonly #loading = new Map<string, Promise<number>>()

  constructor(plan: StampedeFleetPlan, sharesInProcess: boolean) {
    this.#plan = plan
    this.#sharesInProcess = sharesInProcess
    this.#ttlMs = resolvePolicy(plan.policy).ttlSeconds * 1000
    this.time = new VirtualTime(plan.seed)
    const noFaults = { crash: 0, fail: 0, slow: 0 }
    this.origin = new StampedeOrigin(this.time, plan.loaderMs, noFaults)
  }

  async run(seconds: number): Promise<void> {
    this.#next(seconds * 1000)
    await this.time.run(seconds * 1000 + 120_000)
  }

  #next(endMs: number): void {
    const { reads } = this.#plan.rates
    if (reads === 0) return
    const waitMs = (-Math.log(1 - this.time.random()) * 1000) / reads
    if (this.time.nowMs + waitMs > endMs) return
    this.time.after(waitMs, () => {
      this.#read()
      this.#next(endMs)
    })
  }

  #read(): void {
    const process = Math.floor(this.time.random() * this.#plan.processes)
    const key = `k${Math.floor(this.time.random() * this.#plan.keys)}`
    this.reads++
    this.pending++
    this.time.after(this.#plan.latencyMs, () => {
      if ((this.#endsMs.get(key) ?? 0) > this.time.nowMs) this.#end('fresh')
      else void this.#load(process, key).then(() => this.#end('miss'))
    })
  }

  #load(process: number, key: string): Promise<number> {
    const own = `${process} ${key}`
    const running = this.#sharesInProcess ? this.#loading.get(own) : undefined
    if (running !== undefined) return running
    const load = this.origin
      .load(key, {}, () => {})
      .then((version) => {
        this.#loading.delete(own)
        this.#endsMs.set(key, this.time.nowMs + this.#ttlMs)
        return version
      })
    this.#loading.set(own, load)
    return load
  }

  #end(state: RefillEntry['state']): void {
    this.states[state]++
    this.pending--
  }
}
