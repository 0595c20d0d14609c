import type { ServerTime } from './clock.ts'
import type { EmbeddedItem } from './item.ts'
import type { ClassTally, ServerTally } from './tally.ts'

/** What happened to an item that was asked for, in the words of `watch fetchers`. */
export type FetchStatus = 'not_found' | 'found' | 'flushed' | 'expired'

/** Observes what happens in a store; `active` says whether a watcher is connected. */
export interface StoreLog {
  readonly active: boolean
  fetched(key: string, status: FetchStatus, item: EmbeddedItem | undefined): void
  evicted(item: EmbeddedItem, now: number): void
}

/** What a store is bounded by. */
export interface StoreLimits {
  /** The bytes of all items together; the least recently used are evicted over it. */
  readonly maxBytes: number
  /** Whether items get a CAS. */
  readonly cas: boolean
  /** Whether a flush goes by times alone, as memcached does from 1.6.25 on. */
  readonly flushByTimeOnly: boolean
  /** The CAS id before the first one: 0, and 1 from memcached 1.6.27 on. */
  readonly casBefore: bigint
}

/** How many items a store looks at, from the least recently used on. Source: lru_pull_tail(). */
const RECLAIM_TRIES = 5

/** The items of one server: lookup, expiry, flush, CAS ids and one LRU order bounded in bytes. */
export class Store {
  /** The second commands are executed in; the server moves it once per turn. */
  now: number
  /** Counts turns of connections; see Item.heldInTurn. */
  turn = 0
  maxBytes: number
  tally: ServerTally
  readonly time: ServerTime
  readonly hasCas: boolean
  readonly #flushByTimeOnly: boolean
  readonly #log: StoreLog
  readonly #items = new Map<string, EmbeddedItem>()
  #newest: EmbeddedItem | undefined = undefined
  #oldest: EmbeddedItem | undefined = undefined
  #bytes = 0
  #casId: bigint
  #oldestLive = 0
  #oldestCas = 0n

  constructor(time: ServerTime, limits: StoreLimits, tally: ServerTally, log: StoreLog) {
    this.time = time
    this.now = time.now()
    this.maxBytes = limits.maxBytes
    this.hasCas = limits.cas
    this.#flushByTimeOnly = limits.flushByTimeOnly
    this.tally = tally
    this.#log = log
    this.#casId = limits.casBefore
  }

