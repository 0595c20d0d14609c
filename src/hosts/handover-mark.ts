import type { Request } from '../net/request.ts'
import type { TransitionTimes } from '../ring/transition.ts'
import { clearTimeout, crypto, setTimeout, unixMs } from '../runtime.ts'
import type { Host } from './host.ts'
import { addItem, getsItem, peek, remove, touchItem, type WireKey } from './item-commands.ts'
import {
  leftMsOf,
  type Mark,
  markIn,
  markKeyOf,
  type NamedPlacement,
  type PlacementRecord,
  TAIL_SECONDS,
} from './mark.ts'

/** How long a host has that could not be asked at first. */
const REACH_MS = 5_000

/** Between two looks for a mark, once one that was stored should have been found. */
const PAUSE_MS = 100

/** A handover as the fleet sees it. */
export interface FleetState extends TransitionTimes {
  readonly id: string
  readonly leftMs: number
  /** The CAS id of the mark on each host: items with a lower one were there before. */
  readonly casOf: Map<Host, bigint>
}

/** Sends a request to one host. */
export type MarkAsk = <Result, Context>(
  host: Host,
  request: Request<Result, Context>,
) => Promise<Result>

/**
 * The clock of a handover, which belongs to the fleet: an item on every host of both placements,
 * named after the placement that is to come. What it has left to live tells the phase, to every
 * process alike, whenever it starts. The first process that stores it decides.
 */
export class HandoverMark {
  readonly #key: WireKey
  readonly #previousKey: WireKey
  readonly #previous: PlacementRecord | undefined
  readonly #ask: MarkAsk

  /** `to` is the text of the placement to come. */
  constructor(from: NamedPlacement, to: string, ask: MarkAsk) {
    this.#key = wireKeyOf(to)
    this.#previousKey = wireKeyOf(from.text)
    this.#previous = from.record
    this.#ask = ask
  }

  /**
   * Joins the handover that the fleet is in, or begins it. Only a mark that was read tells the
   * phase: until then this goes on. Resolves to undefined when `isStopped` ends it.
   */
  async open(
    hosts: readonly Host[],
    times: TransitionTimes,
    withinMs: number,
    isStopped: () => boolean,
  ): Promise<FleetState | undefined> {
    const fresh: Mark = {
      id: crypto().randomUUID(),
      ...times,
      startedAtMs: unixMs(),
      previous: this.#previous,
    }
    for (let round = 0; !isStopped(); round++) {
      // The second look finds what the first round left, unless hosts refuse.
      if (round > 1) await new Promise((wake) => setTimeout(wake, PAUSE_MS))
      const found = await this.#readAll(hosts, withinMs)
      const first = found.sort((one, other) => one.leftMs - other.leftMs)[0]
      if (first !== undefined) {
        const { id, announceMs, handoverMs } = first.mark
        const casOf = new Map(found.map(({ host, cas }) => [host, cas]))
        return { id, announceMs, handoverMs, casOf, leftMs: first.leftMs }
      }
      await this.#addAll(hosts, fresh, times.announceMs + times.handoverMs, withinMs)
    }
    return undefined
  }

  /** Puts the mark on a host that could not be asked before. */
  async reach(host: Host, state: FleetState, leftMs: number): Promise<void> {
    const { id, announceMs, handoverMs } = state
    const startedAtMs = unixMs() + leftMs - announceMs - handoverMs
    const mark: Mark = { id, announceMs, handoverMs, startedAtMs, previous: this.#previous }
    await this.#addAll([host], mark, leftMs, REACH_MS)
    for (const { cas } of await this.#readAll([host], REACH_MS)) state.casOf.set(host, cas)
  }

  /** Keeps the record that the handover is over. */
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
    const body = Buffer.from(JSON.stringify(mark))
    await each(
      hosts,
      async (host) => {
        const isAdded = await this.#ask(host, addItem(this.#key, body, seconds))
        // The way back is another handover than the one that led here.
        if (isAdded) await this.#ask(host, remove(this.#previousKey))
      },
      withinMs,
    )
  }

  async #readAll(hosts: readonly Host[], withinMs: number) {
    const found: { host: Host; mark: Mark; leftMs: number; cas: bigint }[] = []
    await each(
      hosts,
      async (host) => {
        const { meta } = host.abilities ?? (await host.ready())
        const item = await this.#ask(host, meta ? peek(this.#key) : getsItem(this.#key))
        if (item === undefined) return
        const mark = markIn(item)
        // Anything else under its name would keep the mark from being stored.
        if (mark === undefined) await this.#ask(host, remove(this.#key))
        else found.push({ host, mark, leftMs: leftMsOf(item, mark), cas: BigInt(item.cas) })
      },
      withinMs,
    )
    return [...found]
  }
}

/** Forgets that a placement was handed over to: it is left without a handover. */
export async function forgetMark(hosts: readonly Host[], placement: string, ask: MarkAsk) {
  await each(hosts, (host) => ask(host, remove(wireKeyOf(placement))))
}

/** Runs a task on all hosts. A host that cannot be asked in time does not count. */
export async function each(
  hosts: readonly Host[],
  work: (host: Host) => Promise<unknown>,
  withinMs?: number,
): Promise<void> {
  const all = Promise.all(hosts.map((host) => work(host).catch(() => {})))
  if (withinMs === undefined) return void (await all)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, withinMs)
  })
  await Promise.race([all, late])
  clearTimeout(timer)
}

function wireKeyOf(placement: string): WireKey {
  return { routeKey: undefined, wireKey: markKeyOf(placement), b: false }
}
