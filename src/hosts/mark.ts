import { isIP, isIPv4 } from 'node:net'
import type { RingOptions } from '../ring/options.ts'
import { createRing } from '../ring/ring.ts'
import { parseServer, type ServerObject } from '../ring/server.ts'
import type { TransitionTimes } from '../ring/transition.ts'
import { crypto, unixMs } from '../runtime.ts'
import type { ServerAddress } from './address.ts'

/** So long after the end the mark still tells that the handover is over. */
export const TAIL_SECONDS = 86_400
/** How long a change of servers may take in all: what is longer is no mark. */
const MAX_TOTAL_MS = 86_400_000

/** A placement, as processes tell each other of it. */
export interface NamedPlacement {
  /** All that decides where keys live, the same text in all processes. */
  readonly text: string
  /** What a process needs to find keys there; undefined when its keys have other names there. */
  readonly record: PlacementRecord | undefined
}

/** Names a placement. */
export function namedPlacement(
  text: string,
  servers: readonly ServerAddress[],
  options: RingOptions,
): NamedPlacement {
  return { text, record: recordOf(servers, options) }
}

/** What a mark says. */
export interface Mark extends TransitionTimes {
  /** A random name: which handover this is. */
  readonly id: string
  /** Unix time in milliseconds. */
  readonly startedAtMs: number
  /** The placement before, for processes that are not told of it. Not checked here. */
  readonly previous?: unknown
}

/** An item that may be a mark. */
export interface MarkItem {
  readonly body: Buffer
  /** Seconds to live; -1 for no end, undefined where no server tells. */
  readonly ttlSeconds: number | undefined
}

/** What a mark is stored under: one for each placement that can be handed over to. */
export function markKeyOf(placement: string): string {
  const digest = crypto().createHash('sha256').update(placement).digest('base64url').slice(0, 22)
  return `\xff~mintring~handover~${digest}`
}

/** It becomes part of keys: nothing that could end a command. */
const ID = /^[\w-]{1,64}$/

/** Any writer of the cache can write a mark: it is checked like any other input. */
export function markIn({ body }: MarkItem): Mark | undefined {
  try {
    const mark = JSON.parse(body.toString()) as Mark
    const { id, announceMs, handoverMs, startedAtMs } = mark
    const isTimes = isTime(announceMs) && isTime(handoverMs) && Number.isFinite(startedAtMs)
    return isTimes && typeof id === 'string' && ID.test(id) ? mark : undefined
  } catch {
    return undefined
  }
}

/**
 * How long the handover takes from now. Servers count whole seconds, so within one second of their
 * word the clock of the process that stored the mark decides.
 */
export function leftMsOf({ ttlSeconds }: MarkItem, mark: Mark): number {
  const totalMs = mark.announceMs + mark.handoverMs
  const byClockMs = mark.startedAtMs + totalMs - unixMs()
  const isTold = ttlSeconds !== undefined && ttlSeconds >= 0
  const byServerMs = isTold ? (ttlSeconds - TAIL_SECONDS) * 1000 : byClockMs
  const isSame = Math.abs(byClockMs - byServerMs) <= 1000
  return Math.min(totalMs, isSame ? byClockMs : byServerMs)
}

function isTime(ms: unknown): boolean {
  return typeof ms === 'number' && ms >= 0 && ms <= MAX_TOTAL_MS / 2
}

/** A placement as a mark carries it: where its servers are, and no credentials. */
export interface PlacementRecord {
  readonly servers: readonly ServerObject[]
  readonly ring: RingOptions
}

/** A placement that was read from a mark. */
export interface KnownPlacement {
  readonly servers: readonly ServerAddress[]
  /** Those of its servers that are not dialled: only the mark says that they are any. */
  readonly strangers: ReadonlySet<ServerAddress>
  readonly options: RingOptions
}

const RING_FIELDS = [
  ...(['distribution', 'hash', 'hashTag', 'weighted', 'serverOrder', 'pointHash'] as const),
  ...(['labelFormat', 'vnodes', 'replicas', 'tableSize', 'duplicates'] as const),
] satisfies readonly (keyof RingOptions)[]

/** What a forged record could otherwise make a process build. */
const MAX_SERVERS = 1_000
const MAX_VNODES = 1_000
const MAX_TABLE = 1_000_000

/** The record of a placement. */
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
 * Reads the record in a mark; undefined for one that is invalid. Any writer of the cache can write
 * one, so it decides no address that is dialled: `own` are the servers that this process was given.
 * `isOpen`: they ask for no credentials, so that a server much like one of them may be asked too.
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

/** The server of this process that vouches for an address; undefined for a stranger. */
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

/** The same for the pods of one set, the nodes of one cluster, the neighbours in one network. */
function familyOf(host: string): string | undefined {
  if (isIPv4(host)) return host.slice(0, host.lastIndexOf('.'))
  return isIP(host) === 0 ? host.toLowerCase().replace(/\d+/g, '#') : undefined
}
