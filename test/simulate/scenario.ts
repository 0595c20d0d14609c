import assert from 'node:assert/strict'
import type { RefillEntry } from '../../src/refill/finding.ts'
import { type Choices, EVERYTHING, Met, type Move } from './choices.ts'
import type { Plan } from './orders.ts'
import { SteppedClock } from './stepped-clock.ts'
import { type Step, SteppedClient } from './steps.ts'
import { ModelHosts } from './two-hosts.ts'

/** A step that begins something, whenever a choice allows it. */
interface Pending extends Step {
  readonly client: SteppedClient
}

/** A move that runs a step. */
interface StepMove extends Move {
  readonly isCommand?: boolean
  run(): void
}

/** What the writer changes before an invalidation, and a load reads. */
const ORIGIN = 'origin'
/** The newest acknowledged version. */
const ACKNOWLEDGED = 'acknowledged'

/** How long recovery may take: a lease of two seconds, and one or two reads after it. */
const RECOVERY_SECONDS = 4

/**
 * Simulates two clients that read a key while it is written and invalidated and while one of them
 * may die, in every order of their single commands. Commands on different connections may overtake
 * each other.
 *
 * Besides what Choices leaves out, these orders are left out, because no client can tell them from
 * one that is tried:
 * - If no reader writes and no time passes, a loader ends at once: the command after it may still
 *   come at any time.
 * - A read sends its first command as soon as it has begun: the newest value that it must return is
 *   the one of that moment.
 * - The server ignores what a dead client only reads.
 * - CAS ids are counted per item: clients compare only those of one item.
 * - After all other clients have ended, the last one reads in one order.
 */
