import type { Request } from '../net/request.ts'
import type { TransitionTimes } from '../ring/transition.ts'
import { crypto, performance, setTimeout, unixMs } from '../runtime.ts'
import { each, type MarkAsk, trueOnAll } from './each.ts'
import type { Host } from './host.ts'
import {
  addItem,
  expireItem,
  getsItem,
  ownItem,
  peek,
  release,
  remove,
  setItem,
  touchItem,
  type WireKey,
} from './item-commands.ts'
import {
  bodyOf,
  leftMsOf,
  type Mark,
  markIn,
  markKeyOf,
  mayEnd,
  type NamedPlacement,
  placementDigest,
  TAIL_SECONDS,
} from './mark.ts'
import { Participants } from './participants.ts'

/** The time limit for a host that was unreachable at first. */
const REACH_MS = 5_000

/** The pause between two lookups of a mark that has been stored. */
const PAUSE_MS = 100

/** How a process takes part in a handover. */
export interface Part {
  /** The handover whose mark this process found: it begins no other one if that is withdrawn. */
  readonly joinedId?: string | undefined
  /** Whether it can read no previous host, so that others need not reckon with it. */
  readonly isBystander: boolean
}

/**
 * What became of an announcement: `kept` if it may not be withdrawn, or not everywhere; `none` if
 * no host has one.
 */
export type Withdrawal = 'withdrawn' | 'kept' | 'none'

/** The state of a handover in the fleet. */
export interface FleetState extends TransitionTimes {
  readonly id: string
  readonly startedAtMs: number
  readonly leftMs: number
  /** The CAS id of the mark on each host; items with a lower one are older than the mark. */
  readonly casOf: Map<Host, bigint>
  /** Hosts that got the mark after the handover began: they were down, or have restarted. */
  readonly late: Set<Host>
}

/** The mark of a host. */
export interface FoundMark {
  readonly host: Host
  readonly mark: Mark
  readonly leftMs: number
  readonly cas: bigint
}

/** The mark by which the fleet left a placement. */
export type Departure = Pick<FoundMark, 'mark' | 'leftMs'>

/**
 * The clock of a handover, shared by the fleet: an item (the mark) on every host of both
 * placements, named after the new placement. Its remaining lifetime determines the phase for every
 * process, no matter when the process starts. The first process that stores it sets the times.
 */
export class HandoverMark {
  readonly #key: WireKey
  readonly #previousKey: WireKey
  readonly #from: NamedPlacement
  readonly #to: NamedPlacement
  readonly #ask: MarkAsk
  readonly #part: Part
  readonly #participants: Participants
  /** The id of the handover, if this process begins it. */
  readonly #id = crypto().randomUUID()
  /** The mark of a later change, by which the fleet has left the new placement. */
  departure: Departure | undefined

  constructor(from: NamedPlacement, to: NamedPlacement, part: Part, ask: MarkAsk) {
    this.#part = part
    this.#participants = new Participants(ask)
    this.#key = wireKeyOf(to.text)
    this.#previousKey = wireKeyOf(from.text)
    this.#from = from
    this.#to = to
    this.#ask = ask
  }

