/**
 * Encodes commands of the meta protocol (doc/protocol.txt, "Meta Commands"). Each function returns
 * a command line with its CRLF, as a latin1 string. Flags have the letters of the protocol; flags
 * without an argument are `true`. Keys must be wire keys, from `toWireKey` or, with `b`,
 * `toBase64Key`; they are not checked again. Flag values are checked: MINTRING_BAD_ARGUMENT,
 * MINTRING_BAD_TTL.
 */
import { badField, exptimeField, uint, uint64, word } from './field.ts'
import { MAX_FLAGS, MAX_OPAQUE_BYTES } from './limits.ts'

/** The flags that all meta commands on a key accept. */
export interface CommonFlags {
  /** The key is in base64. */
  readonly b?: boolean
  /** Return the key. */
  readonly k?: boolean
  /**
   * Opaque token, which the reply repeats: at most 31 printable ASCII characters without spaces.
   */
  readonly O?: string
  /**
   * Quiet: omit the usual reply (a miss of mg, the success of the others). Errors are always sent.
   */
  readonly q?: boolean
  /** For proxies between client and server; memcached ignores it. */
  readonly P?: string
  /** For proxies between client and server; memcached ignores it. */
  readonly L?: string
}

/** The flags of `mg`, which covers get, gets, touch and gat, and can elect a client to refill. */
export interface MgFlags extends CommonFlags {
  /** Return the value. */
  readonly v?: boolean
  /** Return the client flags. */
  readonly f?: boolean
  /** Return the CAS id. */
  readonly c?: boolean
  /** Return the remaining ttl in seconds. */
  readonly t?: boolean
  /** Return the size of the value. */
  readonly s?: boolean
  /** Return whether the item was read before. */
  readonly h?: boolean
  /** Return the seconds since the last access. */
  readonly l?: boolean
  /** Do not count this command as an access. */
  readonly u?: boolean
  /**
   * On a miss, create an empty item with this exptime. The reply then has W: this client may fill
   * it.
   */
  readonly N?: number
  /** If fewer seconds than this remain, the reply has W for one client: it may refill the item. */
  readonly R?: number
  /** Set the exptime of the item. */
  readonly T?: number
  /** Omit the value if the item's CAS id is this one. */
  readonly C?: bigint | number
  /** The new CAS id of the item, if this command changes it. */
  readonly E?: bigint | number
}

/** The modes of `ms`: S set (the default), E add, R replace, A append, P prepend. */
export type StoreMode = 'S' | 'E' | 'R' | 'A' | 'P'

/** The flags of `ms`, which covers set, add, replace, append, prepend and cas. */
export interface MsFlags extends CommonFlags {
  /** The client flags. Default 0. */
  readonly F?: number
  /** The exptime. Default 0: no expiry. */
  readonly T?: number
  /** The mode: S set, E add, R replace, A append, P prepend. */
  readonly M?: StoreMode
  /** Store only if the item's CAS id is this one. */
  readonly C?: bigint | number
  /** The new CAS id of the item. */
  readonly E?: bigint | number
  /** If C is older than the item's CAS id, store the value but mark it stale. */
  readonly I?: boolean
  /** For append and prepend: on a miss, create the item with this exptime. */
  readonly N?: number
  /** Return the CAS id. */
  readonly c?: boolean
  /** Return the size of the stored value. */
  readonly s?: boolean
}

/** The flags of `md`: delete an item, or mark it stale. */
export interface MdFlags extends CommonFlags {
  /** Delete only if the item's CAS id is this one. */
  readonly C?: bigint | number
  /** The new CAS id of the item, if it is kept. */
  readonly E?: bigint | number
  /** Mark the item stale and change its CAS id, instead of deleting it. */
  readonly I?: boolean
  /** With I: the new exptime. */
  readonly T?: number
  /** Remove the value but keep the item. */
  readonly x?: boolean
}

/** The flags of `ma`, which covers incr and decr. */
export interface MaFlags extends CommonFlags {
  /** The mode: I increment (the default), D decrement. */
  readonly M?: 'I' | 'D'
  /** The amount. Default 1. */
  readonly D?: bigint | number
  /** On a miss, create the item with this exptime. */
  readonly N?: number
  /** With N: the initial number. Default 0. */
  readonly J?: bigint | number
  /** Set the exptime of the item. */
  readonly T?: number
  /** Change the item only if its CAS id is this one. */
  readonly C?: bigint | number
  /** The new CAS id of the item. */
  readonly E?: bigint | number
  /** Return the new number. */
  readonly v?: boolean
  /** Return the remaining ttl in seconds. */
  readonly t?: boolean
  /** Return the CAS id. */
  readonly c?: boolean
}

/** Encodes `mg <key> <flag>*`. Replies: VA with `v`, otherwise HD; EN for a miss. */
export function mgHead(wireKey: string, flags: MgFlags): string {
  return `mg ${wireKey}${mgFlags(flags)}`
}

