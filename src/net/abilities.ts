import { MintringError } from '../errors.ts'
import { isSince } from '../protocol/meta-versions.ts'

/** A proxy that is known by its ways: `memcached` is memcached's own (`-o proxy_config`). */
export type ProxyKind = 'twemproxy' | 'memcached' | 'other'

/** What a server said of itself when a lane to it opened. */
export interface Abilities {
  /** As it names it, such as `1.6.18`; '' when it does not know `version`. */
  readonly version: string
  /** Whether it speaks the meta commands. */
  readonly meta: boolean
  /** Whether it keeps CAS ids (`memcached -C` does not). */
  readonly cas: boolean
  /** The largest item in bytes, key and overhead included; undefined when it does not tell. */
  readonly itemSizeMax: number | undefined
  /** It closes connections that are idle for so long; 0: it does not. */
  readonly idleTimeoutMs: number
  /** A proxy stands between, or another program than memcached answers. */
  readonly proxy: boolean
  /** Which proxy it is; undefined where none is known of. */
  readonly proxyKind: ProxyKind | undefined
  /**
   * Every key is asked in a line of its own, because one dead server behind a proxy spoils the
   * reply to all keys of a line.
   */
  readonly singleGets: boolean
}

/** Whether `version` is written as memcached writes its own. */
export function isMemcachedVersion(version: string): boolean {
  return /^1\.\d+\.\d+/.test(version)
}

const ADMINISTRATION = ['flush_all', 'verbosity', 'cache_memlimit', 'slabs', 'lru', 'lru_crawler']

/** Commands that a proxy does not pass on; twemproxy hangs up on them. */
const LACKING: Readonly<Record<ProxyKind, ReadonlySet<string>>> = {
  twemproxy: new Set([
    ...['mg', 'ms', 'md', 'ma', 'me', 'mn', 'gat', 'gats', 'stats', 'watch', 'shutdown', 'config'],
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

const GAT_SINCE = '1.5.3'

/**
 * Why a server does not take a command, by its first word on the wire; undefined when it does, or
 * when nothing is known against it. MINTRING_UNSUPPORTED, with what to use instead.
 */
export function lackOf(
  abilities: Abilities,
  host: string,
  command: string,
): MintringError | undefined {
  const { proxyKind, version, proxy } = abilities
  if (proxyKind !== undefined && LACKING[proxyKind].has(command)) {
    const who = `${host} is ${PROXY_NAMES[proxyKind]}, which has no ${command}`
    return unsupported(host, command, `${who}: ${instead(command)}`)
  }
  const isGat = command === 'gat' || command === 'gats'
  if (!isGat || proxy || !isMemcachedVersion(version) || isSince(version, GAT_SINCE)) return
  const who = `${host} is memcached ${version}, and ${command} came with ${GAT_SINCE}`
  return unsupported(host, command, `${who}: ${instead(command)}`)
}

function instead(command: string): string {
  if (command.startsWith('gat')) return 'use get() and touch()'
  if (/^m[gsdaen]$/.test(command)) return 'use the verbs of the client, which need no meta commands'
  return 'ask the servers behind it, with a client of their own'
}

function unsupported(host: string, command: string, message: string): MintringError {
  return new MintringError('MINTRING_UNSUPPORTED', message, { host, command, sent: false })
}
