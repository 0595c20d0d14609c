import { createSecureContext, type TlsOptions } from 'node:tls'
import { checkSettings, FLAG, isObject, isText, type Rule, WORD, WORDS, whole } from './checks.ts'
import { type ServerClock, systemClock } from './clock.ts'
import { EmbeddedServer, type ListenSettings } from './embedded-server.ts'
import type { EngineSettings } from './engine.ts'
import { checkFaults, type Faults } from './faults.ts'

/** How to start an embedded server. All settings have defaults. */
export interface ServerOptions {
  /** TCP port. Default 0: any free port. */
  readonly port?: number
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string
  /** Listens on this unix socket instead of TCP. */
  readonly path?: string
  /** TLS options as for node:tls, such as certificate and key. Default: plain TCP. */
  readonly tls?: TlsOptions
  /** Passwords by user name. If set, clients must authenticate first, as with memcached `-Y`. */
  readonly users?: Readonly<Record<string, string>>
  /** Memory limit for all items in bytes; the least recently used are evicted. Default 64 MiB. */
  readonly maxBytes?: number
  /** Size limit of one item in bytes, with key and header (memcached `-I`). Default 1 MiB. */
  readonly maxItemBytes?: number
  /** Limit on open connections; further ones get an error and are closed. Default 1024. */
  readonly maxConnections?: number
  /**
   * The memcached version to behave as: its commands, flags and errors. Tested beside 1.4.39,
   * 1.5.22, 1.6.18, 1.6.27, 1.6.40 and 1.6.45. Below `1.6.10` there are no meta commands; the
   * experimental ones of 1.5.19 to 1.6.9 reply ERROR too, except `mn`. Default `1.6.18`.
   */
  readonly version?: string
  /** Whether items have CAS ids; false is memcached `-C`. Default true. */
  readonly cas?: boolean
  /** Whether `flush_all` is allowed; false is memcached `-F`. Default true. */
  readonly flush?: boolean
  /** Whether the command `shutdown` stops the server. Default false. */
  readonly shutdown?: boolean
  /**
   * Makes the server reply to `config get cluster` like the endpoint of a managed cache, with these
   * nodes at first.
   */
  readonly cluster?: readonly string[]
  /** The clock; see createManualClock(). Default: the system clock. */
  readonly clock?: ServerClock
  /** Faults to simulate from the start. */
  readonly faults?: Faults
}

const MEBIBYTE = 1024 * 1024
const MOST = Number.MAX_SAFE_INTEGER

const RULES: Readonly<Record<keyof ServerOptions, Rule>> = {
  port: whole(0, 65_535),
  host: WORD,
  path: WORD,
  tls: ['options of node:tls with a readable key and cert', isTls],
  users: [
    "an object of user names and passwords, such as { ada: 'secret' }",
    (given) => isObject(given) && Object.values(given).every(isText),
  ],
  maxBytes: whole(1, MOST),
  maxItemBytes: whole(1, 1024 * MEBIBYTE),
  maxConnections: whole(1, MOST),
  version: [
    "a version such as '1.6.18'",
    (given) => typeof given === 'string' && /^\d+\.\d+\.\d+/.test(given),
  ],
  cas: FLAG,
  flush: FLAG,
  shutdown: FLAG,
  cluster: WORDS,
  clock: [
    'a clock, such as createManualClock() returns',
    (given) => isObject(given) && typeof given.nowMs === 'function',
  ],
  faults: ['an object of faults, such as { delayMs: 100 }', isObject],
}

/**
 * Starts an in-process memcached. It replies to text and meta commands as the memcached of its
 * version does, evicts at its memory limit, expires items, and simulates faults. Resolves once it
 * listens.
 *
 *     await using server = await startServer()
 *     const cache = new MemcachedClient(server.address)
 *
 * Rejects with MINTRING_BAD_ARGUMENT for invalid options, with MINTRING_CONNECTION if it cannot
 * listen. An open server keeps the process alive until it is closed.
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
  checkSettings('startServer', options, RULES)
  if (options.faults !== undefined) checkFaults(options.faults)
}

function isTls(given: unknown): boolean {
  if (!isObject(given)) return false
  try {
    createSecureContext(given)
    return true
  } catch {
    return false
  }
}
