import type { TagSource } from '../tags/desk.ts'
import type { Tail } from '../tags/tail.ts'

/**
 * The cache as refills need it. The client implements it with a cluster of memcacheds, the
 * simulation with a model in memory.
 */

/**
 * A server during one life of its connection. CAS ids are only valid within it, because a restarted
 * server counts from 1 again. There is one object per life, so that `===` compares.
 */
export interface Place {
  /** The server's name, as in `hosts()`. */
  readonly name: string
  /** The maximum lifetime of items on this server; 0 for no limit. */
  readonly maxTtlSeconds: number
  /** The commands that refills use there, never others: its leases are worth nothing to these. */
  readonly dialect: Dialect
}

/** An item as a read found it. */
export interface Item {
  readonly found: boolean
  /** Client flags. */
  readonly flags: number
  /** The size of the value in bytes. */
  readonly size: number
  /** Remaining seconds of the item; -1 for no expiry. */
  readonly ttlSeconds: number
  /** Whether this read won the lease (W). */
  readonly won: boolean
  /** Whether another client has the lease (Z). */
  readonly lost: boolean
  /** Whether the item was marked stale (X). */
  readonly stale: boolean
  readonly cas: string
  /**
   * The tags stored with the value; undefined if it has none, or if an append or prepend changed
   * it.
   */
  readonly tail: Tail | undefined
  /**
   * Whether the tags of the page are stored in an item of their own, which is about to be written.
   */
  readonly awaitsTags?: boolean
  /** Whether the value has these tag versions. */
  hasDigest(digest: string): boolean
  place(): Place
  /** Returns the value, or a promise while it is being decoded. Throws for invalid bytes. */
  decode(): unknown
  /** Returns a copy of the bytes. */
  bytes(): Uint8Array
  /** Returns the item in a form that remains valid after the call. */
  keep(): Item
}

/** Receives the reply to a read. Its return value is what the read's promise resolves to. */
export interface Reader {
  /** Handles a reply. The item is only valid during the call; use keep() otherwise. */
  answered(item: Item): unknown
  /** Handles a failed read. An exception rejects the read's promise. */
  failed(error: unknown): unknown
}

/** A pending read. */
export interface ReadHandle {
  /** Whether the bytes of the read may have been sent: later callers must not join it. */
  readonly sent: boolean
  readonly promise: Promise<unknown>
}

/** An encoded value. */
export interface EncodedItem {
  /** The bytes. A string contains ASCII characters only. */
  readonly body: string | Uint8Array
  readonly flags: number
}

/**
 * A command for a key. With `beside` it applies to an item beside the key, on the same server: a
 * lock, or the heartbeat of a lease. Callers' keys cannot equal such items. TTLs are in seconds; 0
 * never expires.
 */
export type StoreCommand = { readonly beside?: string | undefined } & (
  | {
      readonly name: 'mg'
      /** On a miss, create an empty item with this lifetime, and win the lease. */
      readonly vivifySeconds?: number
      /** Win the lease if the item has less than this lifetime left. */
      readonly refreshBelowSeconds?: number
      /** Request the value. */
      readonly value?: boolean
    }
  | {
      readonly name: 'ms'
      readonly encoded: EncodedItem
      readonly ttlSeconds: number
      readonly cas?: string
      /** Store only if there is no item; returns the CAS id of the new one. */
      readonly add?: boolean
      /** Request the CAS id of the stored item. */
      readonly tellsCas?: boolean
    }
  | {
      readonly name: 'md'
      readonly cas?: string
      /** Mark stale instead of deleting. */
      readonly invalidate?: boolean
      readonly ttlSeconds?: number
    }
  | { readonly name: 'touch'; readonly ttlSeconds: number }
  | { readonly name: 'gets' }
  | { readonly name: 'delete' }
  | { readonly name: 'add' | 'set'; readonly encoded: EncodedItem; readonly ttlSeconds: number }
  | {
      readonly name: 'cas'
      readonly encoded: EncodedItem
      /** A negative lifetime, -1, lets the item expire at once. */
      readonly ttlSeconds: number
      readonly cas: string
    }
)

/**
 * The status of a reply: `done` (HD, STORED, …, and a hit), `exists` (EX), `missing` (NF, a miss),
 * `refused` (NS).
 */
