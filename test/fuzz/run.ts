import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/index.ts'
import { type Memcached, memcachedAbilities, startMemcached } from '../support/memcached.ts'
import { Counter } from './counter.ts'
import { Dice } from './dice.ts'
import { History } from './history.ts'
import {
  type HostileProxy,
  type Hostility,
  startHostileProxy,
  type Tamper,
} from './hostile-proxy.ts'
import { Log } from './log.ts'
import { LoopClock } from './loop-clock.ts'
import { Page } from './page.ts'
import { REFILL_VERBS } from './refill-verbs.ts'
import { type Afterwards, Register } from './register.ts'
import { Report } from './report.ts'
import { VALUE_BEHAVIORS, type ValueKind } from './values.ts'
import { gat, PLAIN_VERBS, type Verb, type World } from './verbs.ts'

/** One run of the fuzzer. */
export interface Plan {
  readonly seed: number
  readonly operations: number
  readonly hosts: number
  /** Whether hosts fail and return, so that they are ejected. Otherwise only connections end. */
  readonly ejection: boolean
  readonly callers?: number
  /** The time limit of one attempt, 300 ms by default. A busy machine needs more. */
  readonly requestTimeoutMs?: number
  /** Planted mistakes, which the run has to find. */
  readonly mutant?: Mutant
}

/** A mistake of the client or of the proxies. */
export interface Mutant {
  /** Replaces methods of the client. */
  readonly spoil?: (client: MemcachedClient, dice: Dice) => void
  readonly tamper?: Tamper
}

const CALLERS = 300
const REQUEST_TIMEOUT_MS = 300
const RETRIES = 1
const MAX_LANES = 2
const KEYS: Readonly<Record<ValueKind, number>> = { small: 120, compressed: 30, split: 15 }
const DRAIN_MS = 5_000
/** How long after its rejection a command may still run: what a proxy holds, and more. */
const FLOAT_TIMEOUTS = 5
const LOOK_MS = 100
/** The pause of a caller after an error. */
const PAUSE_MS = 100
/** How long servers may take to start. */
const PATIENCE_MS = 60_000
const always = (): boolean => true
const never = (): boolean => false

const HOSTILE: Hostility = {
  delayShare: 0.3,
  delayMs: 8,
  stallShare: 0.003,
  stallMs: 1.5 * REQUEST_TIMEOUT_MS,
  splitShare: 0.2,
  truncateShare: 0.012,
  resetShare: 0.006,
}

/** Runs a plan on its own memcacheds. */
export async function fuzz(plan: Plan): Promise<Report> {
  const clock = new LoopClock()
  const history = new History()
  // Start memcached with one thread, which runs commands in the order of arrival, across
  // connections.
  const args = ['-t', '1', '-R', '10000', '-m', '512']
  const start = () => startMemcached({ args })
  const servers = await Promise.all(Array.from({ length: plan.hosts }, start))
  const proxies = await Promise.all(
    servers.map(({ port }, index) => {
      return startHostileProxy(port, plan.seed * 100 + index, {
        tamper: plan.mutant?.tamper,
        history,
      })
    }),
  )
  const report = new Report(clock, history)
  const onCrash = (reason: unknown): void => report.add('crashes', `nobody handles: ${reason}`)
  process.on('unhandledRejection', onCrash)
  try {
    return await new Run(plan, proxies, report).run()
  } finally {
    process.off('unhandledRejection', onCrash)
    clock.stop()
    await Promise.all(proxies.map((proxy) => proxy.close()))
    await Promise.all(servers.map((server: Memcached) => server.kill()))
  }
}

class Run {
  readonly #plan: Plan
  readonly #proxies: readonly HostileProxy[]
  readonly #report: Report
  readonly #client: MemcachedClient
  readonly #world: World
  readonly #deck: readonly Verb[]
  readonly #timeoutMs: number
  readonly #hostile: Hostility
  /** What to do when a rejected command can no longer run, by time. */
  readonly #floating: { readonly settle: () => void; readonly dueMs: number }[] = []
  #isOver = false

