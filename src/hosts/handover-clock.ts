import type { Phase, TransitionTimes } from '../ring/transition.ts'
import { phaseAt, settleMsOf } from '../ring/transition.ts'
import { clearTimeout, performance, setTimeout, unixMs } from '../runtime.ts'
import { each, type MarkAsk } from './each.ts'
import type { Earlier } from './earlier.ts'
import {
  type Departure,
  type FleetState,
  HandoverMark,
  type Part,
  type Withdrawal,
} from './handover-mark.ts'
import type { Host } from './host.ts'
import { Leftovers } from './leftovers.ts'
import type { NamedPlacement } from './mark.ts'

/** How often the mark of a finished handover is renewed. */
const VOUCH_MS = 3_600_000
/** How often hosts that are not cleared yet are checked. */
const MIN_POLL_MS = 50
/** How long a host may get the mark later than others that were marked by the same process. */
const UNMARKED_MS = 100
const MAX_POLL_MS = 2_000
/** How often a process that wants the previous servers again checks whether it can go back. */
const UNWANTED_POLL_MS = 200
/** How far the beginning of a handover may be misjudged. */
const CLOCK_MS = 3_000
/** How often it is checked whether a host has replied to a probe. */
const LOOK_MS = 5

/** The inputs of a clock. */
export interface ClockInput {
  readonly times: TransitionTimes
  readonly part: Part
  readonly placements: { readonly from: NamedPlacement; readonly to: NamedPlacement }
  /** Whether to keep the mark after the end, because `previous` is in the settings. */
  readonly isConfigured: boolean
  readonly earlier: Earlier
  /** How long to look for the mark, in milliseconds. */
  readonly withinMs: number
  /** How long to wait for previous hosts that seem to be down, in milliseconds. */
  readonly waitMs: number
  /** The hosts of both placements. */
  readonly hosts: readonly Host[]
  /** The previous hosts that this process may dial. */
  readonly previous: readonly Host[]
  /** The hosts that receive keys. */
  readonly receiving: Promise<readonly Host[]>
  readonly ask: MarkAsk
  /**
   * Whether the previous hosts have no old values: none was down meanwhile, or its process is gone.
   * `isAlone`: if no other process takes part, they may also have got what they missed.
   */
  mayGoBack(isAlone: boolean): boolean
  /** When the first of a host's present connections was opened, on the clock of `performance`. */
  connectedMs(host: Host): number | undefined
  /**
   * Called when a phase starts; undefined: the handover is over. `isNew` is false if it was already
   * over when this process first read the clock.
   */
  onPhase(phase: Phase | undefined, isNew: boolean): void
  /** Called as soon as values may move, before the phase starts. */
  onMove(): void
}

/**
 * Tracks the phases of a handover by the clock of the fleet. Before a host is read, has the old
 * items there deleted.
 */
export class HandoverClock {
  readonly #input: ClockInput
  readonly #mark: HandoverMark
  #times: TransitionTimes
  #endsMs: number
  #state: FleetState | undefined
  /** The previous hosts that were down when this process heard of the change. */
  readonly #out: readonly Host[]
  /** The hosts that receive keys, once that is known. */
  #receiving: readonly Host[] = []
  #leftovers: Leftovers | undefined
  #told: Phase | 'opening' | undefined = 'opening'
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  #opening: Promise<void> | undefined
  /** Whether it is known that the announcement was not withdrawn before values may move. */
  #mayMove = false
  #looking: Promise<void> | undefined
  /** Whether the fleet should go back to the previous servers. */
  #isUnwanted = false
  /** Whether other processes are known to take part. */
  #isShared = false
  /** Whether the fleet has gone back to the previous servers. */
  isReversed = false
  /**
   * For each host, its epoch (which changes when the server may have restarted) when it last had
   * the mark.
   */
  readonly #epochs = new Map<Host, number>()
  /** The hosts that are asked whether they still have the mark. */
  readonly #checks = new Map<Host, Promise<void>>()

  constructor(input: ClockInput) {
    const { times, part, placements, ask } = input
    this.#input = input
    this.#times = times
    this.#endsMs = performance.now() + times.announceMs + times.handoverMs
    this.#out = input.previous.filter(({ isEjected }) => isEjected)
    this.#mark = new HandoverMark(placements.from, placements.to, part, ask)
    this.#opening = this.#open()
  }

