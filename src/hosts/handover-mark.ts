import type { Request } from '../net/request.ts'
import type { TransitionTimes } from '../ring/transition.ts'
import { clearTimeout, crypto, setTimeout, unixMs } from '../runtime.ts'
import type { Host } from './host.ts'
import {
  addItem,
  getsItem,
  type PlacedItem,
  peek,
  remove,
  touchItem,
  type WireKey,
} from './item-commands.ts'

/** So long after the end the mark still tells that the handover is over. */
const TAIL_SECONDS = 86_400
/** How long a change of servers may take in all: what is longer is no mark. */
const MAX_TOTAL_MS = 86_400_000

/** How long a host has that could not be asked at first. */
const REACH_MS = 5_000

/** Between two attempts when no host can be asked. */
const PAUSE_MS = 100

/** What a mark says. */
interface Mark extends TransitionTimes {
  /** A random name: which handover this is. */
  readonly id: string
  /** Unix time in milliseconds, for servers that do not tell how long an item has left. */
  readonly startedAtMs: number
  /** The placement before. */
  readonly from: string
}

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
  readonly #from: string
  readonly #ask: MarkAsk

  /** `from` and `to` describe the placements. */
  constructor(from: string, to: string, ask: MarkAsk) {
    this.#key = keyFor(to)
    this.#previousKey = keyFor(from)
    this.#from = digest(from)
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
      from: this.#from,
    }
    while (!isStopped()) {
      const found = await this.#readAll(hosts, withinMs)
      const first = found.sort((one, other) => one.leftMs - other.leftMs)[0]
      if (first !== undefined) {
        const { id, announceMs, handoverMs } = first.mark
        const casOf = new Map(found.map(({ host, cas }) => [host, cas]))
        return { id, announceMs, handoverMs, casOf, leftMs: first.leftMs }
      }
      await this.#addAll(hosts, fresh, times.announceMs + times.handoverMs, withinMs)
      if (!hosts.some(({ usable }) => usable))
        await new Promise((wake) => setTimeout(wake, PAUSE_MS))
    }
    return undefined
  }

  /** Puts the mark on a host that could not be asked before. */
  async reach(host: Host, state: FleetState, leftMs: number): Promise<void> {
    const { id, announceMs, handoverMs } = state
    const startedAtMs = unixMs() + leftMs - announceMs - handoverMs
    const mark: Mark = { id, announceMs, handoverMs, startedAtMs, from: this.#from }
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
  await each(hosts, (host) => ask(host, remove(keyFor(placement))))
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

function leftMsOf(
  { ttlSeconds }: PlacedItem,
  { announceMs, handoverMs, startedAtMs }: Mark,
): number {
  const totalMs = announceMs + handoverMs
  const leftMs =
    ttlSeconds === undefined || ttlSeconds < 0
      ? startedAtMs + totalMs - unixMs()
      : (ttlSeconds - TAIL_SECONDS) * 1000
  return Math.min(leftMs, totalMs)
}

/** It becomes part of keys: nothing that could end a command. */
const ID = /^[\w-]{1,64}$/

/** Any writer of the cache can write a mark: it is checked like any other input. */
function markIn({ body }: PlacedItem): Mark | undefined {
  try {
    const mark = JSON.parse(body.toString()) as Mark
    const { id, announceMs, handoverMs, startedAtMs } = mark
    const isTimes = isTime(announceMs) && isTime(handoverMs) && Number.isFinite(startedAtMs)
    return isTimes && typeof id === 'string' && ID.test(id) ? mark : undefined
  } catch {
    return undefined
  }
}

function isTime(ms: unknown): boolean {
  return typeof ms === 'number' && ms >= 0 && ms <= MAX_TOTAL_MS / 2
}

function keyFor(placement: string): WireKey {
  return { routeKey: undefined, wireKey: `\xff~mintring~handover~${digest(placement)}`, b: false }
}

function digest(text: string): string {
  return crypto().createHash('sha256').update(text).digest('base64url').slice(0, 22)
}
