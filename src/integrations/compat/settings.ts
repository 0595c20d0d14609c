import { badArgument, insteadOfOptions } from '../../arguments.ts'
import type { BehaviorsInput } from '../../behaviors/behaviors.ts'
import {
  fromNpmMemcached,
  npmMemcachedOptionNames,
} from '../../behaviors/dialects/npm-memcached.ts'
import { MintringError } from '../../errors.ts'
import { DEFAULT_PORT, type ServerObject } from '../../ring/server.ts'
import { MAX_WEIGHT } from '../../ring/server-text.ts'

/** The default options of `memcached`. */
export const defaultOptions: Readonly<Record<string, unknown>> = {
  maxKeySize: 250,
  maxExpiration: 2_592_000,
  maxValue: 1_048_576,
  activeQueries: 0,
  maxQueueSize: -1,
  algorithm: 'md5',
  compatibility: 'ketama',
  poolSize: 10,
  retries: 5,
  factor: 3,
  minTimeout: 1000,
  maxTimeout: 60_000,
  randomize: false,
  reconnect: 18_000_000,
  timeout: 5000,
  failures: 5,
  failuresTimeout: 300_000,
  retry: 30_000,
  idle: 5000,
  remove: false,
  redundancy: false,
  keyCompression: true,
  namespace: '',
  debug: false,
}

/** Options that this module implements itself, instead of passing them to the client. */
const DONE_HERE: ReadonlySet<string> = new Set([
  'activeQueries',
  'failOverServers',
  'keyCompression',
  'maxKeySize',
  'maxQueueSize',
  'namespace',
])

/** `memcached` has no queue limit; this one is more than existing applications need. */
const MAX_QUEUED = 1_000_000

const DEFAULT_LOCATION = `localhost:${DEFAULT_PORT}`

/** A server of `locations`; `name` is its text there, which determines its place on the ring. */
export type NamedServer = ServerObject & Share & { readonly name: string }

/** Returns the servers in `locations` as `memcached` lists them; one may appear twice. */
export function locationsOf(locations: unknown): string[] {
  if (Array.isArray(locations)) {
    return locations.length === 0 ? [DEFAULT_LOCATION] : locations.map(textOf)
  }
  if (Object.prototype.toString.call(locations) === '[object Object]') {
    const listed = Object.keys(locations as object)
    if (listed.length > 0) return listed
    throw new Error('No servers where supplied in the arguments')
  }
  if (typeof locations === 'object' && locations !== null) {
    const wanted = "'host:port', an array of them, or { 'host:port': weight }"
    throw badArgument(`The servers must be ${wanted}, not ${insteadOfOptions(locations)}`)
  }
  return [textOf(locations || DEFAULT_LOCATION)]
}

function textOf(location: unknown): string {
  if (location === '') return DEFAULT_LOCATION
  if (typeof location !== 'object' || location === null) return String(location)
  const { host, port } = location as { host?: unknown; port?: unknown }
  return `${String(host)}:${String(port)}`
}

/**
 * Returns the servers for a client, each once. `isShort`: labels on the ring omit port 11211, so
 * `a` and `a:11211` are the same server. In `memcached`, a server listed twice gets the ring points
 * of one but counts twice in the total weight. In this case every server therefore gets an explicit
 * number of points.
 */
export function serversOf(locations: unknown, isShort: boolean): NamedServer[] {
  const listed = locationsOf(locations)
  const details = detailsOf(locations)
  const all = listed.map((name) => ({ ...serverOf(name), name, ...shareOf(details[name]) }))
  const labelOf = ({ name }: NamedServer): string => (isShort ? withPort(name) : name)
  if (new Set(all.map(labelOf)).size === all.length) return scaled(all)
  const total = all.reduce((sum, { weight }) => sum + weight, 0)
  const merged = new Map<string, NamedServer>()
  for (const server of all) {
    const share = Math.floor((server.weight / total) * VNODES * all.length)
    const first = merged.get(labelOf(server)) ?? server
    const vnodes = Math.max(first.vnodes ?? 0, server.vnodes ?? share)
    merged.set(labelOf(server), { ...first, vnodes })
  }
  return scaled([...merged.values()])
}

const VNODES = 40

interface Share {
  readonly weight: number
  readonly vnodes?: number | undefined
}

/** Returns the weights and other details by server, if `locations` is an object; else `{}`. */
function detailsOf(locations: unknown): Record<string, unknown> {
  const isObject = typeof locations === 'object' && locations !== null && !Array.isArray(locations)
  return isObject ? (locations as Record<string, unknown>) : {}
}

/**
 * Scales weights down to the maximum: some users give a server's memory in bytes as its weight.
 * Dividing by a power of two keeps the ratios exact.
 */
function scaled(servers: NamedServer[]): NamedServer[] {
  const most = Math.max(...servers.map(({ weight }) => weight))
  if (most <= MAX_WEIGHT) return servers
  const divisor = 2 ** Math.ceil(Math.log2(most / MAX_WEIGHT))
  return servers.map((server) => ({ ...server, weight: server.weight / divisor }))
}

/** Parses a number, numeric text or `{ weight, vnodes }`; any other weight is 1. */
function shareOf(details: unknown): Share {
  if (typeof details !== 'object' || details === null) return { weight: Number(details) || 1 }
  const { weight, vnodes } = details as { weight?: unknown; vnodes?: unknown }
  const labels = Number(vnodes) || 0
  // An explicit number of points matters only if it differs from the ring's default.
  const own = labels === 0 || labels === VNODES ? {} : { vnodes: labels }
  return { weight: Number(weight) || 1, ...own }
}

/** Returns a server's address with its port, as `memcached` names connections. */
export function withPort(location: string): string {
  return /(.+):(\d+)$/.test(location) ? location : `${location}:${DEFAULT_PORT}`
}

function serverOf(location: string): ServerObject {
  if (/:\/\/|@/.test(location)) {
    const why = `compat takes 'host:port', not a URL: use MemcachedClient for TLS and passwords`
    throw new MintringError('MINTRING_BAD_SERVER', why)
  }
  if (location.startsWith('/')) return { path: location }
  const [, host = location, port] = /^(.*):(\d+)$/.exec(location) ?? []
  return { host: host || 'localhost', port: port === undefined ? DEFAULT_PORT : Number(port) }
}

/**
 * Returns the client's behaviors for the options that are set: those of the constructor, and those
 * of `Memcached.config` that were changed from the default. Ignores unknown options, because
 * packages pass their own options along.
 */
export function behaviorsOf(config: object, options: object): BehaviorsInput {
  const set = Object.entries(config).filter(([name, value]) => value !== defaultOptions[name])
  const all = { ...Object.fromEntries(set), ...options }
  const known = Object.entries(all).filter(
    ([name]) => npmMemcachedOptionNames.includes(name) && !DONE_HERE.has(name),
  )
  const { connections, ...behaviors } = fromNpmMemcached(Object.fromEntries(known))
  const bounds = { idleMs: defaultOptions.idle as number, ...connections, min: 0 }
  // `memcached` ejects a lone server too, and emits its events.
  const lone = { ejectLoneHost: true }
  // `memcached` applies a new server list at once.
  const atOnce = { handover: 0 }
  return { maxQueuedPerHost: MAX_QUEUED, ...lone, ...atOnce, ...behaviors, connections: bounds }
}
