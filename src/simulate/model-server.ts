import { isTagged } from '../refill/paths/stamp.ts'
import type {
  Dialect,
  EncodedItem,
  Place,
  Status,
  StoreAnswer,
  StoreCommand,
} from '../refill/store.ts'
import type { TagChange } from '../tags/desk.ts'
import { hasDigest, readTail, withoutTail } from '../tags/tail.ts'

/** What the model of memcached stores for a key. */
interface Stored {
  readonly body: Buffer
  readonly flags: number
  cas: number
  /** Expiry in seconds of the server's clock; Infinity means never. */
  endsAt: number
  isStale: boolean
  /** Whether a client was already chosen to refill the item. */
  isSent: boolean
}

/** Issues the CAS ids of a server. Each is unique until the server restarts. */
export interface CasIds {
  next(name: string): number
  /** Restarts the server: ids start over. */
  restart(): void
  /** The state as text, to compare states. */
  readonly state: string
}

/** Counts up for all items together, as memcached does. */
class RisingCasIds implements CasIds {
  #last = 0

  next(): number {
    return ++this.#last
  }

  restart(): void {
    this.#last = 0
  }

  get state(): string {
    return String(this.#last)
  }
}

/**
 * A model of the memcached features that refills use. It executes each command at once and
 * atomically. Its clock ticks once a second, so an item with a ttl of n seconds lives between n-1
 * and n; after each restart, CAS ids start from 1.
 */
export class ModelServer {
  readonly #nowMs: () => number
  readonly #items = new Map<string, Stored>()
  readonly #casIds: CasIds
  #life: Place
  /** Called before a value replaces another. */
  onReplace: (key: string, before: EncodedItem | undefined, after: EncodedItem) => void = () => {}

  constructor(nowMs: () => number, dialect: Dialect = 'meta', casIds: CasIds = new RisingCasIds()) {
    this.#nowMs = nowMs
    this.#casIds = casIds
    this.#life = { name: 'model', maxTtlSeconds: 0, dialect }
  }

  /** An object that identifies this run of the server; a restart creates another one. */
  get life(): Place {
    return this.#life
  }

  /** Restarts the server, perhaps upgraded: drops all items and starts CAS ids over. */
  restart(dialect: Dialect = this.#life.dialect): void {
    this.#items.clear()
    this.#casIds.restart()
    this.#life = { name: 'model', maxTtlSeconds: 0, dialect }
  }

  /** Removes an item, as memory pressure does. */
  evict(key: string): void {
    this.#items.delete(key)
  }

  execute(key: string, command: StoreCommand): StoreAnswer {
    const name = command.beside === undefined ? key : `${command.beside} ${key}`
    switch (command.name) {
      case 'mg':
        return this.#metaGet(name, command.vivifySeconds, command.refreshBelowSeconds)
      case 'ms':
        if (command.add) return this.#add(name, command.encoded, command.ttlSeconds)
        return this.#swap(name, command.encoded, command.ttlSeconds, command.cas)
      case 'md':
        return this.#metaDelete(name, command)
      case 'gets': {
        const item = this.#live(name)
        return item === undefined ? this.#answer('missing') : this.#answer('done', item)
      }
      case 'add':
        return this.#add(name, command.encoded, command.ttlSeconds)
      case 'set':
        return this.#swap(name, command.encoded, command.ttlSeconds, undefined)
      case 'cas':
        return this.#swap(name, command.encoded, command.ttlSeconds, command.cas)
      case 'touch': {
        const item = this.#live(name)
        if (item !== undefined) item.endsAt = this.#end(command.ttlSeconds)
        return this.#answer(item === undefined ? 'missing' : 'done')
      }
      case 'delete':
        return this.#answer(this.#live(name) && this.#items.delete(name) ? 'done' : 'missing')
    }
  }

  /** Executes one command on a tag. `draw` is the value that the client writes or adds. */
  changeTag(name: string, change: TagChange, draw: bigint): void {
    const key = tagKey(name)
    const encoded: EncodedItem = {
      body: String(draw),
      flags: change === 'hard' ? Number(draw % HARDS) : 0,
    }
    const item = this.#live(key)
    if (change === 'hard' || (change === 'create' && item === undefined)) this.#put(key, encoded, 0)
    if (change !== 'soft' || item === undefined) return
    const sum = BigInt.asUintN(64, BigInt(item.body.toString()) + draw)
    this.#put(key, { body: String(sum), flags: item.flags }, 0)
  }

  readTag(name: string): StoreAnswer {
    return this.execute(tagKey(name), { name: 'gets' })
  }

  /** Removes a tag, as memory pressure does. */
  evictTag(name: string): void {
    this.evict(tagKey(name))
  }