  /** Pending until the clock of the fleet is known. */
  get opening(): Promise<void> | undefined {
    if (this.#state === undefined || this.#mayMove || this.#isStopped) return this.#opening
    // A process that stood still may have missed that the fleet went back.
    const { phase } = this
    return phase === 'announce' ? this.#opening : (this.#opening ?? this.#look())
  }

  get phase(): Phase | undefined {
    const phase = this.#phase
    return phase === 'move' && !this.#mayMove ? 'announce' : phase
  }

  get #phase(): Phase | undefined {
    return phaseAt(this.#endsMs - performance.now(), this.#times)
  }

  /** Sets whether the fleet should go back to the previous servers. */
  set isUnwanted(isUnwanted: boolean) {
    this.#isUnwanted = isUnwanted
    if (!isUnwanted || this.#told !== 'announce') return
    clearTimeout(this.#timer)
    this.#tick(UNWANTED_POLL_MS)
  }

  /** In how many milliseconds values may move; negative afterwards. */
  get movesInMs(): number {
    return this.#endsMs - this.#times.handoverMs - performance.now()
  }

  /** When the handover ends, in Unix milliseconds. */
  get endsAtMs(): number {
    return Math.round(unixMs() + this.#endsMs - performance.now())
  }

  /** The mark of a later change, by which the fleet has left the placement of this handover. */
  get departure(): Departure | undefined {
    return this.#mark.departure
  }

  get leftovers(): Leftovers | undefined {
    return this.#leftovers
  }

  /**
   * Whether a host was down or restarted after the handover began. Processes that saw that do not
   * read it, and may not reach it yet with their changes, so no process reads it.
   */
  isLate(host: Host): boolean {
    return this.#state?.late.has(host) === true
  }

  /** Pending while a host that was connected anew is asked whether it still has the mark. */
  checkOf(host: Host): Promise<void> | undefined {
    const isNew = this.#epochs.get(host) !== host.epoch && this.#input.hosts.includes(host)
    if (isNew && host.usable && !this.#checks.has(host)) void this.#check(host)
    return this.#checks.get(host)
  }

  /** Withdraws the announcement if possible. This process must end the handover then. */
  withdraw(withinMs: number): Promise<Withdrawal> {
    this.stop()
    return this.#mark.withdraw(this.#input.hosts, withinMs)
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  async #open(): Promise<void> {
    const { hosts, receiving, ask, earlier, withinMs } = this.#input
    // The cluster knows this handover only after the constructor. A connection that is opened
    // before looks for a mark itself, and closes when it finds one.
    await undefined
    const isStopped = (): boolean => this.#isStopped
    const state = await this.#mark.open(hosts, this.#times, withinMs, isStopped)
    if (state === undefined) {
      this.#opening = undefined
      if (!this.#isStopped) this.#callOff(false)
      return
    }
    this.#state = state
    // The mark was read when values were moving already, and says that the change goes on.
    if (state.leftMs <= state.handoverMs) this.#move()
    for (const host of state.casOf.keys()) this.#epochs.set(host, host.epoch)
    this.#times = state
    this.#endsMs = performance.now() + state.leftMs
    await this.#probe()
    await this.#reachUnmarked(withinMs)
    this.#leftovers = new Leftovers(ask, state, earlier, (host) => {
      return this.#mark.reach(host, state, this.#endsMs - performance.now())
    })
    // Values already move, so find out which hosts are cleared before the first write: a process
    // that joins late must not treat them as during the announcement.
    if (this.#phase !== 'announce') {
      const marked = (await receiving).filter((host) => state.casOf.has(host))
      await this.#leftovers.find(marked, withinMs)
    }
    this.#opening = undefined
    this.#receiving = await receiving
    const maxPollMs = this.#isUnwanted ? UNWANTED_POLL_MS : MAX_POLL_MS
    this.#tick(Math.min(maxPollMs, Math.max(MIN_POLL_MS, state.announceMs / 20)))
  }

  #tick(pollMs: number): void {
    if (this.#isStopped) return
    if (!this.#mayMove) {
      const isDue = this.#phase !== 'announce'
      const looked = this.#look()
      if (isDue)
        return void looked.then(() => this.#tickIn(this.#mayMove ? 0 : MIN_POLL_MS, pollMs))
    }
    const { phase } = this
    const isNews = this.#told !== phase
    const wasTold = this.#told !== 'opening'
    this.#told = phase
    if (phase === undefined) {
      this.#input.onPhase(phase, wasTold)
      if (this.#input.isConfigured && !this.#isStopped) this.#vouch()
      return
    }
    if (isNews) this.#input.onPhase(phase, true)
    const leftMs = this.#endsMs - performance.now()
    void this.#leftovers?.look(this.#receiving, phase === 'settle')
    this.#reach()
    const untilNextMs = [leftMs, leftMs - this.#times.handoverMs, leftMs - settleMsOf(this.#times)]
    const delayMs = Math.min(pollMs, ...untilNextMs.filter((ms) => ms > 0))
    this.#tickIn(delayMs + 1, pollMs)
  }

  #tickIn(delayMs: number, pollMs: number): void {
    if (!this.#isStopped) this.#timer = setTimeout(() => this.#tick(pollMs), delayMs).unref()
  }

  /** Looks whether the announcement was withdrawn, which ends the handover in this process. */
  #look(): Promise<void> {
    this.#looking ??= this.#ending().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #ending(): Promise<void> {
    const { hosts, withinMs } = this.#input
    const { id } = this.#state!
    if (this.#isUnwanted && this.#phase === 'announce') {
      const isAlone = !this.#input.mayGoBack(false)
      const mayTry = !isAlone || (this.#input.mayGoBack(true) && !this.#isShared)
      if (mayTry) this.#isShared = !(await this.#mark.takeBack(hosts, withinMs, !isAlone))
    }
    const isLast = this.#phase !== 'announce'
    const ending = await this.#mark.endingOf(hosts, id, withinMs)
    if (this.#isStopped) return
    if (ending === undefined) {
      if (isLast) this.#move()
    } else if (ending === 'ended' || ending === 'reversed') {
      const isReversed = ending === 'reversed'
      if (isReversed) this.#mark.departure = await this.#mark.reverse(hosts, this.#state!, withinMs)
      if (this.#isStopped) return
      this.isReversed = isReversed
      this.#callOff(true)
    }
  }

  #move(): void {
    if (!this.#mayMove) this.#input.onMove()
    this.#mayMove = true
  }

  #callOff(isNew: boolean): void {
    this.stop()
    this.#input.onPhase(undefined, isNew)
  }

  /**
   * Stores the mark of the handover on hosts that were unreachable or have restarted, so that new
   * processes find it there.
   */
  #reach(): void {
    for (const host of this.#input.hosts) {
      const isMarked = this.#state!.casOf.has(host) && this.#epochs.get(host) === host.epoch
      if (!isMarked && host.usable && !this.#checks.has(host)) void this.#check(host)
    }
  }

  /**
   * Dials the previous hosts that were down before: a process that has not heard of the change uses
   * such a host once it is back. Hosts that do not reply now are out from now on. When one comes
   * back later, such a process finds the mark on other hosts.
   */
  async #probe(): Promise<void> {
    const endMs = performance.now() + this.#input.waitMs
    const out = this.#out.filter(({ isEjected }) => isEjected)
    for (const host of out) host.probe()
    while (out.some(({ state }) => state === 'probing') && performance.now() < endMs) {
      await new Promise((wake) => setTimeout(wake, LOOK_MS))
    }
  }

  /**
   * Stores the mark on hosts that replied without one, although others have it: they were down when
   * the handover began, or have restarted. Waits a little before, because the process that begins
   * the handover may be storing the mark just now.
   */
  async #reachUnmarked(withinMs: number): Promise<void> {
    const { casOf } = this.#state!
    const unmarked = this.#input.hosts.filter((host) => host.isConnected && !casOf.has(host))
    if (unmarked.length === 0) return
    // The handover begins when its first process has dialled all hosts.
    if (this.#mark.isBegunHere(this.#state!)) {
      return each(unmarked, (host) => this.#check(host, false), withinMs)
    }
    await new Promise((wake) => setTimeout(wake, UNMARKED_MS))
    await each(unmarked, (host) => this.#check(host), withinMs)
  }

  /**
   * Whether a host without the mark may have been down or restarted after the handover began.
   * Otherwise the process that began it has not stored the mark there yet: if this one called the
   * host late, no process that knows of the change would read it, while others still write there.
   */
  #mayBeLate(host: Host): boolean {
    const connectedMs = host.isConnected ? this.#input.connectedMs(host) : undefined
    const { announceMs, handoverMs } = this.#times
    const beganMs = this.#endsMs - announceMs - handoverMs
    return connectedMs === undefined || connectedMs > beganMs - CLOCK_MS
  }

  #check(host: Host, isLate: boolean = this.#mayBeLate(host)): Promise<void> {
    this.#epochs.set(host, host.epoch)
    const check = this.#mark
      .reach(host, this.#state!, this.#endsMs - performance.now(), isLate)
      .finally(() => this.#checks.delete(host))
    this.#checks.set(host, check)
    return check
  }

  /**
   * Renews the mark: while `previous` is in the settings, a restarted process must find the
   * handover finished.
   */
  #vouch(): void {
    void this.#mark.vouch(this.#input.hosts)
    this.#timer = setTimeout(() => this.#vouch(), VOUCH_MS).unref()
  }
}
