/**
 * What a reply line is. Small integers, so that a `switch` over them is a jump table.
 * The names follow the reply codes of memcached's doc/protocol.txt.
 */
export const ReplyKind = {
  /** `VALUE <key> <flags> <bytes> [<cas>]` and its data block. */
  Value: 0,
  /** Meta `VA <size> <flags>*` and its data block. */
  Va: 1,
  /** `END`: no more VALUE, STAT, CONFIG or dump lines. */
  End: 2,
  /** `STORED`. */
  Stored: 3,
  /** `NOT_STORED`. */
  NotStored: 4,
  /** `EXISTS`: the CAS did not match. */
  Exists: 5,
  /** `NOT_FOUND`. */
  NotFound: 6,
  /** `DELETED`. */
  Deleted: 7,
  /** `TOUCHED`. */
  Touched: 8,
  /** `OK`. */
  Ok: 9,
  /** The new number of an incr or decr. */
  Number: 10,
  /** `STAT <name> <value>`. */
  Stat: 11,
  /** `VERSION <version>`. */
  Version: 12,
  /** Meta: done (`HD`). */
  Hd: 13,
  /** Meta: miss (`EN`), and the end of an mgdump. */
  En: 14,
  /** Meta: not found (`NF`). */
  Nf: 15,
  /** Meta: not stored (`NS`). */
  Ns: 16,
  /** Meta: exists, the CAS did not match (`EX`). */
  Ex: 17,
  /** Meta: the answer to `mn`. */
  Mn: 18,
  /** Meta debug: `ME <key> <name>=<value>*`. */
  Me: 19,
  /** `ERROR`, with or without a text. */
  Error: 20,
  /** `CLIENT_ERROR` and a text: the command was wrong. */
  ClientError: 21,
  /** `SERVER_ERROR` and a text: the server could not do it. */
  ServerError: 22,
  /** `CONFIG <name> <flags> <bytes>` and its data block (ElastiCache discovery). */
  Config: 23,
  /** The answer to `stats reset`. */
  Reset: 24,
  /** One line of a dump, of a watch, or of a slabs or lru_crawler answer (BUSY, BADCLASS, …). */
  Line: 25,
} as const
Object.freeze(ReplyKind)

/** One of the values of `ReplyKind`. */
export type ReplyKind = (typeof ReplyKind)[keyof typeof ReplyKind]