  /** Executes a plain set by a client that uses no refills. */
  set(key: string, encoded: EncodedItem, ttlSeconds: number): void {
    this.#put(key, encoded, ttlSeconds)
  }

  /** The whole state as text: two servers with the same text behave the same from now on. */
  get state(): string {
    return JSON.stringify([
      this.#casIds.state,
      [...this.#items].sort(([a], [b]) => (a < b ? -1 : 1)),
    ])
  }

  /** Returns the value of a key without executing a command. */
  peek(key: string): EncodedItem | undefined {
    return this.#live(key)
  }

  get #now(): number {
    return Math.floor(this.#nowMs() / 1000)
  }

  #end(ttlSeconds: number): number {
    return ttlSeconds === 0 ? Number.POSITIVE_INFINITY : this.#now + ttlSeconds
  }

  #live(name: string): Stored | undefined {
    const item = this.#items.get(name)
    if (item === undefined || item.endsAt > this.#now) return item
    this.#items.delete(name)
    return undefined
  }

  #put(name: string, { body, flags }: EncodedItem, ttlSeconds: number): Stored {
    const bytes = Buffer.from(body as string, 'latin1')
    const endsAt = this.#end(ttlSeconds)
    this.onReplace(name, this.#live(name), { body: bytes, flags })
    const item = {
      body: bytes,
      flags,
      cas: this.#casIds.next(name),
      endsAt,
      isStale: false,
      isSent: false,
    }
    this.#items.set(name, item)
    return item
  }

  #metaGet(name: string, vivifySeconds = 0, refreshBelowSeconds = 0): StoreAnswer {
    const item = this.#live(name)
    if (item === undefined) {
      if (vivifySeconds === 0) return this.#answer('missing')
      const made = this.#put(name, { body: '', flags: 0 }, vivifySeconds)
      made.isSent = true
      return this.#answer('done', made, true)
    }
    if (item.isSent) return this.#answer('done', item)
    const isLow = item.endsAt - this.#now < refreshBelowSeconds
    if (!item.isStale && !isLow) return this.#answer('done', item)
    item.isSent = true
    return this.#answer('done', item, true)
  }

  #metaDelete(name: string, command: Extract<StoreCommand, { name: 'md' }>): StoreAnswer {
    const item = this.#live(name)
    if (item === undefined) return this.#answer('missing')
    if (command.cas !== undefined && command.cas !== String(item.cas)) return this.#answer('exists')
    if (command.invalidate !== true) {
      this.#items.delete(name)
      return this.#answer('done')
    }
    item.isStale = true
    item.isSent = false
    item.cas = this.#casIds.next(name)
    if (command.ttlSeconds !== undefined) item.endsAt = this.#end(command.ttlSeconds)
    return this.#answer('done', item)
  }

  #add(name: string, encoded: EncodedItem, ttlSeconds: number): StoreAnswer {
    if (this.#live(name) !== undefined) return this.#answer('refused')
    return this.#answer('done', this.#put(name, encoded, ttlSeconds))
  }

  #swap(
    name: string,
    encoded: EncodedItem,
    ttlSeconds: number,
    cas: string | undefined,
  ): StoreAnswer {
    const item = this.#live(name)
    if (cas !== undefined && item === undefined) return this.#answer('missing')
    if (cas !== undefined && cas !== String(item?.cas)) return this.#answer('exists')
    if (ttlSeconds < 0) {
      this.#items.delete(name)
      return this.#answer('done')
    }
    return this.#answer('done', this.#put(name, encoded, ttlSeconds))
  }

  #answer(status: Status, item?: Stored, won = false): StoreAnswer {
    const life = this.#life
    const { body = Buffer.alloc(0), flags = 0, cas = '' } = item ?? {}
    const leftSeconds = item === undefined ? -2 : item.endsAt - this.#now
    const answer: StoreAnswer = {
      status,
      found: item !== undefined,
      flags,
      size: body.length,
      ttlSeconds: Number.isFinite(leftSeconds) ? leftSeconds : -1,
      won,
      lost: !won && item?.isSent === true,
      stale: item?.isStale === true,
      cas: String(cas),
      tail: isTagged(flags) ? readTail(body) : undefined,
      hasDigest: (digest) => isTagged(flags) && hasDigest(body, 0, body.length, digest),
      place: () => life,
      decode: () => JSON.parse((isTagged(flags) ? withoutTail(body) : body).toString()),
      bytes: () => body,
      keep: () => answer,
    }
    return answer
  }
}

/** Hard invalidations are numbered with 32 bits; 0 means none. */
const HARDS = 0xffffffffn

function tagKey(name: string): string {
  return `tag ${name}`
}