  constructor(plan: Plan, proxies: readonly HostileProxy[], report: Report) {
    this.#plan = plan
    this.#proxies = proxies
    this.#report = report
    this.#timeoutMs = plan.requestTimeoutMs ?? REQUEST_TIMEOUT_MS
    this.#hostile = { ...HOSTILE, stallMs: 1.5 * this.#timeoutMs }
    this.#client = new MemcachedClient(
      proxies.map(({ port }) => `127.0.0.1:${port}`),
      {
        ...VALUE_BEHAVIORS,
        requestTimeoutMs: this.#timeoutMs,
        connectTimeoutMs: this.#timeoutMs,
        retries: RETRIES,
        retryTimeoutMs: this.#timeoutMs,
        // Limit the pause between probes: longer ejections would keep all hosts out for most of a
        // run.
        deadTimeoutMs: 4 * this.#timeoutMs,
        connections: { min: 1, max: MAX_LANES, idleMs: 60_000 },
      },
    )
    const dice = new Dice(plan.seed)
    plan.mutant?.spoil?.(this.#client, dice)
    this.#world = worldOf(plan, this.#client, dice, report, (settle) => this.#afterwards(settle))
    const all = [...PLAIN_VERBS, ...REFILL_VERBS]
    const { gat: hasGat } = memcachedAbilities()
    const isSupported = (verb: Verb): boolean => verb !== gat || hasGat
    this.#deck = all.flatMap(([verb, weight]) => {
      return isSupported(verb) ? Array<Verb>(weight).fill(verb) : []
    })
  }

  async run(): Promise<Report> {
    await this.#begin()
    const floating = setInterval(() => this.#settleFloating(), LOOK_MS)
    for (const proxy of this.#proxies) proxy.hostility = this.#hostile
    const outages = this.#plan.ejection ? this.#breakHosts() : undefined
    const callers = this.#plan.callers ?? CALLERS
    await this.#finish(Promise.all(Array.from({ length: callers }, () => this.#caller())))
    this.#isOver = true
    clearInterval(floating)
    await outages
    await this.#checkEnd()
    for (const { errors } of this.#proxies) {
      for (const line of errors) this.#report.add('protocol', `the server answered ${line}`)
    }
    return this.#report
  }

  /** Reads every key once. On a busy machine the first reads may wait longer than their timeout. */
  async #begin(): Promise<void> {
    const endMs = performance.now() + PATIENCE_MS
    for (const { key } of this.#world.registers) {
      while (!(await this.#client.get(key).then(always, never))) {
        if (performance.now() > endMs) throw new Error(`no server replied in ${PATIENCE_MS} ms`)
        await sleep(LOOK_MS)
      }
    }
  }

  /**
   * Makes calls one after the other. Pauses after an error, or the callers of an ejected host would
   * use up the run's operations at once. Not before the error is recorded: from then on the client
   * may delete what it did not store.
   */
  async #caller(): Promise<void> {
    const world = { ...this.#world }
    while (this.#report.issued < this.#plan.operations) {
      await world.dice.pick(this.#deck)(world)
      if (world.hasFailed) await sleep(PAUSE_MS)
      world.hasFailed = false
    }
  }

  /** A call that never settles would block the run, so it is counted instead. */
  async #finish(callers: Promise<unknown>): Promise<void> {
    let isDone = false
    const done = callers.finally(() => {
      isDone = true
    })
    let settled = -1
    while (!isDone && settled !== this.#report.settled) {
      settled = this.#report.settled
      const timer = new AbortController()
      await Promise.race([done, sleep(DRAIN_MS, undefined, timer)])
      timer.abort()
    }
    const open = this.#report.issued - this.#report.settled
    for (let call = 0; call < open; call++) this.#report.add('late', 'a call never settled')
  }

  /**
   * Calls `settle` when proxies hold nothing sent before now, and returned hosts have had their
   * deletes.
   */
  #afterwards(settle: () => void): void {
    this.#floating.push({ settle, dueMs: performance.now() + FLOAT_TIMEOUTS * this.#timeoutMs })
  }

  /** Looks once for all rejected commands: while a host is out there are thousands. */
  #settleFloating(): void {
    const isTold = this.#client.hosts().every(({ state }) => state === 'up')
    if (!isTold) return
    const nowMs = performance.now()
    const due = this.#floating.findIndex(({ dueMs }) => dueMs > nowMs)
    for (const { settle } of this.#floating.splice(0, due < 0 ? Infinity : due)) settle()
  }

  /** Makes one host at a time refuse or hang, long enough to be ejected. */
  async #breakHosts(): Promise<void> {
    const dice = new Dice(this.#plan.seed + 1)
    while (!this.#isOver) {
      const proxy = dice.pick(this.#proxies)
      await sleep((2 + 2 * dice.roll()) * this.#timeoutMs)
      proxy.mode = dice.roll() < 0.5 ? 'refused' : 'hung'
      await sleep((1.7 + 2.3 * dice.roll()) * this.#timeoutMs)
      proxy.mode = 'open'
    }
  }

  /** Checks that nothing waits, no connection is left over, and none is open after close(). */
  async #checkEnd(): Promise<void> {
    for (const proxy of this.#proxies) proxy.hostility = { ...this.#hostile, resetShare: 0 }
    const isIdle = () => this.#client.hosts().every((host) => host.inFlight + host.queued === 0)
    await soon(isIdle, this.#timeoutMs)
    for (const { name, inFlight, queued } of this.#client.hosts()) {
      if (inFlight > 0 || queued > 0) {
        this.#report.add('growth', `${name} has ${inFlight} in flight, ${queued} queued`)
      }
    }
    for (const { open } of this.#proxies) {
      if (open > MAX_LANES) this.#report.add('growth', `${open} connections to a host`)
    }
    await this.#client.close()
    await soon(() => this.#proxies.every(({ open }) => open === 0), this.#timeoutMs)
    for (const { open } of this.#proxies) {
      if (open > 0) this.#report.add('growth', `${open} connections to a host after close()`)
    }
  }
}

/** Waits until the condition holds, or for as long as a call may take. */
async function soon(isSo: () => boolean, timeoutMs: number): Promise<void> {
  const endMs = performance.now() + 3 * timeoutMs
  while (!isSo() && performance.now() < endMs) await sleep(10)
}

function worldOf(
  plan: Plan,
  client: MemcachedClient,
  dice: Dice,
  report: Report,
  afterwards: Afterwards,
): World {
  const isAlone = plan.hosts === 1
  const many = <Item>(count: number, make: (index: number) => Item): Item[] =>
    Array.from({ length: count }, (_, index) => make(index))
  const registers = Object.entries(KEYS).flatMap(([kind, count]) => {
    return many(count, (index) => {
      return new Register(`${kind}:${index}`, kind as ValueKind, isAlone, report, afterwards)
    })
  })
  return {
    client,
    report,
    hasFailed: false,
    dice,
    registers,
    counters: many(30, (index) => new Counter(`counter:${index}`, isAlone, report)),
    logs: many(15, (index) => new Log(`log:${index}`, isAlone, report)),
    pages: many(15, (index) => new Page(`page:${index}`, report)),
    strictPages: many(15, (index) => new Page(`strict:${index}`, report)),
    limitMs: (plan.requestTimeoutMs ?? REQUEST_TIMEOUT_MS) * (1 + RETRIES),
  }
}
