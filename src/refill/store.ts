import type { Tail } from './tags/tail.ts'

/**
 * What refills ask of the cache. The client answers it with a cluster of memcacheds, the simulation
 * with a model in memory: the algorithm is the same.
 */

/**
 * One server in one life of its connection. A CAS id means nothing anywhere else: a restarted
 * server counts them from 1 again. One object per life, so that `===` compares.
 */
export interface Place {
  /** The server, as `hosts()` names it. */
  readonly name: string
  /** No item lives longer there; 0 = no such limit. */
  readonly maxTtlSeconds: number
}

/** An item as one read found it. */
export interface Item {
  readonly found: boolean
  /** Client flags. */
  readonly flags: number
  /** Bytes of the value. */
  readonly size: number
  /** Seconds the item has left; -1 = no end. */
  readonly ttlSeconds: number
  /** This read won the right to refill (W). */
  readonly won: boolean
  /** Another read has it (Z). */
  readonly lost: boolean
  /** The item was invalidated (X). */
  readonly stale: boolean
  readonly cas: string
  /** The tags stored with the value; undefined when it has none, or was changed in place. */
  readonly tail: Tail | undefined
  /** Its tags stand beside it, and are about to be stored. */
  readonly awaitsTags?: boolean
  /** Whether it carries these versions of its tags. */
  hasDigest(digest: string): boolean
  place(): Place
  /** The value; a promise when decoding has to wait. Throws for bytes that are no value. */
  decode(): unknown
  /** A copy of the bytes. */
  bytes(): Uint8Array
  /** The same item, to be used after the call as well. */
  keep(): Item
}

/** Takes the reply to a read. What it returns is what the read's promise resolves to. */
export interface Reader {
  /** The item may be used during the call only: keep() it for later. */
  answered(item: Item): unknown
  /** What it throws rejects the read's promise. */
  failed(error: unknown): unknown
}

/** A read on its way. */
export interface ReadHandle {
  /** Its bytes may have been sent: later callers must not join it. */
  readonly sent: boolean
  /** A change of the key was noted after it was given to its host: nor may they then. */
  readonly isOvertaken?: boolean
  readonly promise: Promise<unknown>
}

/** Takes the reply to a read of a tag, while it is read. */
export interface TagReader {
  /** The version in decimal, and the last hard invalidation; 0 = none. */
  found(version: string, hard: number): void
  absent(): void
  failed(error: unknown): void
}

/** A read of a tag on its way. */
export interface TagHandle {
  /** Its bytes may have been sent: later callers must not join it. */
  readonly sent: boolean
}

/**
 * What becomes of a tag. `create`: a random version where there is none. `soft`: another version.
 * `hard`: the same, and values that are older are not even served stale.
 */
export type TagChange = 'create' | 'soft' | 'hard'

/** A value in bytes. */
export interface EncodedItem {
  /** A string has ASCII characters only. */
  readonly body: string | Uint8Array
  readonly flags: number
}

/**
 * One command about a key. `beside` makes it one about an item beside the key, on the same server:
 * a lock, or the sign of life of a lease. No key of a caller can name such an item. TTLs are
 * seconds; 0 is for ever.
 */
export type StoreCommand = { readonly beside?: string | undefined } & (
  | {
      readonly name: 'mg'
      /** On a miss, make an empty item that lives this long, and win. */
      readonly vivifySeconds?: number
      /** With less than this left, win. */
      readonly refreshBelowSeconds?: number
      /** Ask for the value. */
      readonly value?: boolean
    }
  | {
      readonly name: 'ms'
      readonly encoded: EncodedItem
      readonly ttlSeconds: number
      readonly cas?: string
      /** Only when there is no such item; tells the CAS id of what is stored. */
      readonly add?: boolean
      /** Ask for the CAS id of what is stored. */
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
      /** -1 = gone at once. */
      readonly ttlSeconds: number
      readonly cas: string
    }
)

/** `done` (HD, STORED, …, and a hit), `exists` (EX), `missing` (NF, a miss), `refused` (NS). */
export type Status = 'done' | 'exists' | 'missing' | 'refused'

/** The answer to one command. It may be kept. */
export interface StoreAnswer extends Item {
  readonly status: Status
}

/** `meta`: mg, ms, md. `classic`: gets, add, set, cas, touch, delete. */
export type Dialect = 'meta' | 'classic'

/** A home of a key that moves from one server to another. */
export type KeyHome = 'previous' | 'new'

/** What the other home of a key that moves has. */
export interface Elsewhere {
  readonly item: Item
  /** It may be stored where reads look. */
  readonly mayKeep: boolean
}

/** The cache under the refills. Keys are the caller's own; the store makes them wire keys. */
export interface RefillStore {
  /** Which commands the whole pool speaks; undefined until that is known. */
  readonly dialect: Dialect | undefined
  learnDialect(): Promise<Dialect>

  /**
   * Whether values may carry the bits of stamp.ts in their client flags. False when other programs
   * compare flags as a whole: plain sets then look like refills.
   */
  readonly isStamped: boolean

  /** Throws MINTRING_BAD_KEY for what cannot be a key. */
  checkKey(key: string): void

  /**
   * One read: `mg key N<vivify> R<below> v f t c`, or `gets key` on classic pools. Reads and
   * exchanges about one key reach its server in the order they were asked for.
   */
  read(key: string, vivifySeconds: number, refreshBelowSeconds: number, reader: Reader): ReadHandle

  /** Where the key lives now; undefined when nowhere. */
  place(key: string): Place | undefined

  /**
   * Sends commands on one connection, in order, to that place and no other. Other commands may be
   * executed between them, and the connection may end between them. Rejects when the place is over:
   * they are never sent in another life of the server.
   */
  exchange(
    place: Place,
    key: string,
    commands: readonly StoreCommand[],
  ): Promise<readonly StoreAnswer[]>

  /**
   * Sends commands for an invalidation wherever the key lives now, in order unless a connection
   * dies; a server that should have had them and could not be reached gets them, or a delete,
   * before it is believed again. Safe to send twice. `home`: to that home of a key that moves.
   */
  spread(
    key: string,
    commands: readonly StoreCommand[],
    home?: KeyHome,
  ): Promise<readonly StoreAnswer[]>

  /**
   * The homes of a key that moves, in the order in which a change must reach them. The same object
   * as long as they are the same hosts.
   */
  homesOf?(key: string): readonly KeyHome[] | undefined

  /** Looks at the home of a key that moves which reads do not ask; undefined without one. */
  elsewhere?(key: string): Promise<Elsewhere | undefined> | undefined

  /**
   * Reads a tag at its home and nowhere else: what another host has in its place is not the tag.
   */
  readTag(name: string, reader: TagReader): TagHandle

  /**
   * Changes a tag at its home and nowhere else. Each attempt draws numbers of its own, so that one
   * which arrives late can never bring back a version that was. Rejects when the tag may not have
   * changed; it is deleted there then before it is believed again.
   */
  changeTag(name: string, change: TagChange): Promise<void>

  /** Throws or rejects with MINTRING_BAD_VALUE. */
  encode(value: unknown): EncodedItem | Promise<EncodedItem>

  /** A value of its own from what was encoded. */
  decode(encoded: EncodedItem): unknown

  /**
   * Whether the server takes a body of that many bytes under this key. One that is too large is not
   * tried: refusing it, the server would delete the value it has.
   */
  fits(key: string, bodyBytes: number): boolean
}

/** One read for those who take what they need of the item and go. Rejects as reads do. */
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