  /** Items held, expired ones that were not read since included. */
  get count(): number {
    return this.#items.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The second before which everything is flushed; 0 when nothing was. */
  get oldestLive(): number {
    return this.#oldestLive
  }

  /** The counters of the class `item` is in. */
  tallyOf(item: EmbeddedItem): ClassTally {
    return this.tally.classes[item.classId]!
  }

  /** A new CAS id; 0 where items have none. */
  nextCas(): bigint {
    return this.hasCas ? ++this.#casId : 0n
  }

  /** The live item under `key`; what has expired or was flushed is dropped on the way. */
  find(key: string): EmbeddedItem | undefined {
    let item = this.#items.get(key)
    let status: FetchStatus = 'found'
    if (item === undefined) {
      status = 'not_found'
    } else if (this.isFlushed(item)) {
      this.unlink(item)
      this.tally.getFlushed++
      item = undefined
      status = 'flushed'
    } else if (item.exptime !== 0 && item.exptime <= this.now) {
      this.unlink(item)
      this.tally.getExpired++
      item = undefined
      status = 'expired'
    }
    if (this.#log.active) this.#log.fetched(key, status, item)
    return item
  }

  /** Records a fetch. As in memcached the first one does not renew the time of last access. */
  bump(item: EmbeddedItem): void {
    if (item.fetched) item.time = this.now
    else item.fetched = true
    if (this.#newest === item) return
    this.#cutOut(item)
    this.#putFirst(item)
  }

  /** Adds an item under a new CAS (or `cas`), evicting others while memory is short. */
  link(item: EmbeddedItem, cas: bigint = this.nextCas()): void {
    this.#reclaim()
    while (this.#oldest !== undefined && this.#bytes + item.bytes > this.maxBytes) {
      this.#evict(this.#oldest)
    }
    item.time = this.now
    item.cas = cas
    this.#items.set(item.key, item)
    this.#putFirst(item)
    this.#bytes += item.bytes
    this.tally.totalItems++
  }

  /** Removes a linked item. */
  unlink(item: EmbeddedItem): void {
    this.#items.delete(item.key)
    this.#cutOut(item)
    this.#bytes -= item.bytes
  }

  /** Puts `item` in the place of `old`, which has the same key. */
  replace(old: EmbeddedItem, item: EmbeddedItem, cas?: bigint): void {
    this.unlink(old)
    this.link(item, cas)
  }

  /**
   * Makes what was stored up to now invisible, or up to `exptime` once that has come.
   * Source: process_flush_all_command() in proto_text.c; `flush_all 1` really acts at once there.
   */
  flush(exptime: number): void {
    const second = exptime > 0 ? this.time.expiry(exptime, this.now) : this.now
    if (this.#flushByTimeOnly) {
      this.#oldestLive = second - 1
      for (const item of this.items()) if (item.time >= this.#oldestLive) this.unlink(item)
      return
    }
    if (!this.hasCas) {
      this.#oldestLive = second
      return
    }
    this.#oldestLive = second - 1
    if (this.#oldestLive <= this.now) this.#oldestCas = this.nextCas()
  }

  isFlushed(item: EmbeddedItem): boolean {
    if (this.#oldestLive === 0 || this.#oldestLive > this.now) return false
    if (item.time <= this.#oldestLive) return true
    return this.#oldestCas !== 0n && item.cas !== 0n && item.cas < this.#oldestCas
  }

  /** Whether `item` can still be read. */
  isLive(item: EmbeddedItem): boolean {
    return !(item.exptime !== 0 && item.exptime <= this.now) && !this.isFlushed(item)
  }

  /** Every item held, live or not, the least recently used first. */
  *items(): Generator<EmbeddedItem> {
    for (let item = this.#oldest; item !== undefined; ) {
      const next: EmbeddedItem | undefined = item.newer
      yield item
      item = next
    }
  }

  /** Drops what has expired or was flushed, as the LRU crawler does. */
  crawl(): void {
    this.tally.crawlerStarts++
    for (const item of this.items()) {
      const tally = this.tallyOf(item)
      tally.crawlerItemsChecked++
      if (this.isLive(item)) continue
      tally.crawlerReclaimed++
      if (!item.fetched) tally.expiredUnfetched++
      this.unlink(item)
    }
  }

  /** Gives back what has expired among the least recently used, as memcached does on its way. */
  #reclaim(): void {
    for (let tries = 0; tries < RECLAIM_TRIES; tries++) {
      if (this.#oldest === undefined || this.isLive(this.#oldest)) return
      this.#evict(this.#oldest)
    }
  }

  #evict(item: EmbeddedItem): void {
    const tally = this.tallyOf(item)
    if (!this.isLive(item)) {
      tally.reclaimed++
      if (!item.fetched) tally.expiredUnfetched++
    } else {
      tally.evicted++
      tally.evictedTime = this.now - item.time
      if (item.exptime !== 0) tally.evictedNonzero++
      if (!item.fetched) tally.evictedUnfetched++
      if (this.#log.active) this.#log.evicted(item, this.now)
    }
    this.unlink(item)
  }

  #putFirst(item: EmbeddedItem): void {
    item.older = this.#newest
    item.newer = undefined
    if (this.#newest === undefined) this.#oldest = item
    else this.#newest.newer = item
    this.#newest = item
  }

  #cutOut(item: EmbeddedItem): void {
    if (item.newer === undefined) this.#newest = item.older
    else item.newer.older = item.older
    if (item.older === undefined) this.#oldest = item.newer
    else item.older.newer = item.newer
  }
}
