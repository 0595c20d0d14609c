import { lackOf } from '../net/abilities.ts'
import { metadumpHead } from '../protocol/admin.ts'
import type { Earlier } from './earlier.ts'
import type { FleetState } from './handover-mark.ts'
import { each, type MarkAsk } from './handover-mark.ts'
import type { Host } from './host.ts'
import { addItem, getsItem, release, remove, type WireKey } from './item-commands.ts'
import { DialPace } from './pace.ts'
import { flushRequest } from './tell.ts'

/** How long a process may look through a host before another takes over. */
const TURN_SECONDS = 30
/** A host may be looked through once more, should another dump run there. */
const MAX_TRIES = 20
/** Deletes under way at once. */
const WINDOW = 256

/**
 * Removes what hosts kept of keys from an earlier time in which they were their home. CAS ids of a
 * server rise with every store, so an item with a lower one than the mark of the handover is older
 * than it. One process of the fleet looks through each host; an item on the host tells that it was.
 * A host that cannot list its keys is flushed, if it had none before this handover.
 */
export class Leftovers {
  readonly #ask: MarkAsk
  readonly #state: FleetState
  readonly #earlier: Earlier
  /** Stores the mark of the handover anew. */
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

  /** Nothing of an earlier time is left there. */
  isClear(host: Host): boolean {
    return this.#clear.has(host)
  }

  /**
   * Clears each host that no process has cleared or is clearing. `isRead`: the hosts are read
   * already, so that none may be flushed.
   */
  async look(hosts: readonly Host[], isRead: boolean): Promise<void> {
    await each(hosts, (host) => this.#look(host, isRead))
  }

  /** Removes what is left of one key, on a host that is not cleared yet. */
  async clear(host: Host, key: WireKey): Promise<void> {
    const item = await this.#ask(host, getsItem(key))
    if (item === undefined || !this.#isOld(host, BigInt(item.cas))) return
    await this.#remove(host, key, item.cas)
  }

  async #look(host: Host, isRead: boolean): Promise<void> {
    if (this.isClear(host) || !host.usable) return
    const cleared = this.#recordOf('cleared')
    if ((await this.#ask(host, getsItem(cleared))) !== undefined) {
      this.#clear.add(host)
      return
    }
    const tries = this.#tries.get(host) ?? 0
    // Without CAS ids nothing tells what is older.
    const isTold = (this.#state.casOf.get(host) ?? 0n) > 0n && host.abilities?.proxy !== true
    const isListing = canList(host)
    const isPossible = isListing || (this.#earlier.isAll(host) && !isRead)
    if (tries >= MAX_TRIES || !isTold || !isPossible) return
    const turn = this.#recordOf('clearing')
    if (!(await this.#ask(host, addItem(turn, NOTHING, TURN_SECONDS)))) return
    this.#tries.set(host, tries + 1)
    try {
      if (!isListing) await this.#flush(host)
      // What the server moves from one of its lists to another meanwhile is seen the second time.
      else while ((await this.#sweep(host)) > 0) {}
      const seconds = Math.ceil((this.#state.announceMs + this.#state.handoverMs) / 1000) + 60
      await this.#ask(host, addItem(cleared, NOTHING, seconds))
      this.#clear.add(host)
    } finally {
      await this.#ask(host, remove(turn))
    }
  }

  async #flush(host: Host): Promise<void> {
    const request = flushRequest(() => {})
    await this.#ask(host, request)
    await this.#restoreMark(host)
  }

  /** Resolves to how many items were removed. */
  async #sweep(host: Host): Promise<number> {
    let removed = 0
    const pace = new DialPace()
    const underWay = new Set<Promise<void>>()
    let failure: unknown
    for await (const line of host.lines(metadumpHead('all'), undefined)) {
      if (pace.isDue()) await pace.rest()
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
    return { routeKey: undefined, wireKey: `\xff~mintring~${what}~${this.#state.id}`, b: false }
  }
}

const NOTHING = Buffer.from('1')

function canList({ abilities, name }: Host): boolean {
  const words = ['lru_crawler', 'metadump']
  return abilities !== undefined && lackOf(abilities, name, 'metadump', words) === undefined
}

/** The server percent-encodes the bytes of a key that are not plain. */
function decoded(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}
