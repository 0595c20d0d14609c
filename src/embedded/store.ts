import type { ServerTime } from './clock.ts'
import type { EmbeddedItem } from './item.ts'
import type { ClassTally, ServerTally } from './tally.ts'

/** The result of a fetch, in the words of `watch fetchers`. */
export type FetchStatus = 'not_found' | 'found' | 'flushed' | 'expired'

/** Receives the events of a store. `active`: whether a watcher is connected. */
export interface StoreLog {
  readonly active: boolean
  fetched(key: string, status: FetchStatus, item: EmbeddedItem | undefined): void
  evicted(item: EmbeddedItem, now: number): void
}

/** The limits and options of a store. */
export interface StoreLimits {
  /** The limit on the bytes of all items. Above it, the least recently used are evicted. */
  readonly maxBytes: number
  /** Whether items have CAS ids. */
  readonly cas: boolean
  /**
   * Whether `flush_all` decides by an item's time alone, as in memcached 1.6.25 and later. Earlier
   * versions also compare CAS ids.
   */
  readonly flushByTimeOnly: boolean
  /** The first CAS id minus one: 0 before memcached 1.6.27, 1 since. */
  readonly casBefore: bigint
}

/** How many of the least recently used items to check for expiry. Source: lru_pull_tail(). */
const RECLAIM_TRIES = 5

/**
 * The items of one server: lookup, expiry, flush, CAS ids, and one LRU order with a limit in bytes.
 */
export class Store {
  /** The current time in seconds. The server updates it once per received chunk of commands. */
  now: number
  /** Increases when replies are sent. Items with this `heldInTurn` are in unsent replies. */
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

  /** The number of items, including expired ones that were not read since. */
  get count(): number {
    return this.#items.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Items stored before this second are flushed; 0 if there was no flush. */
  get oldestLive(): number {
    return this.#oldestLive
  }

  /** Returns the counters of the class that `item` is in. */
  tallyOf(item: EmbeddedItem): ClassTally {
    return this.tally.classes[item.classId]!
  }

  /** Returns a new CAS id; 0 if items have none. */
  nextCas(): bigint {
    return this.hasCas ? ++this.#casId : 0n
  }

  /** Returns the live item under `key`. Removes it instead if it has expired or was flushed. */
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

  /** Records a fetch. As in memcached, the first fetch does not renew the time of last access. */
  bump(item: EmbeddedItem): void {
    if (item.fetched) item.time = this.now
    else item.fetched = true
    if (this.#newest === item) return
    this.#cutOut(item)
    this.#putFirst(item)
  }

  /** Adds an item under a new CAS id (or `cas`), and evicts others if memory is short. */
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

  /** Removes an item from this store. */
  unlink(item: EmbeddedItem): void {
    this.#items.delete(item.key)
    this.#cutOut(item)
    this.#bytes -= item.bytes
  }

  /** Replaces `old` by `item`, which has the same key. */
  replace(old: EmbeddedItem, item: EmbeddedItem, cas?: bigint): void {
    this.unlink(old)
    this.link(item, cas)
  }

  /**
   * Makes all items stored so far invisible; with an `exptime`, all that are stored until then,
   * from then on. Source: process_flush_all_command() in proto_text.c; `flush_all 1` takes effect
   * at once there too.
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

  /** Returns whether `item` can still be read. */
  isLive(item: EmbeddedItem): boolean {
    return !(item.exptime !== 0 && item.exptime <= this.now) && !this.isFlushed(item)
  }

  /** Yields all items, live or not, least recently used first. */
  *items(): Generator<EmbeddedItem> {
    for (let item = this.#oldest; item !== undefined; ) {
      const next: EmbeddedItem | undefined = item.newer
      yield item
      item = next
    }
  }

  /** Removes all items that have expired or were flushed, as the LRU crawler does. */
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

  /**
   * Removes expired items among the least recently used ones, as memcached does when it allocates.
   */
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
