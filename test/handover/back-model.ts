import { parseServers } from '../../src/hosts/address.ts'
import type { MarkAsk } from '../../src/hosts/each.ts'
import { HandoverMark } from '../../src/hosts/handover-mark.ts'
import type { Host } from '../../src/hosts/host.ts'
import { getsItem, ownItem, type PlacedItem } from '../../src/hosts/item-commands.ts'
import {
  bodyOf,
  leftMsOf,
  type Mark,
  markIn,
  markKeyOf,
  type NamedPlacement,
  namedPlacement,
  placementDigest,
  placementIn,
} from '../../src/hosts/mark.ts'
import { Outdated } from '../../src/hosts/outdated.ts'
import type { Request } from '../../src/net/request.ts'
import { type Choices, EVERYTHING } from '../simulate/choices.ts'
import { showMs, sleeping } from './back-clock.ts'
import { BackItems, shown } from './back-items.ts'
import type { BackRules, BackScenario, Role } from './back-rules.ts'
import { type View, wrongRead } from './back-views.ts'

interface Process {
  readonly name: number
  readonly role: Role
  readonly aheadMs: number
  readonly mark: HandoverMark
  view: View
  /** When the process has looked last, and whether it is looking. */
  lookedAt: number
  isBusy: boolean
  hasTried: boolean
  guard: Outdated | undefined
  /** How late its clock is, in addition. */
  lateMs: number
  readonly history: string[]
}

/** The items that a step reads or changes. */
interface Use {
  readonly reads: readonly string[]
  readonly changes: readonly string[]
}

interface Step extends Use {
  readonly name: string
  readonly process: Process | undefined
  run(): void
}

const ANNOUNCE_MS = 6_000
/** How long before values may move an announcement can be taken back. */
const MARGIN_MS = 3_000
const TIMES = { announceMs: ANNOUNCE_MS, handoverMs: 600_000 } as const
const ID = 'the-change'
/**
 * The moments of the model: values may move at ANNOUNCE_MS. Between two of them, nothing depends on
 * the time. The last is after the end of what says that the change may be taken back.
 */
const MOMENTS = [-4_000, -2_600, -500, 500, 8_000].map((ms) => ANNOUNCE_MS + ms)
const RING = { distribution: 'ketama' } as const
const placed = (list: string): NamedPlacement => namedPlacement(list, parseServers(list), RING)
const [FROM, TO] = [placed('10.0.0.1'), placed('10.0.0.2')]
const REVERSED = '3'
const NEVER = Number.POSITIVE_INFINITY
const NO_ITEM: Use = { reads: [], changes: [] }

/**
 * A change of servers is taken back while it is announced: one key whose previous and new host
 * differ, and the marks on both. Processes send single commands in a chosen order, and time passes
 * between any two of them. The marks are handled by the code that clients use.
 */
export class BackModel {
  readonly #choices: Choices
  readonly #rules: BackRules
  readonly #isThird: boolean
  readonly #isStarting: boolean
  readonly #hosts: readonly Host[]
  readonly #items = new BackItems()
  readonly #processes: readonly Process[]
  readonly #pending: Step[] = []
  #at: number
  /** When values move to the third list. */
  #thirdMovesAtMs: number | undefined
  /** Whether a decision was made that is not recorded, which is a planted mistake. */
  #isTakenBackAlone = false
  readonly trace: string[] = []

