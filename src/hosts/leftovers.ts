import { lackOf } from '../net/abilities.ts'
import { metadumpHead } from '../protocol/admin.ts'
import { setTimeout } from '../runtime.ts'
import { each, type MarkAsk } from './each.ts'
import type { Earlier } from './earlier.ts'
import type { FleetState } from './handover-mark.ts'
import type { Host } from './host.ts'
import {
  addItem,
  emptyServer,
  getsItem,
  ownItem,
  release,
  remove,
  type WireKey,
} from './item-commands.ts'
import { TimeSlice } from './time-slice.ts'

/** How long a process may clear a host before another takes over. */
const TURN_SECONDS = 30
/** How often to retry a host, for example while another dump runs there. */
const MAX_TRIES = 20
/** The number of concurrent deletes. */
const WINDOW = 256
/** How long the event loop may be blocked by keys of a dump, in ms: no caller waits for them. */
const SLICE_MS = 1
/** If dumps may omit items: how many in a row must list no old one, and the pause between them. */
const CLEAN_DUMPS = 3
const DUMP_PAUSE_MS = 200

/**
 * Deletes items that hosts kept from an earlier time, when they were the hosts of these keys. A
 * server gives higher CAS ids to later items, so an item with a lower id than the handover's mark
 * is older than the handover. One process of the fleet clears each host; an item on the host
 * records that it is cleared. A host that cannot list its keys is flushed, if it had none before
 * this handover.
 */
export class Leftovers {
  readonly #ask: MarkAsk
  readonly #state: FleetState
  readonly #earlier: Earlier
  /** Reads the mark of the handover on a host, or stores it again if the host has none. */
  readonly #restoreMark: (host: Host) => Promise<void>
  readonly #clear = new Set<Host>()
  readonly #tries = new Map<Host, number>()

  constructor(
    ask: MarkAsk,
    state: FleetState,
    earlier: Earlier,
    restoreMark: (host: Host) => Promise<void>,
  ) {
    this.#ask = ask
    this.#state = state
    this.#earlier = earlier
    this.#restoreMark = restoreMark
  }

  /** Whether the host is free of such old items. */
  isClear(host: Host): boolean {
    return this.#clear.has(host)
  }

