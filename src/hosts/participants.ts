import { each, type MarkAsk, trueOnAll } from './each.ts'
import type { Host } from './host.ts'
import {
  addItem,
  expireItem,
  getsItem,
  ownItem,
  type PlacedItem,
  replaceItem,
  setItem,
  type WireKey,
} from './item-commands.ts'

/**
 * How long an announcement may be in the course of being withdrawn: if the process dies meanwhile,
 * others continue after that.
 */
const CLOSING_SECONDS = 10
const NOTHING = Buffer.from('1')
/** The contents of the item that records a decision: see Ending. */
const CONTENTS = { ended: Buffer.from('2'), reversed: Buffer.from('3') } as const

/**
 * How an announcement ends early. `closing`: it may be withdrawn, which is decided within seconds.
 * `ended`: it is withdrawn, and no process took part. `reversed`: all processes go back to the
 * previous servers.
 */
export type Ending = 'closing' | keyof typeof CONTENTS

/**
 * Records on the marked hosts whether some process takes part in an announced handover, and whether
 * the handover is withdrawn. A process that joins first records that it takes part, and then looks
 * whether the handover is withdrawn. One that withdraws it does the opposite, in this order. So at
 * least one of the two sees the other.
 */
export class Participants {
  readonly #ask: MarkAsk

  constructor(ask: MarkAsk) {
    this.#ask = ask
  }

  /** Records that a process takes part. */
  async add(hosts: readonly Host[], id: string, leftMs: number, withinMs: number): Promise<void> {
    const key = keyOf('joined', id)
    await each(hosts, (host) => this.#ask(host, addItem(key, NOTHING, secondsOf(leftMs))), withinMs)
  }

  /**
   * Whether the handover is withdrawn, or just being withdrawn; undefined if neither, `unknown` if
   * no host replies.
   */
  async endingOf(
    hosts: readonly Host[],
    id: string,
    withinMs: number,
  ): Promise<Ending | 'unknown' | undefined> {
    let ending: Ending | 'unknown' | undefined = 'unknown'
    await each(
      hosts,
      async (host) => {
        const item = await this.#read(host, 'withdrawn', id)
        if (ending === 'unknown') ending = undefined
        if (item?.body.equals(CONTENTS.reversed)) ending = 'reversed'
        else if (item?.body.equals(CONTENTS.ended)) ending = 'ended'
        else if (item !== undefined) ending ??= 'closing'
      },
      withinMs,
    )
    return ending
  }

  /**
   * Lets no process join or move values for some seconds: returns the CAS ids of the items that do.
   * Undoes it and resolves to undefined if it failed on a host, if another process has decided, or
   * if some process has joined and may not have.
   */
  async close(
    hosts: readonly Host[],
    id: string,
    withinMs: number,
    mayHaveJoined: boolean,
  ): Promise<ReadonlyMap<Host, string> | undefined> {
    const key = keyOf('withdrawn', id)
    const closed = new Map<Host, string>()
    let isDecided = false
    const isClosed = await trueOnAll(
      hosts,
      async (host) => {
        // Do not renew an item that is there: it may be the decision, which lives longer.
        await this.#ask(host, addItem(key, NOTHING, CLOSING_SECONDS))
        const item = await this.#read(host, 'withdrawn', id)
        isDecided ||= item?.body.equals(NOTHING) === false
        if (item === undefined || isDecided) return false
        closed.set(host, item.cas)
        return mayHaveJoined || (await this.#read(host, 'joined', id)) === undefined
      },
      withinMs,
    )
    if (isClosed) return closed
    if (!isDecided) await this.#reopen(hosts, id, withinMs)
    return undefined
  }

  /** Undoes close(), unless another process has decided meanwhile. */
  async #reopen(hosts: readonly Host[], id: string, withinMs: number): Promise<void> {
    const undo = async (host: Host): Promise<void> => {
      const item = await this.#read(host, 'withdrawn', id)
      if (item?.body.equals(NOTHING))
        await this.#ask(host, expireItem(keyOf('withdrawn', id), item.cas))
    }
    await each(hosts, undo, withinMs)
  }

  /** Records that the handover is withdrawn, until it would have ended. */
  async end(hosts: readonly Host[], id: string, leftMs: number, withinMs: number): Promise<void> {
    const key = keyOf('withdrawn', id)
    const { ended } = CONTENTS
    await each(hosts, (host) => this.#ask(host, setItem(key, ended, secondsOf(leftMs))), withinMs)
  }

  /**
   * Records that all processes go back, on hosts that close() has closed. This process may be slow:
   * once the items of close() have expired, others may have moved values, and nothing is recorded.
   */
  async reverse(
    closed: ReadonlyMap<Host, string>,
    id: string,
    leftMs: number,
    withinMs: number,
  ): Promise<void> {
    const key = keyOf('withdrawn', id)
    const record = (host: Host): Promise<boolean> => {
      const cas = closed.get(host)!
      return this.#ask(host, replaceItem(key, CONTENTS.reversed, secondsOf(leftMs), cas))
    }
    await each([...closed.keys()], record, withinMs)
  }

  #read(host: Host, what: string, id: string): Promise<PlacedItem | undefined> {
    return this.#ask(host, getsItem(keyOf(what, id)))
  }
}

function keyOf(what: string, id: string): WireKey {
  return ownItem(`\xff~mintring~${what}~${id}`)
}

function secondsOf(leftMs: number): number {
  return Math.ceil(leftMs / 1000) + 1
}
