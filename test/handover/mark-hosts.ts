import assert from 'node:assert/strict'
import type { MarkAsk } from '../../src/hosts/each.ts'
import { type FleetState, HandoverMark } from '../../src/hosts/handover-mark.ts'
import type { Host } from '../../src/hosts/host.ts'
import { markKeyOf, type NamedPlacement } from '../../src/hosts/mark.ts'

const TIMES = { announceMs: 60_000, handoverMs: 60_000 }

export const named = (text: string): NamedPlacement => {
  return { text, record: { servers: [], ring: { distribution: 'ketama' } } as never }
}

interface Item {
  readonly body: Buffer
  readonly cas: string
}

/** A mark that a process opened, and what it found. */
export interface Opened {
  readonly mark: HandoverMark
  readonly state: FleetState | undefined
}

/** Hosts with their items. `afterRead` is called after each read. */
export class MarkHosts {
  readonly hosts: readonly Host[]
  readonly #items = new Map<string, Item>()
  #cas = 0
  afterRead = async (): Promise<void> => {}

  constructor(meta: boolean, count = 1) {
    this.hosts = Array.from({ length: count }, (_, index) => {
      return { name: `host ${index}`, abilities: { meta, cas: true } } as unknown as Host
    })
  }

  /** The CAS id of a placement's mark on a host. */
  casOf(host: Host, { text }: NamedPlacement): string | undefined {
    return this.#items.get(host.name + markKeyOf(text))?.cas
  }

  forget(host: Host, { text }: NamedPlacement): void {
    this.#items.delete(host.name + markKeyOf(text))
  }

  readonly ask = (async (host, { verb, wireKey, body, args }) => {
    const name = host.name + wireKey
    if (verb.effect === 'read') {
      const read = this.#items.get(name)
      await this.afterRead()
      return read && { ...read, ttlSeconds: undefined }
    }
    const item = this.#items.get(name)
    const { cas } = args as { readonly cas?: string }
    const isDeleted = verb.effect === 'remove' || verb.name === 'cas'
    if (cas !== undefined && cas !== item?.cas) return false
    if (isDeleted) return this.#items.delete(name)
    if (verb.name === 'add' && item !== undefined) return false
    this.#items.set(name, { body: body as Buffer, cas: String(++this.#cas) })
    return true
  }) as MarkAsk

  /** Has a process begin or join the handover from one placement to another. */
  async open(
    from: NamedPlacement,
    to: NamedPlacement,
    hosts: readonly Host[] = this.hosts,
  ): Promise<Opened> {
    const mark = new HandoverMark(from, to, { isBystander: false }, this.ask)
    const state = await mark.open(hosts, TIMES, 10_000, () => false)
    assert.equal(state === undefined, mark.departure !== undefined)
    return { mark, state }
  }
}

/** Waits until the clock shows another millisecond. */
export async function later(): Promise<void> {
  await new Promise((wake) => setTimeout(wake, 2))
}
