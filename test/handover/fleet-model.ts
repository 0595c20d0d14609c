import type { CopyableKey, MovedKey } from '../../src/hosts/moved-key.ts'
import { carryOut } from '../../src/hosts/moved-key.ts'
import type { StoreAnswer, StoreCommand } from '../../src/refill/store.ts'
import type { HomeName, KeyEffect, Plan } from '../../src/ring/transition.ts'
import { ModelServer } from '../../src/simulate/model-server.ts'
import { type Choices, EVERYTHING } from '../simulate/choices.ts'
import { type Rules, TIMES, type Time } from './fleet-rules.ts'

export type OpName = 'get' | 'set' | 'delete' | 'invalidate' | 'incr'

/** One process and its single action. The first process may die during its action. */
export interface Script {
  /** The phase that the process is in when its action begins. */
  readonly time: Time
  readonly op: OpName
}

/** Scripts whose steps the model runs in every possible order. */
export interface Scenario {
  readonly scripts: readonly Script[]
  /** The new host has an item from earlier, older than that of the previous host. */
  readonly hasLeftover?: boolean
  /**
   * How often the empty item that reserves the key may expire before the copied value is stored.
   */
  readonly expiries?: number
}

interface Write {
  readonly version: number
  readonly startedAt: number
  ackedAt: number
}

interface Pending {
  readonly name: string
  readonly process: Process
  run(): void
}

interface Process {
  readonly name: number
  readonly script: Script
  state: 'waits' | 'works' | 'done' | 'dead'
  /** Every reply that the process got. */
  readonly history: string[]
}

const EFFECTS: Readonly<Record<OpName, KeyEffect>> = {
  get: 'read',
  set: 'store',
  delete: 'remove',
  invalidate: 'remove',
  incr: 'alter',
}

const GRACE = 60
const MAX_STEPS = 400
/** Every step counts as depending on every other one. */
const ANY_USE = { reads: [], changes: [EVERYTHING] } as const
/** The next try of a process that waits for another one to copy the value. */
const LOOK = 'look'

/**
 * One key with a previous and a new host. Processes send it commands, one at a time in a chosen
 * order.
 */
export class FleetModel {
  readonly #choices: Choices
  readonly #scenario: Scenario
  readonly #rules: Rules
  readonly #servers: Record<HomeName, ModelServer>
  readonly #processes: Process[]
  readonly #pending: Pending[] = []
  readonly #writes: Write[] = []
  #expiries: number
  #moment = 0
  #version = 0
  /** The numbers that counters returned, in the order in which they were acknowledged. */
  readonly counts: number[] = []
  /** How many increments found no counter. */
  lost = 0
  broken: string | undefined
  readonly trace: string[] = []