  /** Finds out which hosts other processes have cleared already. */
  async find(hosts: readonly Host[], withinMs: number): Promise<void> {
    await each(hosts, (host) => this.#find(host), withinMs)
  }

  /**
   * Clears each host that no process has cleared or is clearing. `isRead`: the hosts already serve
   * reads, so none may be flushed.
   */
  async look(hosts: readonly Host[], isRead: boolean): Promise<void> {
    await each(hosts, (host) => this.#look(host, isRead))
  }

  /**
   * Deletes the old item of one key, on a host that is not cleared yet. If the mark of the host was
   * not read so far, reads it first: without it, the age of the item is unknown.
   */
  async clear(host: Host, key: WireKey): Promise<void> {
    const { casOf } = this.#state
    if (!casOf.has(host)) await this.#restoreMark(host)
    const item = await this.#ask(host, getsItem(key))
    if (item === undefined || (casOf.has(host) && !this.#isOld(host, BigInt(item.cas)))) return
    await this.#remove(host, key, item.cas)
  }

  async #look(host: Host, isRead: boolean): Promise<void> {
    if (this.isClear(host) || !host.usable) return
    await this.#find(host)
    if (this.isClear(host)) return
    const tries = this.#tries.get(host) ?? 0
    // Without CAS ids the age of items is unknown, so nothing may be deleted.
    const isTold = (this.#state.casOf.get(host) ?? 0n) > 0n && host.abilities?.proxy !== true
    const range = rangeFor(host)
    const isPossible = range !== undefined || (this.#earlier.isAll(host) && !isRead)
    if (tries >= MAX_TRIES || !isTold || !isPossible) return
    const turn = this.#recordOf('clearing')
    if (!(await this.#ask(host, addItem(turn, NOTHING, TURN_SECONDS)))) return
    this.#tries.set(host, tries + 1)
    try {
      if (range !== undefined) await this.#sweepAll(host, range)
      else if (!(await this.#flush(host))) return
      const seconds = Math.ceil((this.#state.announceMs + this.#state.handoverMs) / 1000) + 60
      await this.#ask(host, addItem(this.#recordOf(CLEARED), NOTHING, seconds))
      this.#clear.add(host)
    } finally {
      await this.#ask(host, remove(turn))
    }
  }

  async #find(host: Host): Promise<void> {
    const record = await this.#ask(host, getsItem(this.#recordOf(CLEARED)))
    if (record !== undefined) this.#clear.add(host)
  }

  /** Resolves to whether the server allowed the flush. */
  async #flush(host: Host): Promise<boolean> {
    const isFlushed = await this.#ask(host, emptyServer())
    if (isFlushed) await this.#restoreMark(host)
    else this.#tries.set(host, MAX_TRIES)
    return isFlushed
  }

  /** Deletes old items until dumps list none. */
  async #sweepAll(host: Host, range: DumpRange): Promise<void> {
    const needed = range === 'hash' ? 1 : CLEAN_DUMPS
    for (let clean = 0; clean < needed; ) {
      if (clean > 0) await new Promise((wake) => setTimeout(wake, DUMP_PAUSE_MS))
      clean = (await this.#sweep(host, range)) === 0 ? clean + 1 : 0
    }
  }

  /** Deletes old items once; resolves to how many it deleted. */
  async #sweep(host: Host, range: DumpRange): Promise<number> {
    let removed = 0
    const slice = new TimeSlice(SLICE_MS)
    const underWay = new Set<Promise<void>>()
    let failure: unknown
    for await (const line of host.lines(metadumpHead(range), undefined)) {
      if (slice.isOver()) await slice.next()
      const found = /^key=(\S+) .*\bcas=(\d+)/.exec(line)
      if (found === null || !this.#isOld(host, BigInt(found[2]!))) continue
      const wireKey = decoded(found[1]!)
      if (!this.#earlier.isArriving(wireKey, host)) continue
      removed++
      const key = { routeKey: undefined, wireKey, b: false }
      const work = this.#remove(host, key, found[2]!)
        .catch((error: unknown) => {
          failure ??= error
        })
        .finally(() => underWay.delete(work))
      underWay.add(work)
      if (underWay.size >= WINDOW) await Promise.race(underWay)
    }
    await Promise.all(underWay)
    if (failure !== undefined) throw failure
    return removed
  }

  async #remove(host: Host, key: WireKey, cas: string): Promise<void> {
    const { meta } = host.abilities ?? (await host.ready())
    await this.#ask(host, meta ? release(key, cas) : remove(key))
  }

  #isOld(host: Host, cas: bigint): boolean {
    const since = this.#state.casOf.get(host)
    return since !== undefined && cas < since
  }

  #recordOf(what: string): WireKey {
    return ownItem(`\xff~mintring~${what}~${this.#state.id}`)
  }
}

const CLEARED = 'cleared'
const NOTHING = Buffer.from('1')

/**
 * What a dump walks. `hash`: the hash table, which lists every item. `all`: the LRU lists, which
 * omits items that a command is using or that move to another list meanwhile.
 */
type DumpRange = 'hash' | 'all'

/** Returns the best dump of a server; undefined if it has none. */
function rangeFor({ abilities, name }: Host): DumpRange | undefined {
  if (abilities === undefined) return undefined
  const ranges = ['hash', 'all'] as const
  return ranges.find((range) => {
    return lackOf(abilities, name, 'metadump', ['lru_crawler', 'metadump', range]) === undefined
  })
}

/** Decodes a key; the server percent-encodes bytes that are not plain. */
function decoded(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}
