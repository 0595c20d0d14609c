/**
 * The kinds of reply lines, named after the replies in memcached's doc/protocol.txt. Small
 * integers, so that V8 compiles a `switch` over them to a jump table.
 */
export const ReplyKind = {
  /** `VALUE <key> <flags> <bytes> [<cas>]` and its data block. */
  Value: 0,
  /** Meta `VA <size> <flags>*` and its data block. */
  Va: 1,
  /** `END`: no more VALUE, STAT, CONFIG or dump lines follow. */
  End: 2,
  /** `STORED`. */
  Stored: 3,
  /** `NOT_STORED`. */
  NotStored: 4,
  /** `EXISTS`: the CAS id did not match. */
  Exists: 5,
  /** `NOT_FOUND`. */
  NotFound: 6,
  /** `DELETED`. */
  Deleted: 7,
  /** `TOUCHED`. */
  Touched: 8,
  /** `OK`. */
  Ok: 9,
  /** A number: the new value of an incr or decr. */
  Number: 10,
  /** `STAT <name> <value>`. */
  Stat: 11,
  /** `VERSION <version>`. */
  Version: 12,
  /** Meta `HD`: success. */
  Hd: 13,
  /** Meta `EN`: a miss, or the end of an mgdump. */
  En: 14,
  /** Meta `NF`: not found. */
  Nf: 15,
  /** Meta `NS`: not stored. */
  Ns: 16,
  /** Meta `EX`: the CAS id did not match. */
  Ex: 17,
  /** Meta `MN`: the reply to `mn`. */
  Mn: 18,
  /** Meta debug: `ME <key> <name>=<value>*`. */
  Me: 19,
  /** `ERROR`, with or without a text: the server does not know the command. */
  Error: 20,
  /** `CLIENT_ERROR` and a text: the command was invalid. */
  ClientError: 21,
  /** `SERVER_ERROR` and a text: the server failed to execute the command. */
  ServerError: 22,
  /** `CONFIG <name> <flags> <bytes>` and its data block (ElastiCache discovery). */
  Config: 23,
  /** `RESET`: the reply to `stats reset`. */
  Reset: 24,
  /** A line of a dump or a watch, or a reply to slabs or lru_crawler (BUSY, BADCLASS, …). */
  Line: 25,
} as const
Object.freeze(ReplyKind)

/** One of the values of `ReplyKind`. */
export type ReplyKind = (typeof ReplyKind)[keyof typeof ReplyKind]