  constructor(choices: Choices, scenario: BackScenario, rules: BackRules) {
    const { roles, hosts = ['previous', 'new'], isThird = false, firstMoment = 0 } = scenario
    this.#at = firstMoment
    this.#choices = choices
    this.#rules = rules
    this.#isThird = isThird
    this.#isStarting = roles.some(([role]) => role === 'new list' || role === 'old list')
    this.#hosts = hosts.map((name) => {
      return { name, abilities: { meta: false, cas: true } } as unknown as Host
    })
    showMs(0)
    sleeping.length = 0
    const mark: Mark = { id: ID, ...TIMES, startedAtMs: Date.now(), previous: FROM.record }
    const { previous: _, ...times } = mark
    const leaving = { ...times, next: TO.record, nextDigest: placementDigest(TO.text) }
    for (const { name } of this.#hosts) {
      this.#items.store(name + markKeyOf(TO.text), bodyOf(mark), NEVER)
      this.#items.store(name + markKeyOf(FROM.text), bodyOf(leaving), NEVER)
      this.#items.store(`${name}\xff~mintring~joined~${ID}`, Buffer.from('1'), NEVER)
    }
    this.#processes = roles.map(([role, aheadMs], name) => this.#process(name, role, aheadMs))
  }

  /** Runs all steps. Rejects when a read value is older than an acknowledged one. */
  async run(): Promise<void> {
    for (let last: Process | undefined; ; ) {
      await new Promise((resolve) => setImmediate(resolve))
      if (sleeping.length > 0) this.#sleep(last!)
      this.#look()
      const enabled = this.#enabled
      if (enabled.length === 0) return
      const { process, name, run } = this.#choices.pick(enabled, () => this.#state)
      this.trace.push(name)
      if (process !== undefined) this.#show(process)
      run()
      last = process
    }
  }

  #process(name: number, role: Role, aheadMs: number): Process {
    const isStarting = role === 'new list' || role === 'old list'
    const part = { isBystander: false, ...(role === 'new list' && { joinedId: ID }) }
    const process: Process = {
      ...{ name, role, aheadMs, view: isStarting ? undefined : 'announce', lookedAt: -1 },
      mark: new HandoverMark(FROM, TO, part, ((host, request) => {
        return this.#send(process, host, request as Request)
      }) as MarkAsk),
      ...{ isBusy: false, hasTried: false, guard: undefined, history: [] },
      lateMs: 0,
    }
    return process
  }

  #show(process: Process): void {
    showMs(MOMENTS[this.#at]! + process.aheadMs - process.lateMs)
  }

  /** A timer ends after other steps have been taken. */
  #sleep(process: Process): void {
    const at = this.#at
    // What it has read before does not matter any more: it reads everything again.
    process.history.length = 0
    for (const wake of sleeping.splice(0)) {
      this.#push(`${process.name} wakes at ${at}`, process, NO_ITEM, wake)
    }
  }

  #push(name: string, process: Process, { reads, changes }: Use, execute: () => void): void {
    const step: Step = {
      name: `${name} ${this.#pending.filter((one) => one.name.startsWith(name)).length}`,
      process,
      reads,
      changes: [...changes, String(process.name)],
      run: () => {
        this.#pending.splice(this.#pending.indexOf(step), 1)
        execute()
      },
    }
    this.#pending.push(step)
  }

  get #enabled(): Step[] {
    const own: Step[] = []
    for (const process of this.#processes) {
      const use = { reads: [], changes: [String(process.name)] }
      const run = (): void => void this.#lookOnce(process)
      if (this.#mayLook(process)) own.push({ ...use, name: `${process.name} looks`, process, run })
    }
    if (this.#at < MOMENTS.length - 1) own.push(this.#passing)
    // A timer does not end in the moment in which it began.
    const due = this.#pending.filter(({ name }) => !name.includes(`wakes at ${this.#at} `))
    return [...own, ...due]
  }

  readonly #passing: Step = {
    ...{ name: 'time passes', process: undefined, reads: [], changes: [EVERYTHING] },
    run: () => this.#at++,
  }

  /** Whether a process may ask about the change: at most once at each moment. */
  #mayLook(process: Process): boolean {
    const { view, role, isBusy, lookedAt, guard } = process
    if (isBusy || guard !== undefined || lookedAt === this.#at) return false
    if (view === undefined) return true
    if (view === 'third announce') return this.#isThirdDue(process)
    return (
      view === 'announce' &&
      ((role === 'goes back' && !process.hasTried) || !this.#isAnnounced(process))
    )
  }

  async #lookOnce(process: Process): Promise<void> {
    process.lookedAt = this.#at
    process.isBusy = true
    const { view, role } = process
    if (view === 'announce') await this.#ask(process)
    else if (view === 'third announce') process.view = 'third move'
    else if (role === 'new list') await this.#join(process)
    else await this.#startOld(process)
    process.isBusy = false
    process.history.length = 0
  }

  /** As HandoverClock does, before values may move and then once more. */
  async #ask(process: Process): Promise<void> {
    const { mark, role } = process
    const isUnwanted = role === 'goes back' && this.#isAnnounced(process) && !process.hasTried
    process.hasTried = true
    let isBack = false
    if (isUnwanted) {
      process.lateMs = this.#rules.lateMs
      this.#show(process)
      await mark.takeBack(this.#hosts, undefined as never, true)
      process.lateMs = 0
      this.#show(process)
      isBack = this.#isTakenBackAlone
    }
    const isLast = !this.#isAnnounced(process)
    const isAsking = this.#rules.asksAgain || !isLast
    const ending = isAsking ? await mark.endingOf(this.#hosts, ID, undefined as never) : undefined
    if (ending === 'reversed' || isBack) {
      const state = { id: ID, startedAtMs: 0 }
      // Only a process that starts reads what this changes.
      if (this.#isStarting) await mark.reverse(this.#hosts, state, undefined as never)
      process.view = this.#isThird ? 'third announce' : 'previous'
      this.#thirdMovesAtMs ??= MOMENTS[this.#at]! + ANNOUNCE_MS
    } else if (ending === undefined && isLast) process.view = 'move'
  }

  /** What the clock of a process says: whether the change may be taken back, and is announced. */
  #timeOf(process: Process): string {
    const { aheadMs, lateMs } = process
    const mayEnd = MOMENTS[this.#at]! + aheadMs - lateMs < ANNOUNCE_MS - MARGIN_MS
    return mayEnd ? 'early' : String(this.#isAnnounced(process))
  }

  /** Whether a process takes the change for announced. */
  #isAnnounced({ aheadMs, lateMs }: Process): boolean {
    return MOMENTS[this.#at]! + aheadMs - lateMs < ANNOUNCE_MS
  }

  async #join(process: Process): Promise<void> {
    const { mark } = process
    const state = await mark.open(this.#hosts, TIMES, undefined as never, () => false)
    if (state === undefined) process.guard = new Outdated(() => this.#hosts[0]!)
    else process.view = state.leftMs <= state.handoverMs ? 'move' : 'announce'
  }

  /** As a handshake does on the only host of the old list. */
  async #startOld(process: Process): Promise<void> {
    const asked = getsItem(ownItem(markKeyOf(FROM.text)))
    const item = (await this.#send(process, this.#hosts[0]!, asked as Request)) as PlacedItem
    const mark = item && markIn(item)
    process.view = 'previous'
    if (mark?.next === undefined) return
    const server = parseServers('10.0.0.1')[0]!
    process.guard = new Outdated(() => ({ server }) as Host)
    process.guard.add(mark, placementIn(mark.next, [server], true)!, leftMsOf(item!, mark))
  }

  /** How a process uses the key now. It holds requests until it has asked before values move. */
  #viewOf(process: Process): View {
    const { view, guard, role } = process
    if (view === 'announce' && !this.#isAnnounced(process)) return undefined
    if (view === 'third announce' && this.#isThirdDue(process)) return undefined
    if (guard === undefined || role === 'new list') return view
    this.#show(process)
    return guard.isMoving('k') ? undefined : view
  }

  #isThirdDue({ aheadMs }: Process): boolean {
    return MOMENTS[this.#at]! + aheadMs >= this.#thirdMovesAtMs!
  }

  /** Checks what each process would read now, after changes by the others. */
  #look(): void {
    const views = this.#processes.map((process) => this.#viewOf(process))
    for (const one of views) {
      for (const other of views) {
        if (one === undefined || other === undefined) continue
        const wrong = wrongRead(one, other)
        if (wrong !== undefined) throw new Error(wrong)
      }
    }
  }

  #step<Result>(process: Process, name: string, use: Use, execute: () => Result): Promise<Result> {
    return new Promise((resolve) => {
      this.#push(`${process.name} ${name}`, process, use, () => {
        const result = execute()
        // The remaining time of a mark is calculated when its reply arrives.
        const at = name.includes('handover') ? this.#timeOf(process) : ''
        process.history.push(`${name} ${at}: ${shown(result)}`)
        resolve(result)
      })
    })
  }

  #send(process: Process, host: Host, request: Request): Promise<unknown> {
    const { verb, wireKey, body } = request
    const key = host.name + wireKey
    const isOld = wireKey === markKeyOf(FROM.text)
    const name = `${verb.name} ${wireKey.split('~').at(2)}${isOld ? '-old' : ''}@${host.name}`
    const isRead = verb.effect === 'read'
    const use = isRead ? { reads: [key], changes: [] } : { reads: [], changes: [key] }
    return this.#step(process, name, use, () => {
      const { records } = this.#rules
      const isDecision = body?.toString() === REVERSED
      this.#isTakenBackAlone ||= isDecision && records === 'never'
      if (isDecision && records === 'never') return true
      const isUnguarded = isDecision && records === 'unguarded'
      return this.#items.execute(key, request, MOMENTS[this.#at]!, isUnguarded)
    })
  }

  get #state(): string {
    const processes = this.#processes.map((process) => {
      const { view, lookedAt, isBusy, hasTried, lateMs, history } = process
      const sinceWhen = isBusy ? lookedAt : lookedAt === this.#at
      return [view, sinceWhen, isBusy, hasTried, lateMs, process.guard !== undefined, history]
    })
    const pending = this.#pending.map(({ name }) => name).sort()
    const items = this.#items.state(MOMENTS[this.#at]!, MOMENTS)
    const more = [this.#at, this.#thirdMovesAtMs, this.#isTakenBackAlone]
    return JSON.stringify([processes, pending, items, more])
  }
}
