import { setTimeout as sleep } from 'node:timers/promises'
import { startServer } from '../../src/embedded/index.ts'
import type { MintringError, OperationOptions } from '../../src/index.ts'
import type { LoopClock } from '../fuzz/loop-clock.ts'
import { CALL_MS, Cell, type Variant } from './cell.ts'
import type { Event, Expectation } from './event.ts'
import {
  type End,
  endOf,
  fateOf,
  type Outcome,
  outcomeOf,
  prepare,
  type Subject,
} from './subject.ts'

/** A margin for timers and a busy machine. */
const SLACK_MS = 60
/** Long enough for a command to be sent, too short for its connection to end. */
const LEAVE_MS = 4

/** Returns why a verb need not be tested with an event; undefined if it must. */
export function whyPointless(subject: Subject, event: Event, hosts: number): string | undefined {
  if (!(event.hosts ?? [1, 3]).includes(hosts)) return `with ${hosts} host nothing changes`
  return event.pointless?.(subject)
}

/** Runs a call together with an event, and returns every rule that was broken. */
export async function meet(
  subject: Subject,
  event: Event,
  hosts: number,
  clock: LoopClock,
  variant: Variant,
): Promise<readonly string[]> {
  const gutter = event.hasGutter ? await startServer() : undefined
  const cell = await Cell.open(hosts, event.behaviors?.({ gutter }) ?? {}, clock, gutter, variant)
  try {
    await new Meeting(cell, subject, event, hosts).run()
  } catch (error) {
    cell.fault('the result is true', `something else was thrown: ${(error as Error).stack}`)
  } finally {
    await cell.close()
  }
  return cell.faults
}

class Meeting {
  readonly #cell: Cell
  readonly #subject: Subject
  readonly #event: Event
  readonly #hosts: number
  #isOver = false

  constructor(cell: Cell, subject: Subject, event: Event, hosts: number) {
    this.#cell = cell
    this.#subject = subject
    this.#event = event
    this.#hosts = hosts
  }

  async run(): Promise<void> {
    const cell = this.#cell
    const event = this.#event
    const { others } = cell
    await prepare(this.#subject, cell)
    for (const key of [others.read, others.write]) await cell.client.set(key, 'before')
    await cell.client.set(others.count, '10')
    cell.client.on('eject', ({ reason }) => {
      if (!event.ejects && !this.#isOver)
        cell.fault('no other caller fails', `home was ejected: ${reason}`)
    })
    await event.before?.(cell, this.#subject)

    // Calls of other callers are queued before and after this one, mostly in the same write.
    const { client } = cell
    const first = event.isFirst ? this.#callIt() : undefined
    if (event.isFirst) await sleep(LEAVE_MS)
    const reading = this.#watch(() => client.get(others.read), CALL_MS)
    const call = first ?? this.#callIt()
    const storing = this.#watch(() => client.set(others.write, 'after'), CALL_MS)
    const counting = this.#watch(() => client.incr(others.count), CALL_MS)
    await event.during?.(cell)
    const outcome = await call
    const outcomes = [await reading, await storing, await counting]
    await event.after?.(cell)

    if (outcome !== undefined) {
      this.#checkOutcome(outcome)
      await this.#checkEnds(outcome)
    }
    const [read, write, count] = outcomes
    if (read && write && count) await this.#checkOthers({ read, write, count })
    await this.#checkIdle()
    if (event.isOutage && this.#hosts > 1) await this.#breakAgain()
  }

  #callIt(): Promise<Outcome | undefined> {
    const options: OperationOptions = this.#event.options?.() ?? {}
    const own = options.timeoutMs ?? (options.signal === undefined ? undefined : 25)
    const limitMs = own ?? this.#subject.limitMs ?? CALL_MS
    return this.#watch(() => this.#subject.call(this.#cell, options), limitMs)
  }

  /** Makes a call during the event, and checks that it settles in time. */
  async #watch(call: () => Promise<unknown>, limitMs: number): Promise<Outcome | undefined> {
    const { clock } = this.#cell
    const startMs = clock.freeMs
    const limit = new AbortController()
    const never = sleep(10 * limitMs + 2_000, undefined, limit).catch(() => undefined)
    const outcome = await Promise.race([outcomeOf(call()), never])
    limit.abort()
    const tookMs = clock.freeMs - startMs
    if (outcome === undefined) {
      this.#cell.fault('settles in time', 'never settled')
      return undefined
    }
    if (tookMs > limitMs + SLACK_MS) {
      const how = outcome.error?.code ?? 'done'
      this.#cell.fault('settles in time', `${Math.round(tookMs)} ms of ${limitMs}: ${how}`)
    }
    return outcome
  }

  #checkOutcome(outcome: Outcome): void {
    const expected = this.#event.expects(this.#subject.kind, this.#hosts)
    this.#check('the result is true', expected, outcome)
    const failed = (outcome.value as { failed?: Map<string, MintringError> } | undefined)?.failed
    const [error] = failed?.values() ?? []
    if (error !== undefined) this.#check('the result is true', expected, { error })
  }

  #check(law: string, expected: Expectation, { error }: Outcome): void {
    if (expected === 'any') return
    const how = error === undefined ? 'resolved' : `${error.code} (${error.message})`
    if (expected === 'succeeds') {
      if (error !== undefined) this.#cell.fault(law, `rejected: ${how}`)
    } else if (error?.code !== expected.rejects || error.sent) {
      this.#cell.fault(law, `${how}, instead of ${expected.rejects} before anything was sent`)
    }
  }