  constructor(choices: Choices, scenario: Scenario, rules: Rules) {
    this.#choices = choices
    this.#scenario = scenario
    this.#rules = rules
    this.#expiries = scenario.expiries ?? 0
    const server = (): ModelServer => new ModelServer(() => 0)
    this.#servers = { previous: server(), new: server() }
    this.#processes = scenario.scripts.map((script, name) => {
      return { name, script, state: 'waits', history: [] }
    })
    if (scenario.hasLeftover === true) this.#begin(rules.isCleared ? undefined : 'new')
    const isLate = scenario.scripts.some(({ time }) => time === 'settle' || time === 'over')
    this.#begin('previous')
    if (isLate) this.#begin('new')
  }

  /** Runs all steps. Rejects when a promise was broken. */
  async run(): Promise<void> {
    for (let steps = 0; steps < MAX_STEPS; steps++) {
      await new Promise((resolve) => setImmediate(resolve))
      this.#look()
      if (this.broken !== undefined) throw new Error(this.broken)
      const enabled = this.#enabled
      if (enabled.length === 0) return
      const moves = enabled.map((step, i) => ({ step, name: `${i}`, ...ANY_USE }))
      const { step: chosen } = this.#choices.pick(moves, () => this.#state)
      this.trace.push(`${chosen.name} ${chosen.process.name}`)
      chosen.process.history.push(chosen.name)
      chosen.run()
    }
    throw new Error('this never ends')
  }

  /** Returns the final content of the key on its previous or new host. */
  at(home: HomeName): string | undefined {
    const item = this.#servers[home].peek('k')
    return item === undefined ? undefined : String(item.body)
  }

  #begin(home: HomeName | undefined): void {
    const version = ++this.#version
    this.#writes.push({ version, startedAt: ++this.#moment, ackedAt: ++this.#moment })
    if (home === undefined) return
    this.#servers[home].set('k', { body: String(version), flags: 1 }, 1_000)
  }

  get #enabled(): Pending[] {
    const own: Pending[] = []
    for (const process of this.#processes) {
      const { script, state, name } = process
      if (state === 'waits') {
        own.push({ name: script.op, process, run: () => void this.#start(process) })
      } else if (state === 'works' && name === 0) {
        const die = (): void => {
          process.state = 'dead'
        }
        own.push({ name: 'die', process, run: die })
      }
    }
    const isHeld = this.#servers.new.peek('k')?.body.length === 0
    const next = this.#pending.filter(({ name }) => name !== LOOK || !isHeld)
    const all = [...own, ...next]
    const isToExpire = isHeld && (this.#expiries > 0 || all.length === 0)
    return isToExpire ? [...all, this.#expiry()] : all
  }

  #expiry(): Pending {
    const run = (): void => {
      this.#expiries--
      this.#servers.new.evict('k')
    }
    return { name: 'expire', process: this.#processes.at(-1)!, run }
  }

  async #start(process: Process): Promise<void> {
    const { op, time } = process.script
    process.state = 'works'
    const plan = this.#rules.plan(time, EFFECTS[op])
    await (op === 'get' ? this.#read(process, plan) : this.#write(process, plan, op))
    process.state = 'done'
  }

  /** Checks the value that a process would read now, for each phase that it can be in. */
  #look(): void {
    const { scripts } = this.#scenario
    // The numbers of counters are checked elsewhere: they are no versions that could be compared.
    if (scripts.some(({ op }) => op === 'incr')) return
    const active = this.#processes.filter(({ state }) => state === 'waits' || state === 'works')
    const last = Math.max(...scripts.map((script) => TIMES.indexOf(script.time)))
    for (const time of TIMES) {
      // No process goes back to an earlier phase.
      const isPast = TIMES.indexOf(time) < last && !this.#rules.mayMeet(TIMES[last]!, time)
      if (isPast || !active.every(({ script }) => this.#rules.mayMeet(script.time, time))) continue
      const [home, other] = this.#rules.plan(time, 'read')
      for (const step of [home, other]) {
        if (step === undefined || (step !== home && step.act !== 'run on a miss')) break
        const item = this.#servers[step.at].execute('k', { name: 'gets' })
        if (!isValue(item)) continue
        if (!item.stale) this.#judge(Number(String(item.bytes())), ++this.#moment, time)
        break
      }
    }
  }

  /** A fresh value must not be older than the changes acknowledged before its read began. */
  #judge(version: number, startedAt: number, by: string): void {
    const write = this.#writes.find((one) => one.version === version)
    const later = this.#writes.find(
      (one) => one.startedAt > (write?.ackedAt ?? 0) && one.ackedAt < startedAt,
    )
    if (later === undefined) return
    this.broken ??= `${version} is fresh for ${by} after ${later.version}`
  }

  async #read(process: Process, plan: Plan): Promise<void> {
    const startedAt = ++this.#moment
    const found = await carryOut(
      plan,
      this.#keyOf(process, () => ({ name: 'mg', value: true })),
    )
    if (!isValue(found)) return
    const version = Number(String(found.bytes()))
    process.history.push(`read ${version} ${found.stale}`)
    if (!found.stale) this.#judge(version, startedAt, 'a read')
  }

  async #write(process: Process, plan: Plan, op: OpName): Promise<void> {
    const write: Write = {
      version: ++this.#version,
      startedAt: ++this.#moment,
      ackedAt: Number.POSITIVE_INFINITY,
    }
    if (op !== 'incr') this.#writes.push(write)
    const body = String(write.version)
    const commands: Readonly<Record<string, () => StoreCommand>> = {
      set: () => ({ name: 'set', encoded: { body, flags: 1 }, ttlSeconds: 1_000 }),
      delete: () => ({ name: 'delete' }),
      invalidate: () => ({ name: 'md', invalidate: true, ttlSeconds: GRACE }),
      incr: () => ({ name: 'gets' }),
    }
    const done = await carryOut(plan, this.#keyOf(process, commands[op]!, op === 'incr'))
    write.ackedAt = ++this.#moment
    if (op === 'incr' && !isValue(done)) this.lost++
    if (op === 'incr' && isValue(done)) this.counts.push(Number(String(done.bytes())) + 1)
  }

  #keyOf(process: Process, command: () => StoreCommand, isCount = false): MovedKey<StoreAnswer> {
    const send = (at: HomeName, what: StoreCommand): Promise<StoreAnswer> =>
      this.#send(process, at, what)
    const copy = (isLate: boolean): Promise<boolean> => {
      const copyable = this.#copyable(process)
      return this.#rules.copy(isLate ? { ...copyable, pause: undefined } : copyable)
    }
    return {
      run: (at) => this.#send(process, at, command(), isCount),
      isMiss: (answer) => !isValue(answer),
      both: (_first, second) => second,
      has: async (at) => isValue(await send(at, { name: 'gets' })),
      delete: async (at) => {
        await send(at, { name: 'delete' })
      },
      copy: async () => {
        await copy(false)
      },
      copyLater: () => void copy(true),
    }
  }

  #copyable(process: Process): CopyableKey<StoreAnswer> {
    const send = (at: HomeName, what: StoreCommand): Promise<StoreAnswer> =>
      this.#send(process, at, what)
    return {
      elect: async () => {
        const found = await send('new', { name: 'mg', vivifySeconds: 3 })
        if (found.won && found.size === 0) return { cas: found.cas }
        return found.size === 0 ? 'held' : 'there'
      },
      peek: async () => {
        const item = await send('previous', { name: 'mg', value: true })
        return isValue(item) && !item.stale ? item : undefined
      },
      fill: async (item, cas) => {
        const encoded = { body: String(item.bytes()), flags: item.flags }
        const { ttlSeconds } = item
        const stored = await send('new', { name: 'ms', encoded, ttlSeconds, cas })
        return stored.status === 'done'
      },
      release: async (cas) => {
        await send('new', { name: 'md', cas })
      },
      pause: () => this.#pause(process),
    }
  }

  /** Waits until the new host has no empty item left from a copy. */
  #pause(process: Process): Promise<void> {
    return new Promise((resolve) => {
      const pending: Pending = {
        name: LOOK,
        process,
        run: () => {
          this.#pending.splice(this.#pending.indexOf(pending), 1)
          if (process.state !== 'dead') resolve()
        },
      }
      this.#pending.push(pending)
    })
  }

  #send(
    process: Process,
    at: HomeName,
    command: StoreCommand,
    isCount = false,
  ): Promise<StoreAnswer> {
    if (process.state === 'dead') return new Promise(() => {})
    return new Promise((resolve) => {
      const pending: Pending = {
        name: `${command.name}@${at}`,
        process,
        run: () => {
          this.#pending.splice(this.#pending.indexOf(pending), 1)
          const answer = this.#servers[at].execute('k', command)
          if (isCount && isValue(answer)) this.#count(at, answer)
          const { status, size, cas, won, stale } = answer
          process.history.push(JSON.stringify([status, size, cas, won, stale]))
          if (process.state !== 'dead') resolve(answer)
        },
      }
      this.#pending.push(pending)
    })
  }

  /** Increments the counter on the model server, in one step. */
  #count(at: HomeName, before: StoreAnswer): void {
    const body = String(Number(String(before.bytes())) + 1)
    this.#servers[at].set('k', { body, flags: 1 }, 1_000)
  }

  get #state(): string {
    const processes = this.#processes.map(({ state, history }) => [state, history])
    const pending = this.#pending.map(({ name, process }) => name + process.name)
    const servers = [this.#servers.previous.state, this.#servers.new.state]
    return JSON.stringify([processes, pending, servers, this.#expiries, this.#order])
  }

  /**
   * For each write, the versions whose write began after it was acknowledged. Reads are checked by
   * this order.
   */
  get #order(): unknown {
    return this.#writes.map((one) => [
      one.version,
      one.ackedAt < Number.POSITIVE_INFINITY,
      this.#writes.filter((other) => other.startedAt > one.ackedAt).map(({ version }) => version),
    ])
  }
}

function isValue(answer: StoreAnswer): boolean {
  return answer.found && answer.size > 0
}
