import { each, type MarkAsk, trueOnAll } from './each.ts'
import type { Host } from './host.ts'
import {
  addItem,
  expireItem,
  getsItem,
  ownItem,
  type PlacedItem,
  setItem,
  touchItem,
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

  /** Whether the handover is withdrawn, or just being withdrawn; undefined if neither. */
  async endingOf(
    hosts: readonly Host[],
    id: string,
    withinMs: number,
  ): Promise<Ending | undefined> {
    let ending: Ending | undefined
    await each(
      hosts,
      async (host) => {
        const item = await this.#read(host, 'withdrawn', id)
        if (item?.body.equals(CONTENTS.reversed)) ending = 'reversed'
        else if (item?.body.equals(CONTENTS.ended)) ending = 'ended'
        else if (item !== undefined) ending ??= 'closing'
      },
      withinMs,
    )
    return ending
  }

  /**
   * Lets no process join or move values for some seconds. Resolves to false, and undoes it, if that
   * failed on a host, or if some process has joined and may not have.
   */
  async close(
    hosts: readonly Host[],
    id: string,
    withinMs: number,
    mayHaveJoined: boolean,
  ): Promise<boolean> {
    const key = keyOf('withdrawn', id)
    const isClosed = await trueOnAll(
      hosts,
      async (host) => {
        if (!(await this.#ask(host, addItem(key, NOTHING, CLOSING_SECONDS))))
          await this.#ask(host, touchItem(key, CLOSING_SECONDS))
        return mayHaveJoined || (await this.#read(host, 'joined', id)) === undefined
      },
      withinMs,
    )
    if (!isClosed) await this.#reopen(hosts, id, withinMs)
    return isClosed
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
  async decide(
    hosts: readonly Host[],
    id: string,
    ending: keyof typeof CONTENTS,
    leftMs: number,
    withinMs: number,
  ): Promise<void> {
    const key = keyOf('withdrawn', id)
    const body = CONTENTS[ending]
    await each(hosts, (host) => this.#ask(host, setItem(key, body, secondsOf(leftMs))), withinMs)
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
