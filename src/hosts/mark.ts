import { isIP, isIPv4 } from 'node:net'
import { md5Words } from '../ring/hashes/md5.ts'
import type { RingOptions } from '../ring/options.ts'
import { createRing } from '../ring/ring.ts'
import { parseServer, type ServerObject } from '../ring/server.ts'
import type { TransitionTimes } from '../ring/transition.ts'
import { unixMs } from '../runtime.ts'
import type { ServerAddress } from './address.ts'

/**
 * How long the mark (an item on each host) stays after the handover's end. It tells processes that
 * start later that the handover is over.
 */
export const TAIL_SECONDS = 86_400
/** The maximum duration of a handover; a mark with a longer one is invalid. */
const MAX_TOTAL_MS = 86_400_000

/**
 * How long before values may move an announcement can be withdrawn, as clocks differ: at most half
 * of the announcement.
 */
const WITHDRAW_MARGIN_MS = 3_000

/** A placement in the form that processes share. */
export interface NamedPlacement {
  /** Everything that determines the placement of keys; the same text in all processes. */
  readonly text: string
  /**
   * The servers and settings with which a process finds keys in this placement; undefined if its
   * keys have other names there.
   */
  readonly record: PlacementRecord | undefined
}

/** Creates the form of a placement that processes share through the mark. */
export function namedPlacement(
  text: string,
  servers: readonly ServerAddress[],
  options: RingOptions,
): NamedPlacement {
  return { text, record: recordOf(servers, options) }
}

/** The content of a mark. */
export interface Mark extends TransitionTimes {
  /** A random id of the handover. */
  readonly id: string
  /** When the handover started, in Unix milliseconds. */
  readonly startedAtMs: number
  /** The previous placement, for processes that do not know it. Not validated here. */
  readonly previous?: unknown
  /** Whether its host was down or restarted after the handover began, and got the mark later. */
  readonly isLate?: unknown
  /**
   * In the mark of a placement that the fleet leaves: the placement to which it moves, for
   * processes that have the old list. Not validated here.
   */
  readonly next?: unknown
  /** What the key of that placement's mark ends with. */
  readonly nextDigest?: string
}

/** An item that may be a mark. */
export interface MarkItem {
  readonly body: Buffer
  /** Seconds to live; -1 for no expiry, undefined if the server cannot report it. */
  readonly ttlSeconds: number | undefined
}

/** Returns the key of a mark: one for each placement that a handover can lead to. */
export function markKeyOf(placement: string): string {
  return markKeyFor(placementDigest(placement))
}

/** Every client needs it for its first connection: MD5 is loaded already, unlike node:crypto. */
export function placementDigest(placement: string): string {
  const bytes = Buffer.from(placement)
  const words = new Uint32Array(4)
  md5Words(bytes, bytes.length, words, 0)
  return Array.from(words, (word) => word.toString(36)).join('-')
}

export function markKeyFor(digest: string): string {
  return `\xff~mintring~handover~${digest}`
}

/** Matches ids. An id becomes part of keys, so it must not be able to end a command. */
const ID = /^[\w-]{1,64}$/

/** Returns the value of a mark's item. */
export function bodyOf(mark: Mark): Buffer {
  return Buffer.from(JSON.stringify(mark))
}

/** Parses a mark. Any client of the cache can write one, so it is untrusted input. */
export function markIn({ body }: MarkItem): Mark | undefined {
  try {
    const mark = JSON.parse(body.toString()) as Mark
    const { id, announceMs, handoverMs, startedAtMs, next, nextDigest } = mark
    const isTimes = isTime(announceMs) && isTime(handoverMs) && isMoment(startedAtMs)
    const isNext = next === undefined || isId(nextDigest)
    return isTimes && isId(id) && isNext ? mark : undefined
  } catch {
    return undefined
  }
}

/**
 * Returns how many ms the handover still takes: the remaining ttl of the mark's item, which servers
 * count in whole seconds. If the start time in the mark leads to a value from which that differs
 * only because of rounding, it is used instead, because it is more exact.
 */
export function leftMsOf({ ttlSeconds }: MarkItem, mark: Mark): number {
  const totalMs = mark.announceMs + mark.handoverMs
  const byClockMs = mark.startedAtMs + totalMs - unixMs()
  const isTold = ttlSeconds !== undefined && ttlSeconds >= 0
  const byServerMs = isTold ? (ttlSeconds - TAIL_SECONDS) * 1000 : byClockMs
  // The ttl was rounded up, and the server's clock ticks once per second.
  const isSame = byServerMs >= byClockMs - 1000 && byServerMs <= byClockMs + 2000
  return Math.min(totalMs, isSame ? byClockMs : byServerMs)
}

