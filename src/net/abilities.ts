import { MintringError } from '../errors.ts'
import { isSince, META_SINCE } from '../protocol/meta-versions.ts'

/** A proxy identified by its behavior; `memcached` is memcached's own proxy (`-o proxy_config`). */
export type ProxyKind = 'twemproxy' | 'memcached' | 'other'

/** What a server reported about itself during the handshake of a connection. */
export interface Abilities {
  /** The version it reports, such as `1.6.18`; '' when it does not know `version`. */
  readonly version: string
  /** Whether the server supports meta commands. */
  readonly meta: boolean
  /** Whether the server supports CAS ids (`memcached -C` does not). */
  readonly cas: boolean
  /**
   * The maximum item size in bytes, including key and overhead; undefined if it does not report
   * one.
   */
  readonly itemSizeMax: number | undefined
  /** After how long it closes idle connections; 0: never. */
  readonly idleTimeoutMs: number
  /** Whether a proxy is in between, or the server is not memcached. */
  readonly proxy: boolean
  /** The kind of proxy; undefined when no proxy was detected. */
  readonly proxyKind: ProxyKind | undefined
  /**
   * Whether each key is read with a line of its own: behind a proxy, one dead server would fail the
   * reply to all keys of a line.
   */
  readonly singleGets: boolean
  /** Whether other clients may use meta commands on the server, whose refills lock keys. */
  readonly mayLock: boolean
}

/** Whether `version` has the form that memcached uses. */
export function isMemcachedVersion(version: string): boolean {
  return /^1\.\d+\.\d+/.test(version)
}

const META = ['mg', 'ms', 'md', 'ma', 'me', 'mn']
const ADMINISTRATION = ['flush_all', 'verbosity', 'cache_memlimit', 'slabs', 'lru', 'lru_crawler']

/** Commands that a proxy does not support; twemproxy closes the connection when it gets one. */
const LACKING: Readonly<Record<ProxyKind, ReadonlySet<string>>> = {
  twemproxy: new Set([
    ...META,
    ...['gat', 'gats', 'stats', 'watch', 'shutdown', 'config'],
    ...ADMINISTRATION,
  ]),
  memcached: new Set([...ADMINISTRATION, 'shutdown', 'config']),
  other: new Set(),
}

const PROXY_NAMES: Readonly<Record<ProxyKind, string>> = {
  twemproxy: 'twemproxy',
  memcached: "memcached's proxy",
  other: 'a proxy',
}

/** A command that older versions of memcached do not have. */
interface Newer {
  /** The first words of the command line that such a version does not support. */
  readonly words: string
  /** The first version that supports the command. */
  readonly since: string
  readonly instead: string
}

const newer = (words: string, since: string, instead: string): Newer => ({ words, since, instead })

const GET_AND_TOUCH = 'use get() and touch()'

/**
 * Newer commands by their first word; the first matching row counts. Source: memcached's history.
 */
const NEWER: Readonly<Record<string, readonly Newer[]>> = {
  gat: [newer('gat', '1.5.3', GET_AND_TOUCH)],
  gats: [newer('gats', '1.5.3', GET_AND_TOUCH)],
  mn: [newer('mn', META_SINCE, 'ask for its version()')],
  lru: [
    newer('lru mode', '1.5.0', 'start it with -o modern'),
    newer('lru temp_ttl', '1.5.0', 'give items a ttl'),
  ],
  lru_crawler: [
    newer('lru_crawler mgdump', '1.6.19', 'use metadump()'),
    newer('lru_crawler metadump hash', '1.6.9', "use the range 'all'"),
    newer('lru_crawler metadump', '1.5.4', 'before that, the list of keys has no end marker'),
  ],
}

/**
 * Returns a MINTRING_UNSUPPORTED error, with an alternative, for a command that the server does not
 * support; undefined if it does, or if nothing is known. `words` are the first words of its line,
 * if there are several.
 */
export function lackOf(
  { proxyKind, version, proxy }: Abilities,
  host: string,
  name: string,
  words?: readonly string[],
): MintringError | undefined {
  // This runs for each command that is written: allocate nothing for commands that are supported.
  const command = words?.[0] ?? name
  if (proxyKind !== undefined && LACKING[proxyKind].has(command)) {
    const who = `${host} is ${PROXY_NAMES[proxyKind]}, which has no ${command}`
    return unsupported(host, command, `${who}: ${instead(command)}`)
  }
  if (proxy || !Object.hasOwn(NEWER, command) || !isMemcachedVersion(version)) return
  const line = `${words?.join(' ') ?? name} `
  const lacking = NEWER[command]!.find((one) => line.startsWith(`${one.words} `))
  if (lacking === undefined || isSince(version, lacking.since)) return
  const who = `${host} is memcached ${version}, and ${lacking.words} came with ${lacking.since}`
  return unsupported(host, command, `${who}: ${lacking.instead}`)
}

function instead(command: string): string {
  if (command.startsWith('gat')) return GET_AND_TOUCH
  if (META.includes(command)) return 'use the verbs of the client, which need no meta commands'
  return 'ask the servers behind it, with a client of their own'
}

function unsupported(host: string, command: string, message: string): MintringError {
  return new MintringError('MINTRING_UNSUPPORTED', message, { host, command, sent: false })
}