  /**
   * Joins the handover that the fleet is in, or starts it. Repeats until it has read a mark,
   * because only that determines the phase. Resolves to undefined when `isStopped` returns true,
   * when the handover that this process would join has been withdrawn, and after a `departure`.
   */
  async open(
    hosts: readonly Host[],
    times: TransitionTimes,
    withinMs: number,
    isStopped: () => boolean,
  ): Promise<FleetState | undefined> {
    const fresh: Mark = {
      id: this.#id,
      ...times,
      startedAtMs: unixMs(),
      previous: this.#from.record,
    }
    for (let round = 0; !isStopped(); round++) {
      // The first round stores the mark if there is none, and the second finds it. Pause only after
      // that, when hosts reject the mark.
      if (round > 1) await new Promise((wake) => setTimeout(wake, PAUSE_MS))
      const found = await this.#valid(await this.#readAll(hosts, withinMs), hosts, withinMs)
      if (this.departure !== undefined) return undefined
      const first = found.sort((one, other) => one.leftMs - other.leftMs)[0]
      if (first === undefined) {
        const { joinedId } = this.#part
        const ending = joinedId && (await this.endingOf(hosts, joinedId, withinMs))
        if (ending === 'unknown') continue
        if (ending !== undefined || isStopped()) return undefined
        await this.#addAll(hosts, fresh, times.announceMs + times.handoverMs, withinMs)
      } else if (!(await this.#isBeingWithdrawn(found, first, withinMs)))
        return stateOf(found, first)
    }
    return undefined
  }

  /**
   * Returns the marks of the handover to the new placement that is valid now, and deletes others.
   * The marks of the previous placement tell since when the fleet has used that one. Older marks
   * are obsolete: of an earlier handover to the new placement, on a host that was unreachable when
   * the fleet left it, and of the handover by which the fleet left it. If the fleet left it later,
   * sets `departure`.
   */
  async #valid(
    marks: readonly FoundMark[],
    hosts: readonly Host[],
    withinMs: number,
  ): Promise<FoundMark[]> {
    if (marks.every(({ mark, leftMs }) => leftMs > 0 && mark.next === undefined)) return [...marks]
    const { arrivals, departures } = sorted(marks)
    const previous = sorted(await this.#readAll(hosts, withinMs, this.#previousKey))
    // Another process may just have replaced these marks, as it begins the same handover.
    const digest = placementDigest(this.#to.text)
    const begun = previous.departures.find(({ mark }) => mark.nextDigest === digest)
    const arrivedMs = startOf(previous.arrivals[0])
    // A change that led to the previous placement is the one that this handover reverses.
    const back = placementDigest(this.#from.text)
    const last = departures.find(({ mark }) => mark.nextDigest !== back)
    // A process that joins does not announce a change again that was reversed.
    const [newest] = departures
    const isReversed = this.#part.joinedId !== undefined && startOf(newest) > startOf(arrivals[0])
    if (isReversed && newest?.mark.nextDigest === back) {
      this.departure = newest
      return []
    }
    if (startOf(last) > Math.max(arrivedMs, startOf(begun), startOf(arrivals[0]))) {
      this.departure = last
      return []
    }
    // Processes that begin one handover may have stored marks with different times.
    const sinceMs = Math.max(arrivedMs, startOf(begun) - (begun?.mark.announceMs ?? 0))
    const olds = arrivals.filter((one) => startOf(one) < sinceMs)
    const obsolete = new Map([...departures, ...olds].map((one) => [one.host, String(one.cas)]))
    await each([...obsolete.keys()], (host) => this.#drop(host, obsolete.get(host)!), withinMs)
    return arrivals.filter(({ host }) => !obsolete.has(host))
  }

  /** Whether this process must look again, because the announcement is just being withdrawn. */
  async #isBeingWithdrawn(
    found: readonly FoundMark[],
    { mark: { id, handoverMs, startedAtMs }, leftMs }: FoundMark,
    withinMs: number,
  ): Promise<boolean> {
    if (id === this.#id || leftMs <= 0) return false
    const { joinedId, isBystander } = this.#part
    const hosts = found.filter(({ mark }) => mark.id === id).map(({ host }) => host)
    const isJoining = leftMs > handoverMs && !isBystander
    if (isJoining) await this.#participants.add(hosts, id, leftMs, withinMs)
    const ending = await this.endingOf(hosts, id, withinMs)
    // The process that decided it may have ended before it could replace the marks.
    if (ending === 'reversed') {
      const departure = await this.reverse(hosts, { id, startedAtMs }, withinMs)
      if (joinedId !== undefined) this.departure = departure
    }
    return ending !== undefined
  }

  /** Whether a handover was withdrawn while it was announced, or is just being withdrawn. */
  endingOf(
    hosts: readonly Host[],
    id: string,
    withinMs: number,
  ): ReturnType<Participants['endingOf']> {
    return this.#participants.endingOf(hosts, id, withinMs)
  }

  /**
   * Withdraws the announcement of this process. Does not if values may move soon, or if another
   * process takes part that can read the previous hosts: with no mark, processes that start later
   * would not tell those hosts of their changes.
   */
  async withdraw(hosts: readonly Host[], withinMs: number): Promise<Withdrawal> {
    const stepMs = Math.ceil(withinMs / 4)
    const found = await this.#readAll(hosts, stepMs)
    if (found.length === 0) return 'none'
    if (!found.every((one) => one.mark.id === this.#id && mayEnd(one))) return 'kept'
    const casOf = new Map(found.map(({ host, cas }) => [host, String(cas)]))
    const marked = [...casOf.keys()]
    if ((await this.#participants.close(marked, this.#id, stepMs, false)) === undefined)
      return 'kept'
    const drop = (host: Host): Promise<boolean> => this.#drop(host, casOf.get(host)!)
    if (!(await trueOnAll(marked, drop, stepMs))) return 'kept'
    await each(marked, (host) => this.#ask(host, remove(this.#previousKey)), stepMs)
    await this.#participants.end(marked, this.#id, found[0]!.leftMs, stepMs)
    return 'withdrawn'
  }

  /**
   * Has all processes go back to the previous servers, unless values may move soon. The others find
   * that out before they move values: all marked hosts tell of it in time, and they ask all.
   * `mayHaveJoined`: also if other processes take part. Resolves to false if they prevent it.
   */
  async takeBack(
    hosts: readonly Host[],
    withinMs: number,
    mayHaveJoined: boolean,
  ): Promise<boolean> {
    const startMs = performance.now()
    const found = await this.#readAll(hosts, withinMs)
    const [first] = found
    if (first === undefined || this.#from.record === undefined) return true
    const { id } = first.mark
    const isOne = found.every(({ mark }) => mark.id === id && mark.next === undefined)
    if (!isOne || !found.every(mayEnd)) return true
    if (!mayHaveJoined && id !== this.#id) return false
    const marked = found.map(({ host }) => host)
    const closed = await this.#participants.close(marked, id, withinMs, mayHaveJoined)
    if (closed === undefined) return mayHaveJoined
    const leftMs = Math.min(...found.map((one) => one.leftMs)) + startMs - performance.now()
    // Too late: the others wait until the items have expired, and go on.
    if (mayEnd({ mark: first.mark, leftMs }))
      await this.#participants.reverse(closed, id, leftMs, withinMs)
    return true
  }

  /**
   * Replaces the marks of a handover that was reversed: processes that start later find that the
   * fleet uses the previous placement. Every process that knows of it does this, as any may end.
   */
  async reverse(
    hosts: readonly Host[],
    { id, startedAtMs }: Pick<Mark, 'id' | 'startedAtMs'>,
    withinMs: number,
  ): Promise<Departure> {
    const { text, record } = this.#from
    const back = {
      ...{ id: crypto().randomUUID(), announceMs: 0, handoverMs: 0 },
      startedAtMs: Math.max(unixMs(), startedAtMs + 1),
    }
    const departure: Mark = { ...back, next: record, nextDigest: placementDigest(text) }
    const arrival: Mark = { ...back, previous: this.#to.record }
    const replace = async (key: WireKey, mark: Mark): Promise<void> => {
      for (const old of await this.#readAll(hosts, withinMs, key)) {
        if (old.mark.id !== id || !(await this.#drop(old.host, String(old.cas), key))) continue
        await this.#ask(old.host, addItem(key, bodyOf(mark), TAIL_SECONDS))
      }
    }
    await replace(this.#previousKey, arrival)
    await replace(this.#key, departure)
    return { mark: departure, leftMs: 0 }
  }

  /** Deletes the mark of a host if it still has that CAS id. */
  async #drop(host: Host, cas: string, key: WireKey = this.#key): Promise<boolean> {
    const { meta, cas: hasCas } = host.abilities ?? (await host.ready())
    if (meta) return this.#ask(host, release(key, cas))
    return this.#ask(host, hasCas ? expireItem(key, cas) : remove(key))
  }

  /** Whether this process began the handover. */
  isBegunHere({ id }: FleetState): boolean {
    return id === this.#id
  }

  /** Stores the mark on a host that was unreachable before, unless it has one. */
  async reach(host: Host, state: FleetState, leftMs: number, isLate = true): Promise<void> {
    const { id, announceMs, handoverMs, startedAtMs } = state
    const ending = await this.endingOf([host], id, REACH_MS)
    if (ending !== undefined && ending !== 'unknown') return
    const times = { announceMs, handoverMs, startedAtMs }
    const mark: Mark = { id, ...times, previous: this.#from.record, isLate }
    await this.#addAll([host], mark, leftMs, REACH_MS)
    for (const found of await this.#readAll([host], REACH_MS)) {
      if (found.mark.next !== undefined) continue
      state.casOf.set(host, found.cas)
      if (found.mark.isLate === true) state.late.add(host)
    }
  }

  /** Renews the mark of a finished handover. */
  async vouch(hosts: readonly Host[]): Promise<void> {
    await each(hosts, (host) => this.#ask(host, touchItem(this.#key, TAIL_SECONDS)))
  }

  async #addAll(
    hosts: readonly Host[],
    mark: Mark,
    leftMs: number,
    withinMs: number,
  ): Promise<void> {
    const seconds = Math.max(0, Math.ceil(leftMs / 1000)) + TAIL_SECONDS
    const body = bodyOf(mark)
    await each(
      hosts,
      async (host) => {
        const isAdded = await this.#ask(host, addItem(this.#key, body, seconds))
        if (isAdded) await this.#ask(host, this.#leaving(mark, seconds))
      },
      withinMs,
    )
  }

  /**
   * Replaces the mark of the previous placement: processes that start with the old list find the
   * new one there. If keys have other names, deletes it, so that moving back starts a new handover.
   */
  #leaving({ previous: _, ...mark }: Mark, seconds: number): Request<boolean> {
    const { text, record: next } = this.#to
    if (next === undefined) return remove(this.#previousKey)
    const departure: Mark = { ...mark, next, nextDigest: placementDigest(text) }
    return setItem(this.#previousKey, bodyOf(departure), seconds)
  }

  async #readAll(
    hosts: readonly Host[],
    withinMs: number,
    key: WireKey = this.#key,
  ): Promise<FoundMark[]> {
    const found: FoundMark[] = []
    await each(
      hosts,
      async (host) => {
        const { meta } = host.abilities ?? (await host.ready())
        const item = await this.#ask(host, meta ? peek(key) : getsItem(key))
        if (item === undefined) return
        const mark = markIn(item)
        // Replace an item that is no mark: under this key it would keep the mark from being stored.
        if (mark === undefined) await this.#ask(host, remove(key))
        else found.push({ host, mark, leftMs: leftMsOf(item, mark), cas: BigInt(item.cas) })
      },
      withinMs,
    )
    return [...found]
  }
}

/** Deletes the mark of a placement that the fleet leaves without a handover. */
export async function forgetMark(hosts: readonly Host[], placement: string, ask: MarkAsk) {
  await each(hosts, (host) => ask(host, remove(wireKeyOf(placement))))
}

/** Returns the marks of handovers to a placement and of those from it, newest first. */
function sorted(marks: readonly FoundMark[]) {
  const newest = [...marks].sort((one, other) => startOf(other) - startOf(one))
  const isArrival = ({ mark }: FoundMark): boolean => mark.next === undefined
  return {
    arrivals: newest.filter(isArrival),
    departures: newest.filter((one) => !isArrival(one)),
  }
}

function startOf(found: FoundMark | undefined): number {
  return found?.mark.startedAtMs ?? 0
}

function stateOf(found: readonly FoundMark[], { mark, leftMs }: FoundMark): FleetState {
  const { id, announceMs, handoverMs, startedAtMs } = mark
  const casOf = new Map(found.map(({ host, cas }) => [host, cas]))
  const late = new Set(found.filter(({ mark }) => mark.isLate === true).map(({ host }) => host))
  return { id, announceMs, handoverMs, startedAtMs, casOf, late, leftMs }
}

function wireKeyOf(placement: string): WireKey {
  return ownItem(markKeyOf(placement))
}