export type Status = 'done' | 'exists' | 'missing' | 'refused'

/** The result of a command. Callers may keep it. */
export interface StoreAnswer extends Item {
  readonly status: Status
}

/** `meta`: mg, ms, md. `classic`: gets, add, set, cas, touch, delete. */
export type Dialect = 'meta' | 'classic'

/** The previous or the new host of a moving key. */
export type KeyHome = 'previous' | 'new'

/** The item on the other host of a moving key. */
export interface Elsewhere {
  readonly item: Item
  /** The replies to the commands after the read. */
  readonly beside: readonly StoreAnswer[]
  /** Whether the item may be stored on the host that reads use. */
  readonly mayKeep: boolean
}

/** The cache underneath refills. Keys are the callers'; the store converts them to wire keys. */
export interface RefillStore extends TagSource {
  /**
   * Waits until it is known which commands the server of a key supports, or that it cannot be
   * reached; undefined if it is known.
   */
  ready?(key: string): Promise<void> | undefined

  /**
   * Whether values may have the bits of stamp.ts in their client flags. False if other programs
   * compare flags as a whole: values of plain sets then look like refills.
   */
  readonly isStamped: boolean

  /** Throws MINTRING_BAD_KEY for an invalid key. */
  checkKey(key: string): void

  /**
   * Sends one read: `mg key N<vivify> R<below> v f t c`, or `gets key` to a server without meta
   * commands. Reads and exchanges of one key arrive at its server in the order of the calls.
   */
  read(key: string, vivifySeconds: number, refreshBelowSeconds: number, reader: Reader): ReadHandle

  /**
   * Whether a change of the key was recorded after this read was queued: later callers must not
   * join it.
   */
  isOvertaken?(read: ReadHandle): boolean

  /**
   * Returns the current server of a key; undefined if there is none. `home` selects one host of a
   * moving key.
   */
  place(key: string, home?: KeyHome): Place | undefined

  /**
   * Sends commands in order, on one connection, to that place only. Other commands may run between
   * them, and the connection may end between them. Rejects when the place has ended: the commands
   * are never sent in another life of the server.
   */
  exchange(
    place: Place,
    key: string,
    commands: readonly StoreCommand[],
  ): Promise<readonly StoreAnswer[]>

  /**
   * Sends commands of an invalidation to the current server of the key, in order unless a
   * connection breaks. A server that should have received them but was unreachable gets them, or a
   * delete, before its value is used again. Safe to send twice. `home` selects one host of a moving
   * key. If a server without meta commands takes over meanwhile, it gets a delete for a mark.
   */
  spread(
    key: string,
    commands: readonly StoreCommand[],
    home?: KeyHome,
  ): Promise<readonly StoreAnswer[]>

  /**
   * Returns the hosts of a moving key, in the order in which they must get a change. Returns the
   * same array as long as the hosts are the same.
   */
  homesOf?(key: string): readonly KeyHome[] | undefined

  /**
   * Reads a moving key on the host that reads do not use, and then sends the other commands there.
   * Returns undefined if the key does not move. `isAgain`: the item was read before, for one copy.
   */
  elsewhere?(
    key: string,
    after: readonly StoreCommand[],
    isAgain: boolean,
  ): Promise<Elsewhere | undefined> | undefined

  /** Encodes a value. Throws or rejects with MINTRING_BAD_VALUE. */
  encode(value: unknown): EncodedItem | Promise<EncodedItem>

  /** Decodes an encoded value; returns a new one each time. */
  decode(encoded: EncodedItem): unknown

  /**
   * Whether the server accepts a body of this size. A larger one is never sent, because a server
   * that rejects it deletes the old value.
   */
  fits(key: string, bodyBytes: number): boolean
}

/** Reads an item and resolves to what `take` returns for it. Rejects when the read fails. */
export function readItem<Result>(
  store: RefillStore,
  key: string,
  take: (item: Item) => Result,
): Promise<Result> {
  const reader: Reader = {
    answered: take,
    failed(error) {
      throw error
    },
  }
  const { promise } = store.read(key, 0, 0, reader)
  return promise as Promise<Result>
}