/** Encodes the flags of an `mg`: all that follows the key, with the CRLF. */
export function mgFlags(flags: MgFlags): string {
  let line = ''
  // memcached applies flags in order: T and N come first, so that `t` returns the ttl they set.
  if (flags.N !== undefined) line += ` N${exptimeField(flags.N)}`
  if (flags.T !== undefined) line += ` T${exptimeField(flags.T)}`
  if (flags.R !== undefined) line += ` R${exptimeField(flags.R)}`
  if (flags.C !== undefined) line += ` C${uint64('C', flags.C)}`
  if (flags.E !== undefined) line += ` E${uint64('E', flags.E)}`
  if (flags.v) line += ' v'
  if (flags.f) line += ' f'
  if (flags.t) line += ' t'
  if (flags.c) line += ' c'
  if (flags.s) line += ' s'
  if (flags.h) line += ' h'
  if (flags.l) line += ' l'
  if (flags.u) line += ' u'
  return `${line}${commonFlags(flags)}\r\n`
}

/** Encodes `ms <key> <length> <flag>*`. The data and CRLF must follow. Replies: HD, NS, EX, NF. */
export function msHead(wireKey: string, length: number, flags: MsFlags = {}): string {
  let line = `ms ${wireKey} ${uint('length', length)}`
  if (flags.F !== undefined) line += ` F${uint('F', flags.F, MAX_FLAGS)}`
  if (flags.T !== undefined) line += ` T${exptimeField(flags.T)}`
  if (flags.M !== undefined) line += ` M${mode(flags.M, 'SERAP')}`
  if (flags.C !== undefined) line += ` C${uint64('C', flags.C)}`
  if (flags.E !== undefined) line += ` E${uint64('E', flags.E)}`
  if (flags.I) line += ' I'
  if (flags.N !== undefined) line += ` N${exptimeField(flags.N)}`
  if (flags.c) line += ' c'
  if (flags.s) line += ' s'
  return `${line}${commonFlags(flags)}\r\n`
}

/** Encodes `md <key> <flag>*`. Replies: HD, NF, EX. */
export function mdHead(wireKey: string, flags: MdFlags = {}): string {
  let line = `md ${wireKey}`
  if (flags.C !== undefined) line += ` C${uint64('C', flags.C)}`
  if (flags.E !== undefined) line += ` E${uint64('E', flags.E)}`
  if (flags.I) line += ' I'
  if (flags.T !== undefined) line += ` T${exptimeField(flags.T)}`
  if (flags.x) line += ' x'
  return `${line}${commonFlags(flags)}\r\n`
}

/** Encodes `ma <key> <flag>*`. Replies: VA with `v`, otherwise HD; NF, NS, EX. */
export function maHead(wireKey: string, flags: MaFlags = {}): string {
  let line = `ma ${wireKey}`
  if (flags.N !== undefined) line += ` N${exptimeField(flags.N)}`
  if (flags.J !== undefined) line += ` J${uint64('J', flags.J)}`
  if (flags.D !== undefined) line += ` D${uint64('D', flags.D)}`
  if (flags.T !== undefined) line += ` T${exptimeField(flags.T)}`
  if (flags.M !== undefined) line += ` M${mode(flags.M, 'ID')}`
  if (flags.C !== undefined) line += ` C${uint64('C', flags.C)}`
  if (flags.E !== undefined) line += ` E${uint64('E', flags.E)}`
  if (flags.v) line += ' v'
  if (flags.t) line += ' t'
  if (flags.c) line += ' c'
  return `${line}${commonFlags(flags)}\r\n`
}

/** Encodes `mn`. Reply: MN, after the replies to all commands before it. */
export function mnHead(): string {
  return 'mn\r\n'
}

/**
 * Encodes `me <key> [b]`. Replies: ME with details of the item, or EN. memcached 1.6.40 and later
 * read a `b` only if another word follows, so it is sent twice.
 */
export function meHead(wireKey: string, flags: { readonly b?: boolean } = {}): string {
  return flags.b ? `me ${wireKey} b b\r\n` : `me ${wireKey}\r\n`
}

function commonFlags(flags: CommonFlags): string {
  let text = ''
  if (flags.k) text += ' k'
  if (flags.b) text += ' b'
  if (flags.O !== undefined) text += ` O${word('O', flags.O, MAX_OPAQUE_BYTES)}`
  if (flags.P !== undefined) text += ` P${word('P', flags.P)}`
  if (flags.L !== undefined) text += ` L${word('L', flags.L)}`
  if (flags.q) text += ' q'
  return text
}

function mode(value: string, modes: string): string {
  if (value.length === 1 && modes.includes(value)) return value
  throw badField('M', `one of ${[...modes].join(' ')}`, value)
}
