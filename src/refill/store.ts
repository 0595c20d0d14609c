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
  place(): Place
  /** The bytes from `from` on, decoded with `flags`; a promise when decoding has to wait. */
  decode(flags: number, from: number): unknown
  /** The first `length` bytes, to keep. */
  head(length: number): Uint8Array
}

/** Takes the answer to a read. What it returns is what the read's promise resolves to. */
export interface Reader {
  /** The item may be used during the call only, unless it says otherwise. */
  answered(item: Item): unknown
  /** What it throws rejects the read's promise. */
  failed(error: unknown): unknown
}

/** A read on its way. */
export interface ReadHandle {
  /** Its bytes may have left: whoever comes now must not join it. */
  readonly sent: boolean
  readonly promise: Promise<unknown>
}

/** A value in bytes. */
export interface Encoded {
  /** A string has ASCII characters only. */
  readonly body: string | Uint8Array
  readonly flags: number
}

/**
 * One command about a key. `suffix` makes it one about a second key kept beside the first, on the
 * same server: a lock. TTLs are seconds; 0 is for ever.
 */
export type Command = { readonly suffix?: string | undefined } & (
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
      readonly encoded: Encoded
      readonly ttlSeconds: number
      readonly cas?: string
      /** Only when there is no such item. */
      readonly add?: boolean
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
  | { readonly name: 'add'; readonly encoded: Encoded; readonly ttlSeconds: number }
  | {
      readonly name: 'cas'
      readonly encoded: Encoded
      /** -1 = gone at once. */
      readonly ttlSeconds: number
      readonly cas: string
    }
)

/** `done` (HD, STORED, …, and a hit), `exists` (EX), `missing` (NF, a miss), `refused` (NS). */
export type Status = 'done' | 'exists' | 'missing' | 'refused'

/** The answer to one command. It may be kept. */
export interface Answer extends Item {
  readonly status: Status
}

/** `meta`: mg, ms, md. `classic`: gets, add, cas, touch, delete. */
export type Dialect = 'meta' | 'classic'

/** The cache under the refills. Keys are the caller's own; the store makes them wire keys. */
export interface RefillStore {
  /** Which commands the whole pool speaks; undefined until that is known. */
  readonly dialect: Dialect | undefined
  learnDialect(): Promise<Dialect>

  /**
   * One read: `mg key N<vivify> R<below> v f t c`, or `gets key` on classic pools. Reads and
   * exchanges about one key reach its server in the order they were asked for.
   */
  read(key: string, vivifySeconds: number, refreshBelowSeconds: number, reader: Reader): ReadHandle

  /** Where the key lives now; undefined when nowhere. */
  place(key: string): Place | undefined

  /**
   * Sends commands in one write, in order, to that place and no other. Rejects when the place is
   * over: never are they sent in another life of the server.
   */
  exchange(place: Place, key: string, commands: readonly Command[]): Promise<readonly Answer[]>

  /**
   * Sends commands for an invalidation, in order, wherever the key lives now; a server that should
   * have had them and could not be reached gets them, or a delete, before it is believed again.
   * Safe to send twice. Reads and these reach one server in the order they were asked for.
   */
  spread(key: string, commands: readonly Command[]): Promise<readonly Answer[]>

  /** Throws or rejects with MINTRING_BAD_VALUE. */
  encode(value: unknown): Encoded | Promise<Encoded>

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
  [vivifySeconds, refreshBelowSeconds]: readonly [number, number],
  take: (item: Item) => Result,
): Promise<Result> {
  const reader: Reader = {
    answered: take,
    failed(error) {
      throw error
    },
  }
  const { promise } = store.read(key, vivifySeconds, refreshBelowSeconds, reader)
  return promise as Promise<Result>
}
