import assert from 'node:assert/strict'
import process from 'node:process'
import type { Clock } from '../../src/refill/clock.ts'
import type { RefillEntry } from '../../src/refill/entry.ts'
import type { RefillPolicy } from '../../src/refill/policy.ts'
import type { Dialect, RefillStore } from '../../src/refill/store.ts'
import { ModelServer } from '../../src/simulate/model-server.ts'
import { seededRandom } from '../../src/simulate/virtual-time.ts'
import { adoptingRenewal, trustingSidecar } from './old-ways.ts'
import { Choices, Met, SteppedClient } from './steps.ts'

/** What is tried in every order. */
interface Plan {
  readonly dialect: Dialect
  readonly policy: RefillPolicy
  readonly writes: number
  readonly writeKind: 'invalidate' | 'delete'
  readonly crashes: boolean
  /** When the second client reads: at any time, or once the writes are acknowledged. */
  readonly reads: 'at any time' | 'after'
  /** How often time may pass while commands are under way. */
  readonly delays: number
  readonly wrap?: (store: RefillStore) => RefillStore
}

interface Timer {
  readonly atMs: number
  run: (() => void) | undefined
}

const POLICY = { ttl: 10, staleWhileRevalidate: 10, lease: 2, jitter: 0 } as const
const ONCE = { ttl: 10, staleWhileRevalidate: 0, lease: 2, jitter: 0 } as const
const SIDECAR = { placeholder: 'sidecar' } as const
const INVALIDATE = {
  writes: 2,
  writeKind: 'invalidate',
  crashes: true,
  delays: 0,
  reads: 'at any time',
} as const
const RENEWAL = {
  writes: 1,
  writeKind: 'invalidate',
  crashes: false,
  delays: 1,
  reads: 'after',
} as const

const PLANS: Readonly<Record<string, Plan>> = {
  meta: { ...INVALIDATE, dialect: 'meta', policy: POLICY },
  'meta, one write': { ...INVALIDATE, writes: 1, dialect: 'meta', policy: POLICY },
  'meta, no stale window': { ...INVALIDATE, writes: 1, dialect: 'meta', policy: ONCE },
  'meta, renewals': { ...RENEWAL, dialect: 'meta', policy: POLICY },
  sidecar: { ...INVALIDATE, writes: 1, dialect: 'meta', policy: { ...POLICY, ...SIDECAR } },
  'sidecar, no stale window': {
    ...INVALIDATE,
    writes: 1,
    dialect: 'meta',
    policy: { ...ONCE, ...SIDECAR },
  },
  'sidecar, renewals': { ...RENEWAL, dialect: 'meta', policy: { ...POLICY, ...SIDECAR } },
  classic: { ...INVALIDATE, writes: 1, dialect: 'classic', policy: POLICY },
  'classic, renewals': { ...RENEWAL, dialect: 'classic', policy: POLICY },
  'old renewal': { ...RENEWAL, dialect: 'meta', policy: POLICY, wrap: adoptingRenewal },
  'old sidecar store': {
    ...RENEWAL,
    delays: 0,
    dialect: 'meta',
    policy: { ...POLICY, ...SIDECAR },
    wrap: trustingSidecar,
  },
}

/**
 * Run as `every-order.ts NAME every` or `every-order.ts NAME 2000`: prints how many states, or
 * orders, were tried, and ends with an error at the first that breaks a promise.
 *
 * Two clients read a key, it is written and invalidated, and one client may die: every order of
 * single commands, on connections that keep no order among each other.
 */
class Scenario {
  readonly #choices: Choices
  readonly #plan: Plan
  readonly #server: ModelServer
  readonly #clients: SteppedClient[]
  readonly #timers: Timer[] = []
  readonly #pending: { name: string; run(): void; client: SteppedClient }[] = []
  #nowMs = 0
  #version = 0
  #newest = 0
  #delays: number
  /** The promise that was broken first. */
  #broken: string | undefined
  readonly #reads: SteppedClient[] = []
  readonly trace: string[] = []

  constructor(choices: Choices, plan: Plan) {
    this.#choices = choices
    this.#plan = plan
    this.#delays = plan.delays
    this.#server = new ModelServer(() => this.#nowMs)
    this.#clients = [1, 2].map(
      () => new SteppedClient(this.#server, plan.dialect, this.#clock(), plan.wrap),
    )
  }

