/**
 * Command lines of the meta protocol (doc/protocol.txt, "Meta Commands"), with their CRLF, as
 * latin1 strings. The flags are named by the protocol's own letters: small ones ask (`true`), the
 * others carry a value. Keys are wire keys, from `toWireKey` or, with `b`, `toBase64Key`: they are
 * not checked again here. Values of flags are: MINTRING_BAD_ARGUMENT, MINTRING_BAD_TTL.
 */
import { badField, exptimeField, uint, uint64, word } from './field.ts'
import { MAX_FLAGS, MAX_OPAQUE_BYTES } from './limits.ts'

/** What every meta command about a key takes. */
export interface CommonFlags {
  /** The key is base64 of its bytes. */
  readonly b?: boolean
  /** Return the key. */
  readonly k?: boolean
  /** Opaque token, echoed: at most 31 printable ASCII characters without spaces. */
  readonly O?: string
  /** Quiet: leave out the usual answer (miss of mg, success of the others), never errors. */
  readonly q?: boolean
  /** For proxies on the way; memcached ignores it. */
  readonly P?: string
  /** For proxies on the way; memcached ignores it. */
  readonly L?: string
}

/** `mg`: get, gets, touch, gat, and the right to refill. */
export interface MgFlags extends CommonFlags {
  /** Return the value. */
  readonly v?: boolean
  /** Return the client flags. */
  readonly f?: boolean
  /** Return the CAS id. */
  readonly c?: boolean
  /** Return the seconds to live. */
  readonly t?: boolean
  /** Return the size of the value. */
  readonly s?: boolean
  /** Return whether the item was read before. */
  readonly h?: boolean
  /** Return the seconds since the last access. */
  readonly l?: boolean
  /** Do not count this as an access. */
  readonly u?: boolean
  /** On a miss make an empty item of this exptime, and win (W) the right to fill it. */
  readonly N?: number
  /** With fewer seconds left than this, win (W) the right to refill. */
  readonly R?: number
  /** Set the exptime. */
  readonly T?: number
  /** Leave the value out when the CAS id is this one. */
  readonly C?: bigint | number
  /** The CAS id to give the item, should it be changed. */
  readonly E?: bigint | number
}

/** How `ms` stores: set (the default), add, replace, append, prepend. */
export type StoreMode = 'S' | 'E' | 'R' | 'A' | 'P'

/** `ms`: set, add, replace, append, prepend, cas. */
export interface MsFlags extends CommonFlags {
  /** Client flags. Default 0. */
  readonly F?: number
  /** The exptime. Default 0, for ever. */
  readonly T?: number
  /** How to store: S set, E add, R replace, A append, P prepend. */
  readonly M?: StoreMode
  /** Store only if the CAS id is this one. */
  readonly C?: bigint | number
  /** The CAS id to give the item. */
  readonly E?: bigint | number
  /** Store as stale when C is older than the item's. */
  readonly I?: boolean
  /** Append and prepend: on a miss make the item, of this exptime. */
  readonly N?: number
  /** Return the CAS id. */
  readonly c?: boolean
  /** Return the size of what is stored. */
  readonly s?: boolean
}

/** `md`: delete, or mark stale. */
export interface MdFlags extends CommonFlags {
  /** Only if the CAS id is this one. */
  readonly C?: bigint | number
  /** The CAS id to give an item that is kept. */
  readonly E?: bigint | number
  /** Mark stale and give a new CAS id instead of deleting. */
  readonly I?: boolean
  /** With I: set the exptime. */
  readonly T?: number
  /** Empty the value but keep the item. */
  readonly x?: boolean
}

/** `ma`: incr, decr. */
export interface MaFlags extends CommonFlags {
  /** I increment (the default), D decrement. */
  readonly M?: 'I' | 'D'
  /** By how much. Default 1. */
  readonly D?: bigint | number
  /** On a miss make the item, of this exptime. */
  readonly N?: number
  /** With N: the first number. Default 0. */
  readonly J?: bigint | number
  /** Set the exptime. */
  readonly T?: number
  /** Only if the CAS id is this one. */
  readonly C?: bigint | number
  /** The CAS id to give the item. */
  readonly E?: bigint | number
  /** Return the new number. */
  readonly v?: boolean
  /** Return the seconds to live. */
  readonly t?: boolean
  /** Return the CAS id. */
  readonly c?: boolean
}

/** `mg <key> <flag>*`: VA with `v`, else HD; EN for a miss. */
export function mgHead(wireKey: string, flags: MgFlags): string {
  return `mg ${wireKey}${mgFlags(flags)}`
}

/** What follows the key of an `mg`, with its CRLF. */
export function mgFlags(flags: MgFlags): string {
  let line = ''
  // memcached reads the flags in order: T and N first, so that `t` tells what they made of it.
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

/** `ms <key> <length> <flag>*`, to be followed by the data and CRLF: HD, NS, EX, NF. */
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

/** `md <key> <flag>*`: HD, NF, EX. */
export function mdHead(wireKey: string, flags: MdFlags = {}): string {
  let line = `md ${wireKey}`
  if (flags.C !== undefined) line += ` C${uint64('C', flags.C)}`
  if (flags.E !== undefined) line += ` E${uint64('E', flags.E)}`
  if (flags.I) line += ' I'
  if (flags.T !== undefined) line += ` T${exptimeField(flags.T)}`
  if (flags.x) line += ' x'
  return `${line}${commonFlags(flags)}\r\n`
}

/** `ma <key> <flag>*`: VA with `v`, else HD; NF, NS, EX. */
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

/** `mn`: MN, after the answers of all that came before it. */
export function mnHead(): string {
  return 'mn\r\n'
}

/**
 * `me <key> [b]`: ME with what the server knows of the item, or EN. From memcached 1.6.40 on a `b`
 * is seen only where another word follows.
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