  /** Checks that the key's final content does not contradict the result of the call. */
  async #checkEnds(outcome: Outcome): Promise<void> {
    const { name, isBatch, ends, ifLost } = this.#subject
    const mayLose = this.#event.loses?.(this.#hosts) ?? false
    for (const key of isBatch ? this.#cell.keys : [this.#cell.key]) {
      const fate = fateOf(this.#subject, outcome, key)
      const end = await endOf(this.#subject, this.#cell, key)
      const lost = mayLose ? ifLost : undefined
      const allowed = fate === 'wrong' ? undefined : (lost?.[fate] ?? ends[fate])
      if (fate === 'wrong' || allowed === undefined) {
        this.#cell.fault('the result is true', `${name} (${fate}): ${told(outcome)}`)
        continue
      }
      const isTrue = end !== undefined && (allowed.includes(end) || (mayLose && end === 'absent'))
      if (!isTrue) this.#cell.fault(lawOf(end), `${name} was ${fate}, the key is ${end}`)
    }
  }

  async #checkOthers(others: { read: Outcome; write: Outcome; count: Outcome }): Promise<void> {
    const cell = this.#cell
    const mayLose = this.#event.loses?.(this.#hosts) ?? false
    const law = 'no other caller fails'
    this.#check(law, this.#event.others('read', this.#hosts), others.read)
    this.#check(law, this.#event.others('write', this.#hosts), others.write)
    this.#check(law, this.#event.others('once', this.#hosts), others.count)
    const { value, error } = others.read
    if (error === undefined && value !== 'before' && !(mayLose && value === undefined)) {
      cell.fault(law, `a get returned ${value}`)
    }
    const { write, count } = cell.others
    const written = await cell.reader.get(write)
    const mayMiss = mayLose || others.write.error !== undefined
    if (written !== 'after' && !(written === undefined && mayMiss)) {
      if (others.write.error === undefined || written !== 'before') {
        cell.fault('nothing acknowledged is read older', `a set "after" left ${written}`)
      }
    }
    const counted = await cell.reader.get(count)
    const wasCounted = others.count.value === 11n
    const most = others.count.error?.sent === false ? '10' : '11'
    const isTrue = counted === '11' ? most === '11' : counted === '10' && !wasCounted
    const mayBeGone = counted === undefined && (mayLose || others.count.error !== undefined)
    if (!isTrue && !mayBeGone) cell.fault('nothing runs twice', `a counter of 10 is ${counted}`)
  }

  async #checkIdle(): Promise<void> {
    const busy = (): string[] => {
      const rows = this.#cell.client.hosts().filter((host) => host.inFlight + host.queued > 0)
      return rows.map(({ name, inFlight, queued }) => `${name}: ${inFlight} + ${queued}`)
    }
    const endMs = this.#cell.clock.freeMs + CALL_MS
    while (busy().length > 0 && this.#cell.clock.freeMs < endMs) await sleep(4)
    if (busy().length > 0) this.#cell.fault('nothing is left behind', `in flight ${busy()}`)
  }

  /**
   * Checks that copies which this outage left on fallback hosts are not read in the next outage.
   */
  async #breakAgain(): Promise<void> {
    const cell = this.#cell
    for (const key of [cell.key, cell.others.write]) await cell.client.set(key, 'later')
    this.#isOver = true
    cell.home.shut()
    await cell.provoke('ejected')
    for (const key of [cell.key, cell.others.write]) {
      const value = await cell.client.get(key)
      if (value === undefined || value === 'later') continue
      cell.fault('nothing acknowledged is read older', `the next outage shows ${short(value)}`)
    }
  }
}

function lawOf(end: End | undefined): string {
  if (end === 'old' || end === 'marked') return 'nothing acknowledged is read older'
  return end === undefined ? 'nothing runs twice' : 'the result is true'
}

function told({ value, error }: Outcome): string {
  return error === undefined ? short(value) : error.code
}

function short(value: unknown): string {
  return String(value).slice(0, 60)
}
