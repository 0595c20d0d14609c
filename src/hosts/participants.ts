import { each, type MarkAsk, trueOnAll } from './each.ts'
import type { Host } from './host.ts'
import { addItem, getsItem, ownItem, remove, touchItem, type WireKey } from './item-commands.ts'

/**
 * How long an announcement may be in the course of being withdrawn: if the process dies meanwhile,
 * others continue after that.
 */
const CLOSING_SECONDS = 10
const NOTHING = Buffer.from('1')

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

  /** Whether the handover is withdrawn, or just being withdrawn. */
  async isWithdrawn(hosts: readonly Host[], id: string, withinMs: number): Promise<boolean> {
    let isFound = false
    await each(
      hosts,
      async (host) => {
        if (await this.#read(host, 'withdrawn', id)) isFound = true
      },
      withinMs,
    )
    return isFound
  }

  /** Lets no process join any more. Resolves to false, and changes nothing, if some process has. */
  async close(hosts: readonly Host[], id: string, withinMs: number): Promise<boolean> {
    const closing = keyOf('withdrawn', id)
    const isClosed = await trueOnAll(
      hosts,
      async (host) => {
        await this.#ask(host, addItem(closing, NOTHING, CLOSING_SECONDS))
        return !(await this.#read(host, 'joined', id))
      },
      withinMs,
    )
    if (!isClosed) await each(hosts, (host) => this.#ask(host, remove(closing)), withinMs)
    return isClosed
  }

  /** Tells processes that joined without taking part, until the handover would have ended. */
  async keepClosed(
    hosts: readonly Host[],
    id: string,
    leftMs: number,
    withinMs: number,
  ): Promise<void> {
    const key = keyOf('withdrawn', id)
    await each(hosts, (host) => this.#ask(host, touchItem(key, secondsOf(leftMs))), withinMs)
  }

  async #read(host: Host, what: string, id: string): Promise<boolean> {
    return (await this.#ask(host, getsItem(keyOf(what, id)))) !== undefined
  }
}

function keyOf(what: string, id: string): WireKey {
  return ownItem(`\xff~mintring~${what}~${id}`)
}

function secondsOf(leftMs: number): number {
  return Math.ceil(leftMs / 1000) + 1
}
