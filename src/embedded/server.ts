import type { TlsOptions } from 'node:tls'
import { MintringError } from '../errors.ts'
import { type ServerClock, systemClock } from './clock.ts'
import { EmbeddedServer, type ListenSettings } from './embedded-server.ts'
import type { EngineSettings } from './engine.ts'
import { checkFaults, type Faults } from './faults.ts'

/** How to start an embedded server; every setting has a default. */
export interface ServerOptions {
  /** TCP port; 0, the default, takes a free one. */
  readonly port?: number
  /** Address to listen on, `127.0.0.1` by default. */
  readonly host?: string
  /** Listens on this unix socket instead of TCP. */
  readonly path?: string
  /** Certificate, key and the like for TLS, as node:tls takes them; plain TCP without. */
  readonly tls?: TlsOptions
  /** Name to password: clients must authenticate first, as with memcached `-Y`. */
  readonly users?: Readonly<Record<string, string>>
  /** Bytes of all items together, 64 MiB by default; the least recently used are evicted. */
  readonly maxBytes?: number
  /** Bytes of one item with key and header, 1 MiB by default (memcached `-I`). */
  readonly maxItemBytes?: number
  /** Connections at a time, 1024 by default; more are told so and closed. */
  readonly maxConnections?: number
  /**
   * The memcached to stand in for, `1.6.18` by default: its commands, flags and refusals, as tested
   * beside 1.4.39, 1.5.22, 1.6.18, 1.6.27, 1.6.40 and 1.6.45. Below `1.6.10` there are no meta
   * commands (the experimental ones of 1.5.19 to 1.6.9 return ERROR too, but for `mn`).
   */
  readonly version?: string
  /** Whether items have CAS ids; false is memcached `-C`. Default true. */
  readonly cas?: boolean
  /** Whether `flush_all` is allowed; false is memcached `-F`. Default true. */
  readonly flush?: boolean
  /** Whether `shutdown` stops the server; default false. */
  readonly shutdown?: boolean
  /**
   * Answers `config get cluster` like a managed cache's endpoint, with these nodes to begin with.
   */
  readonly cluster?: readonly string[]
  /** Where the time comes from; see createManualClock(). The machine's clock by default. */
  readonly clock?: ServerClock
  /** What goes wrong from the start. */
  readonly faults?: Faults
}

const MEBIBYTE = 1024 * 1024
const LARGEST_PORT = 65_535

const NAMES: ReadonlySet<string> = new Set<keyof ServerOptions>([
  'port',
  'host',
  'path',
  'tls',
  'users',
  'maxBytes',
  'maxItemBytes',
  'maxConnections',
  'version',
  'cas',
  'flush',
  'shutdown',
  'cluster',
  'clock',
  'faults',
])

/**
 * Starts an in-process memcached: text and meta commands as the memcached of its version
 * answers them, bounded
 * memory, real expiry, and faults on request. Resolves once it listens.
 *
 *     await using server = await startServer()
 *     const cache = new MemcachedClient(server.address)
 *
 * Rejects with MINTRING_BAD_ARGUMENT for options that are invalid, with MINTRING_CONNECTION when it
 * cannot listen. An open server keeps the process alive until it is closed.
 */
export async function startServer(options: ServerOptions = {}): Promise<EmbeddedServer> {
  checkOptions(options)
  const server = new EmbeddedServer(engineSettings(options), listenSettings(options))
  if (options.cluster !== undefined) server.setCluster(options.cluster)
  await server.open()
  return server
}

function engineSettings(options: ServerOptions): EngineSettings {
  return {
    clock: options.clock ?? systemClock,
    version: options.version ?? '1.6.18',
    maxBytes: options.maxBytes ?? 64 * MEBIBYTE,
    maxItemBytes: options.maxItemBytes ?? MEBIBYTE,
    maxConnections: options.maxConnections ?? 1024,
    cas: options.cas ?? true,
    flush: options.flush ?? true,
    shutdown: options.shutdown ?? false,
    config: options.cluster !== undefined,
    users: options.users !== undefined,
    tls: options.tls !== undefined,
  }
}

function listenSettings(options: ServerOptions): ListenSettings {
  return {
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    path: options.path,
    tls: options.tls,
    users: options.users,
    faults: options.faults,
  }
}

function checkOptions(options: ServerOptions): void {
  for (const name of Object.keys(options)) {
    if (!NAMES.has(name)) throw badArgument(`startServer has no option '${name}'`)
  }
  checkInteger('port', options.port, 0, LARGEST_PORT)
  checkInteger('maxBytes', options.maxBytes, 1, Number.MAX_SAFE_INTEGER)
  checkInteger('maxItemBytes', options.maxItemBytes, 1, 1024 * MEBIBYTE)
  checkInteger('maxConnections', options.maxConnections, 1, Number.MAX_SAFE_INTEGER)
  if (options.version !== undefined && !/^\d+\.\d+\.\d+/.test(options.version)) {
    throw badArgument(`version must be like '1.6.18', not '${options.version}'`)
  }
  if (options.faults !== undefined) checkFaults(options.faults)
}

function checkInteger(name: string, value: number | undefined, min: number, max: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return
  throw badArgument(`${name} must be an integer from ${min} to ${max}, not ${value}`)
}

function badArgument(message: string): MintringError {
  return new MintringError('MINTRING_BAD_ARGUMENT', message)
}
