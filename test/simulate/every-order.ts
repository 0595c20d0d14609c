import assert from 'node:assert/strict'
import process from 'node:process'
import type { Clock } from '../../src/refill/clock.ts'
import type { RefillEntry } from '../../src/refill/entry.ts'
import type { Dialect } from '../../src/refill/store.ts'
import { ModelServer } from '../../src/simulate/model-server.ts'
import { seededRandom } from '../../src/simulate/virtual-time.ts'
import { Choices, SteppedClient } from './steps.ts'

const POLICY = { ttl: 10, staleWhileRevalidate: 10, lease: 4, jitter: 0 } as const

interface Timer {
  readonly atMs: number
  run: (() => void) | undefined
}

/**
 * Run as `every-order.ts meta every` or `every-order.ts classic 2000`: prints how many orders were
 * tried, and ends with an error at the first that breaks a promise.
 *
 * Two clients read a key, it is written and invalidated twice, and one client may die: every order
 * of what can happen. Time passes only when nothing else can.
 */
class Scenario {
  readonly #choices: Choices
  readonly #server: ModelServer
  readonly #clients: SteppedClient[]
  readonly #timers: Timer[] = []
  readonly #pending: { name: string; run(): void; client: SteppedClient }[] = []
  #nowMs = 0
  #version = 0
  #newest = 0
  readonly #reads: SteppedClient[] = []
  readonly trace: string[] = []

  constructor(choices: Choices, dialect: Dialect) {
    this.#choices = choices
    this.#server = new ModelServer(() => this.#nowMs)
    this.#clients = [1, 2].map(() => new SteppedClient(this.#server, dialect, this.#clock()))
  }

  async run(): Promise<void> {
    const [a, b] = this.#clients as [SteppedClient, SteppedClient]
    // In order of their own, each of these begins whenever a choice lets it.
    this.#pending.push({ name: 'read', client: a, run: () => this.#readAndCrash(a) })
    this.#pending.push({ name: 'read', client: b, run: () => void this.#read(b) })
    this.#pending.push({ name: 'write', client: b, run: () => this.#writeTwice(b) })
    await this.#settle()
    assert.equal(this.#reading, 0, 'a read never ended')
    // Whatever happened, the newest value is there after a lease at most, and a read or two.
    let last: RefillEntry<number> | undefined
    for (let i = 0; i <= POLICY.lease + 1; i++) {
      const read = this.#read(b)
      await this.#settle()
      assert.equal(this.#reading, 0, 'a read never ended')
      last = await read
      if (last.state === 'fresh') break
      this.#nowMs += 1_000
    }
    assert.deepEqual([last?.value, last?.state], [this.#version, 'fresh'])
  }

  #read(client: SteppedClient): Promise<RefillEntry<number>> {
    const newest = this.#newest
    this.#reads.push(client)
    const read = client.refill.getOrSetEntry('k', () => this.#load(client), POLICY)
    return read.then((entry) => {
      this.#reads.splice(this.#reads.indexOf(client), 1)
      const isCurrent = entry.state === 'fresh' || entry.state === 'miss'
      assert.ok(!isCurrent || entry.value >= newest, `${entry.value} is ${entry.state}`)
      return entry
    })
  }

  #load(client: SteppedClient): Promise<number> {
    const version = this.#version
    return new Promise((resolve) => {
      this.#pending.push({ name: 'load', client, run: () => resolve(version) })
    })
  }

  #writeTwice(client: SteppedClient, times = 2): void {
    const version = ++this.#version
    void client.refill.invalidate('k', { staleWhileRevalidate: 10 }).then(() => {
      this.#newest = Math.max(this.#newest, version)
      if (times === 1) return
      this.#pending.push({ name: 'write', client, run: () => this.#writeTwice(client, 1) })
    })
  }

  /** A client that dies before it begins is none. */
  #readAndCrash(client: SteppedClient): void {
    void this.#read(client)
    const crash = (): void => {
      client.isAlive = false
    }
    this.#pending.push({ name: 'crash', client, run: crash })
  }

  /** Reads of living clients that have not ended. */
  get #reading(): number {
    return [...this.#reads].filter((client) => client.isAlive).length
  }

  async #settle(): Promise<void> {
    for (let steps = 0; steps < 500; steps++) {
      await new Promise((resolve) => setImmediate(resolve))
      const enabled = [
        ...this.#pending
          .filter((step) => step.client.isAlive)
          .map((step) => ({
            name: `${step.name} ${this.#clients.indexOf(step.client)}`,
            run: () => {
              this.#pending.splice(this.#pending.indexOf(step), 1)
              step.run()
            },
          })),
        ...this.#clients.flatMap((client, i) =>
          client.steps.map(({ run }) => ({ name: `send ${i}`, run })),
        ),
      ]
      if (enabled.length > 0) {
        const chosen = enabled[this.#choices.pick(enabled.length)]!
        this.trace.push(chosen.name)
        chosen.run()
      } else if (!this.#passTime()) return
    }
    assert.fail('this never ends')
  }

  #passTime(): boolean {
    if (this.#reading === 0) return false
    const due = this.#timers
      .filter(({ run }) => run !== undefined)
      .sort((one, other) => one.atMs - other.atMs)[0]
    if (due === undefined) return false
    this.#nowMs = Math.max(this.#nowMs, due.atMs)
    const { run } = due
    due.run = undefined
    run!()
    return true
  }

  #clock(): Clock {
    return {
      nowMs: () => this.#nowMs,
      unixSeconds: () => Math.floor(this.#nowMs / 1000),
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
async function follow(choices: Choices, dialect: Dialect): Promise<void> {
  const scenario = new Scenario(choices, dialect)
  try {
    await scenario.run()
  } catch (error) {
    throw new Error(`after ${scenario.trace.join(', ')}`, { cause: error })
  }
}

const [dialect, orders] = process.argv.slice(2) as [Dialect, string]
if (orders === 'every') {
  const choices = new Choices()
  do await follow(choices, dialect)
  while (choices.next())
  console.log(choices.runs)
} else {
  const random = seededRandom(Number(orders))
  for (let i = 0; i < Number(orders); i++) await follow(new Choices(random), dialect)
  console.log(orders)
}