class Scenario {
  readonly #choices: Choices
  readonly #plan: Plan
  readonly #hosts: ModelHosts
  readonly #clients: SteppedClient[]
  readonly #clock = new SteppedClock((ms) => {
    for (const { history } of this.#clients) history.push(`at ${ms}`)
  })
  readonly #pending: Pending[] = []
  /** The client that has just started: its first command is sent before any other step. */
  #first: SteppedClient | undefined
  #writer: SteppedClient | undefined
  #version = 0
  #newest = 0
  #delays: number
  readonly #evictions: { tag: number; value: number }
  /** The first violation of a guarantee, as text; undefined if there was none. */
  #broken: string | undefined
  readonly #reads: SteppedClient[] = []
  readonly trace: string[] = []

  constructor(choices: Choices, plan: Plan) {
    this.#choices = choices
    this.#plan = plan
    this.#delays = plan.delays
    this.#evictions = { tag: 0, value: 0, ...plan.evictions }
    const { dialect, kinds = { home: dialect, fallback: dialect, back: dialect } } = plan
    this.#hosts = new ModelHosts(() => this.#clock.nowMs(), kinds)
    this.#clients = ['a', 'b', 'c'].map(
      (name) => new SteppedClient(this.#hosts, this.#clock, plan.wrap, name),
    )
    for (const client of this.#clients) client.repeats = plan.repeats ?? 0
  }

  async run(): Promise<void> {
    const [a, b, c] = this.#clients as [SteppedClient, SteppedClient, SteppedClient]
    if (this.#plan.isLoaded === true) await this.#loadFirst(a)
    const writer = this.#plan.writer === 'apart' ? c : b
    this.#writer = writer
    if (this.#plan.isUpgraded === true) await this.#upgradeFirst(writer)
    // The recorded choices decide when each of these pending steps begins.
    this.#pending.push({ name: 'read', client: a, run: () => this.#readAndCrash(a) })
    if (this.#plan.reads === 'at any time') this.#readLater(b)
    const write = (): void => this.#write(writer, this.#plan.writes)
    this.#pending.push({ name: 'write', client: writer, run: write })
    await this.#settle()
    assert.equal(this.#reading, 0, 'a read never ended')
    this.#choices.meet(() => this.#state)
    if (this.#plan.wrap === undefined) await this.#recover(this.#isReadOnce ? c : b)
  }

  /** Reads the key once and stores it. It always takes the first step: no other client acts yet. */
  async #loadFirst(client: SteppedClient): Promise<void> {
    void this.#read(client)
    await this.#settle(inOneOrder)
    client.history.length = 0
  }

  /** Lets the writer invalidate once, and then home end and return. No other client acts yet. */
  async #upgradeFirst(writer: SteppedClient): Promise<void> {
    this.#write(writer, 1)
    await this.#settle(inOneOrder)
    assert.equal(this.#hosts.next, undefined)
  }

  /**
   * Checks that the newest value is stored after at most one lease and one or two reads, in one
   * order.
   */
  async #recover(client: SteppedClient): Promise<void> {
    let last: RefillEntry<number> | undefined
    this.#delays = this.#evictions.tag = this.#evictions.value = 0
    for (let i = 0; i <= RECOVERY_SECONDS; i++) {
      const read = this.#read(client)
      await this.#settle(inOneOrder)
      assert.equal(this.#reading, 0, 'a read never ended')
      last = await read
      if (last?.state === 'fresh') break
      this.#clock.passTo(this.#clock.nowMs() + 1_000)
    }
    assert.deepEqual([last?.value, last?.state], [this.#version, 'fresh'])
  }

  #readLater(client: SteppedClient): void {
    this.#pending.push({ name: 'read', client, run: () => void this.#read(client) })
  }

  /** Reads the key. Resolves to undefined if the read fails, as when its load took too long. */
  async #read(client: SteppedClient): Promise<RefillEntry<number> | undefined> {
    const newest = this.#newest
    client.history.push(`read ${newest}`)
    this.#reads.push(client)
    const loader = (): Promise<number> => this.#load(client)
    const reading = client.refill.getOrSetEntry('k', loader, this.#plan.policy)
    // Executes the read's first command at once: a later one could only return a newer value.
    // With tags, a read starts several commands, and any of them may be executed first.
    if (this.#hasTags) this.#first = client
    else client.arrive()
    const entry = await reading.catch(() => undefined)
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
    // The load needs no step of its own: the command that follows it can be delayed instead.
    if (this.#isReduced) return Promise.resolve(version)
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
    const failed = (error: unknown): void => {
      this.#broken ??= `the invalidation failed: ${error}`
    }
    void this.#tell(client).then(() => {
      this.#newest = Math.max(this.#newest, version)
      this.#forget(client)
      if (times === 1) {
        if (this.#plan.reads === 'after') this.#readLater(client)
        return
      }
      const run = (): void => this.#write(client, times - 1)
      this.#pending.push({ name: 'write', client, run })
    }, failed)
  }

  /**
   * Clears the history of a client that has no operation in progress: such a client remembers
   * nothing of a key that it has just invalidated.
   */
  #forget(client: SteppedClient): void {
    if (this.#hasTags && client !== this.#clients[2]) return
    if (this.#isIdle(client)) client.history.length = 0
  }

  /**
   * Whether to skip equivalent orders: a step that no other client can see is tried only once. Not
   * if a reader writes, which ends its own load, or if time passes, in which a loader can run.
   */
  get #isReduced(): boolean {
    return this.#plan.writer === 'apart' && this.#plan.delays === 0
  }

  get #hasTags(): boolean {
    return this.#plan.writeKind === 'tags'
  }

  #tell(client: SteppedClient): Promise<unknown> {
    const { refill } = client
    if (this.#hasTags) return refill.invalidateTags('t')
    const { isPolicyUnknown = false, policy, writeKind } = this.#plan
    if (writeKind !== 'invalidate') {
      return client.setAndDelete('k', this.#version, writeKind === 'set and delete')
    }
    return isPolicyUnknown ? refill.invalidate('k') : refill.invalidate('k', policy)
  }

  /** Starts a read, and lets the client die at any later time if the plan has crashes. */
  #readAndCrash(client: SteppedClient): void {
    void this.#read(client)
    const run = (): void => client.die()
    if (this.#plan.crashes) this.#pending.push({ name: 'crash', client, run })
  }

  /** The number of unfinished reads of live clients. */
  get #reading(): number {
    return [...this.#reads].filter((client) => client.isAlive).length
  }

  /** Whether each reader reads once only, because a third client writes and recovers. */
  get #isReadOnce(): boolean {
    return this.#plan.writer === 'apart' && this.#plan.reads === 'at any time'
  }

  /** Whether the client has finished its only read: what it knows has no effect any more. */
  #isOver(client: SteppedClient): boolean {
    const [a, b] = this.#clients
    const isReadOnce = client === a || (client === b && this.#isReadOnce)
    if (!isReadOnce || !this.#isIdle(client)) return false
    return !this.#pending.some((step) => step.client === client && step.name === 'read')
  }

  /** Returns whether the client has no operation in progress. */
  #isIdle(client: SteppedClient): boolean {
    if (this.#reads.includes(client) || !client.isQuiet) return false
    return !this.#pending.some((step) => step.client === client && step.name === 'load')
  }

  readonly #pick = (moves: readonly StepMove[]): StepMove => {
    return this.#choices.pick(moves, this.#first === undefined ? () => this.#state : undefined)
  }

  /**
   * Returns the possible next steps. With tags, nothing happens between the start of a read and its
   * first command.
   */
  get #enabled(): StepMove[] {
    const first = this.#first
    if (first !== undefined) return this.#movesOf(first).filter(({ isCommand }) => isCommand)
    const moves = this.#clients.flatMap((client) => this.#movesOf(client))
    const all = [...moves, ...this.#evicting, ...this.#failing]
    if (all.length === 0 || this.#delays === 0 || !this.#clock.hasNext) return all
    const run = (): void => {
      this.#delays--
      this.#clock.next()
    }
    return [...all, { name: 'time', reads: [], changes: [EVERYTHING], run }]
  }

  #movesOf(client: SteppedClient): StepMove[] {
    const own = this.#pending.filter((step) => step.client === client && client.isAlive)
    const begun = this.#isOver(client) ? [] : own.map(this.#stepOf)
    const steps = [...begun, ...client.steps]
    return steps.map((step, i) => {
      const same = steps.slice(0, i).filter(({ name }) => name === step.name)
      return {
        ...this.#usesOf(step, client),
        name: `${step.name} ${client.name} ${same.length}`,
        isCommand: step.item !== undefined,
        run: step.run,
      }
    })
  }

  readonly #stepOf = (pending: Pending): Step => ({
    name: pending.name,
    run: () => {
      this.#pending.splice(this.#pending.indexOf(pending), 1)
      pending.run()
    },
  })

  /** Any command of a reader may end in a load, and any of a writer in an acknowledgement. */
  #usesOf({ name, item, isRead }: Step, client: SteppedClient): Omit<Move, 'name'> {
    const reads = [ORIGIN]
    const changes = [client.name]
    if (item !== undefined) (isRead === true ? reads : changes).push(item)
    // A read includes its first command: of the tag, the value, or the tags beside it.
    if (name === 'read') {
      reads.push(ACKNOWLEDGED, 'tag')
      changes.push('value', 'tags')
    }
    if (name === 'write') changes.push(ORIGIN)
    else if (client === this.#writer) changes.push(ACKNOWLEDGED)
    return { reads, changes }
  }

  /** What can happen to the key's host: it ends, and returns. */
  get #failing(): StepMove[] {
    const hosts = this.#hosts
    const name = this.#plan.kinds === undefined ? undefined : hosts.next
    if (name === undefined) return []
    return [{ name, reads: [], changes: [EVERYTHING], run: () => hosts.goOn() }]
  }

  get #evicting(): StepMove[] {
    const left = this.#evictions
    const step = (item: 'tag' | 'value', isThere: boolean, evict: () => void): StepMove[] => {
      const run = (): void => {
        left[item]--
        evict()
      }
      if (left[item] === 0 || !isThere) return []
      return [{ name: `evict the ${item}`, reads: [], changes: [item], run }]
    }
    const server = this.#hosts.home
    const tag = step('tag', server.readTag('t').found, () => server.evictTag('t'))
    return [...tag, ...step('value', server.peek('k') !== undefined, () => server.evict('k'))]
  }

  #take(move: StepMove): void {
    this.trace.push(move.name)
    this.#first = undefined
    move.run()
  }

  async #settle(pick = this.#pick): Promise<void> {
    for (let steps = 0; steps < 500; steps++) {
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#broken !== undefined) throw new Error(this.#broken)
      const enabled = this.#enabled
      if (enabled.length > 0) this.#take(pick(enabled))
      else if (this.#reading === 0 || !this.#clock.next()) return
    }
    assert.fail('this never ends')
  }

  get #state(): string {
    const pending = this.#pending
      .filter(({ client }) => client.isAlive && !this.#isOver(client))
      .map(({ name, client }) => name + this.#clients.indexOf(client))
    const clients = this.#clients.map((client) => (this.#isOver(client) ? 'over' : client.state))
    const left = [this.#delays, this.#evictions.tag, this.#evictions.value]
    const rest = [
      this.#clock.nowMs(),
      this.#version,
      this.#newest,
      left,
      pending.sort(),
      this.#first?.name,
    ]
    return JSON.stringify([this.#hosts.state, clients, rest])
  }
}

function inOneOrder(moves: readonly StepMove[]): StepMove {
  return moves[0]!
}

/** Runs a plan with one sequence of choices. An error lists the steps that led to it. */
export async function follow(choices: Choices, plan: Plan): Promise<void> {
  const scenario = new Scenario(choices, plan)
  try {
    await scenario.run()
  } catch (error) {
    if (error instanceof Met) return
    throw new Error(`after ${scenario.trace.join(', ')}`, { cause: error })
  }
}