/** Whether an announcement may still be withdrawn, that is, whether values do not move soon. */
export function mayEnd(found: { readonly mark: Mark; readonly leftMs: number }): boolean {
  const { handoverMs, announceMs } = found.mark
  return found.leftMs > handoverMs + Math.min(WITHDRAW_MARGIN_MS, announceMs / 2)
}

function isId(text: unknown): boolean {
  return typeof text === 'string' && ID.test(text)
}

/** A forged time far in the future would otherwise be newer than that of every later mark. */
function isMoment(ms: unknown): boolean {
  return Number.isFinite(ms) && (ms as number) - unixMs() <= MAX_TOTAL_MS
}

function isTime(ms: unknown): boolean {
  return typeof ms === 'number' && ms >= 0 && ms <= MAX_TOTAL_MS / 2
}

/** The form of a placement in a mark: the addresses of its servers, without credentials. */
export interface PlacementRecord {
  readonly servers: readonly ServerObject[]
  readonly ring: RingOptions
}

/** A placement read from a mark. */
export interface KnownPlacement {
  readonly servers: readonly ServerAddress[]
  /**
   * Servers of the previous placement that must not be dialled, because only the mark names them.
   */
  readonly strangers: ReadonlySet<ServerAddress>
  readonly options: RingOptions
}

const RING_FIELDS = [
  ...(['distribution', 'hash', 'hashTag', 'weighted', 'serverOrder', 'pointHash'] as const),
  ...(['labelFormat', 'vnodes', 'replicas', 'tableSize', 'duplicates'] as const),
] satisfies readonly (keyof RingOptions)[]

/** Limits for records, because a forged one could make a process build huge rings. */
const MAX_SERVERS = 1_000
const MAX_VNODES = 1_000
const MAX_TABLE = 1_000_000

/** Creates the record of a placement. */
export function recordOf(servers: readonly ServerAddress[], options: RingOptions): PlacementRecord {
  const ring = Object.fromEntries(RING_FIELDS.map((name) => [name, options[name]]))
  const places = servers.map(({ host, port, path, weight, name, vnodes, ip }) => {
    return path === undefined
      ? { host, port, weight, name, vnodes, ip }
      : { path, weight, name, vnodes }
  })
  return { servers: places, ring }
}

/**
 * Parses the record in a mark; returns undefined if it is invalid. Any client of the cache can
 * write one, so a record must not make this process dial arbitrary addresses. `own` are the servers
 * this process was given. `isOpen`: they need no credentials, so servers similar to them may be
 * dialled too.
 */
export function placementIn(
  record: unknown,
  own: readonly ServerAddress[],
  isOpen: boolean,
): KnownPlacement | undefined {
  try {
    const { servers, ring } = record as PlacementRecord
    if (!Array.isArray(servers) || servers.length > MAX_SERVERS) return undefined
    const options = ringIn(ring)
    const strangers = new Set<ServerAddress>()
    const parsed = servers.map((server) => {
      const said = parseServer(server as ServerObject)
      if ((said.vnodes ?? 0) > MAX_VNODES) throw new Error('too many')
      const known = knownAs(said, own, isOpen)
      const { host, port, path, ip, weight, name, vnodes, label } = said
      const place = { host, port, path, ip, weight, name, vnodes, label }
      const { tls, username, password } = known ?? NO_TLS
      const address: ServerAddress = { ...place, tls, username, password }
      if (known === undefined) strangers.add(address)
      return address
    })
    createRing(parsed, options).indexOf('key')
    return { servers: parsed, strangers, options }
  } catch {
    return undefined
  }
}

const NO_TLS = { tls: undefined, username: undefined, password: undefined } as const

function ringIn(ring: RingOptions): RingOptions {
  const { vnodes = 0, tableSize = 0 } = ring
  if (vnodes > MAX_VNODES || tableSize > MAX_TABLE) throw new Error('too large')
  return Object.fromEntries(RING_FIELDS.map((name) => [name, ring[name]]))
}

/** Returns the own server that makes an address trusted; undefined for an unknown address. */
function knownAs(
  said: ServerAddress,
  own: readonly ServerAddress[],
  isOpen: boolean,
): ServerAddress | undefined {
  const isSame = ({ host, port, path }: ServerAddress): boolean =>
    host === said.host && port === said.port && path === said.path
  const known = own.find(isSame)
  if (known !== undefined || !isOpen || said.path !== undefined) return known
  const family = familyOf(said.host)
  if (family === undefined) return undefined
  return own.find(({ host, port, path }) => {
    return path === undefined && port === said.port && familyOf(host) === family
  })
}

/**
 * Returns a text that related hosts share: pods of one set, nodes of one cluster, IPs of one
 * network.
 */
function familyOf(host: string): string | undefined {
  if (isIPv4(host)) return host.slice(0, host.lastIndexOf('.'))
  return isIP(host) === 0 ? host.toLowerCase().replace(/\d+/g, '#') : undefined
}