  async run(): Promise<void> {
    const [a, b] = this.#clients as [SteppedClient, SteppedClient]
    // In order of their own, each of these begins whenever a choice lets it.
    this.#pending.push({ name: 'read', client: a, run: () => this.#readAndCrash(a) })
    if (this.#plan.reads === 'at any time') this.#readLater(b)
    this.#pending.push({ name: 'write', client: b, run: () => this.#write(b, this.#plan.writes) })
    await this.#settle()
    assert.equal(this.#reading, 0, 'a read never ended')
    if (this.#plan.wrap === undefined) await this.#recover(b)
  }

  /** Whatever happened, the newest value is there after a lease at most, and a read or two. */
  async #recover(client: SteppedClient): Promise<void> {
    let last: RefillEntry<number> | undefined
    this.#delays = 0
    for (let i = 0; i <= POLICY.lease + 2; i++) {
      const read = this.#read(client)
      await this.#settle()
      assert.equal(this.#reading, 0, 'a read never ended')
      last = await read
      if (last?.state === 'fresh') break
      this.#passTo(this.#nowMs + 1_000)
    }
    assert.deepEqual([last?.value, last?.state], [this.#version, 'fresh'])
  }

  #readLater(client: SteppedClient): void {
    this.#pending.push({ name: 'read', client, run: () => void this.#read(client) })
  }

  /** Resolves to undefined when the load failed: time may pass until its loader is given up. */
  async #read(client: SteppedClient): Promise<RefillEntry<number> | undefined> {
    const newest = this.#newest
    client.history.push(`read ${newest}`)
    this.#reads.push(client)
    const loader = (): Promise<number> => this.#load(client)
    const entry = await client.refill
      .getOrSetEntry('k', loader, this.#plan.policy)
      .catch(() => undefined)
    this.#reads.splice(this.#reads.indexOf(client), 1)
    client.history.push(`${entry?.state} ${entry?.value}`)
    const isCurrent = entry?.state === 'fresh' || entry?.state === 'miss'
    if (isCurrent && entry.value < newest) {
      this.#broken ??= `${entry.value} is ${entry.state} after ${newest}`
    }
    return entry
  }

  #load(client: SteppedClient): Promise<number> {
    const version = this.#version
    client.history.push(`load ${version}`)
    return new Promise((resolve) => {
      const run = (): void => {
        client.history.push('loaded')
        resolve(version)
      }
      this.#pending.push({ name: 'load', client, run })
    })
  }

  #write(client: SteppedClient, times: number): void {
    const version = ++this.#version
    client.history.push(`write ${version}`)
    void this.#tell(client).then(() => {
      this.#newest = Math.max(this.#newest, version)
      if (times === 1) {
        if (this.#plan.reads === 'after') this.#readLater(client)
        return
      }
      const run = (): void => this.#write(client, times - 1)
      this.#pending.push({ name: 'write', client, run })
    })
  }

  #tell({ refill }: SteppedClient): Promise<unknown> {
    const { ttl: _ttl, ...terms } = this.#plan.policy
    return refill.invalidate('k', terms)
  }

  /** A client that dies before it begins is none. */
  #readAndCrash(client: SteppedClient): void {
    void this.#read(client)
    const crash = (): void => {
      client.isAlive = false
    }
    if (this.#plan.crashes) this.#pending.push({ name: 'crash', client, run: crash })
  }

  /** Reads of living clients that have not ended. */
  get #reading(): number {
    return [...this.#reads].filter((client) => client.isAlive).length
  }

  get #enabled(): { name: string; run(): void }[] {
    const own = this.#pending
      .filter((step) => step.client.isAlive)
      .map((step) => ({
        name: `${step.name} ${this.#clients.indexOf(step.client)}`,
        run: () => {
          this.#pending.splice(this.#pending.indexOf(step), 1)
          step.run()
        },
      }))
    const commands = this.#clients.flatMap((client, i) =>
      client.steps.map(({ name, run }) => ({ name: `${name} ${i}`, run })),
    )
    const all = [...own, ...commands]
    if (all.length === 0 || this.#delays === 0 || this.#nextTimer === undefined) return all
    const delay = (): void => {
      this.#delays--
      this.#passTime()
    }
    return [...all, { name: 'time', run: delay }]
  }

  async #settle(): Promise<void> {
    for (let steps = 0; steps < 500; steps++) {
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#broken !== undefined) throw new Error(this.#broken)
      const enabled = this.#enabled
      if (enabled.length > 0) {
        const chosen = enabled[this.#choices.pick(enabled.length, () => this.#state)]!
        this.trace.push(chosen.name)
        chosen.run()
      } else if (this.#reading === 0 || !this.#passTime()) return
    }
    assert.fail('this never ends')
  }

  get #state(): string {
    const pending = this.#pending.map(({ name, client }) => name + this.#clients.indexOf(client))
    const clients = this.#clients.map(({ state }) => state)
    const rest = [this.#nowMs, this.#version, this.#newest, this.#delays, pending.sort()]
    return JSON.stringify([this.#server.state, clients, rest])
  }

  get #nextTimer(): Timer | undefined {
    return this.#timers
      .filter(({ run }) => run !== undefined)
      .sort((one, other) => one.atMs - other.atMs)[0]
  }

  #passTime(): boolean {
    const due = this.#nextTimer
    if (due === undefined) return false
    this.#passTo(Math.max(this.#nowMs, due.atMs))
    const { run } = due
    due.run = undefined
    run!()
    return true
  }

  #passTo(ms: number): void {
    this.#nowMs = ms
    for (const { history } of this.#clients) history.push(`at ${ms}`)
  }

  #clock(): Clock {
    return {
      nowMs: () => this.#nowMs,
      unixSeconds: () => 1_000_000 + Math.floor(this.#nowMs / 1000),
      random: () => 0.5,
      after: (delayMs, task) => {
        const timer: Timer = { atMs: this.#nowMs + delayMs, run: task }
        this.#timers.push(timer)
        return {
          cancel() {
            timer.run = undefined
          },
        }
      },
    }
  }
}

/** A way through the choices, told when it goes wrong. */
async function follow(choices: Choices, plan: Plan): Promise<void> {
  const scenario = new Scenario(choices, plan)
  try {
    await scenario.run()
  } catch (error) {
    if (error instanceof Met) return
    throw new Error(`after ${scenario.trace.join(', ')}`, { cause: error })
  }
}

const [name = '', orders] = process.argv.slice(2)
const plan = PLANS[name]
assert.ok(plan !== undefined, `no plan ${name}`)
if (orders === 'every') {
  const choices = new Choices()
  do await follow(choices, plan)
  while (choices.next())
  console.log(choices.states)
} else {
  const random = seededRandom(Number(orders))
  for (let i = 0; i < Number(orders); i++) await follow(new Choices(random), plan)
  console.log(orders)
}
