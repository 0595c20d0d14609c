import { MintringError } from '../errors.ts'
import { isSince, META_SINCE } from '../protocol/meta-versions.ts'

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

const META = ['mg', 'ms', 'md', 'ma', 'me', 'mn']
const ADMINISTRATION = ['flush_all', 'verbosity', 'cache_memlimit', 'slabs', 'lru', 'lru_crawler']

/** Commands that a proxy does not pass on; twemproxy hangs up on them. */
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

/** A command that memcached did not always have. */
interface Newer {
  /** The words its line begins with. */
  readonly words: string
  /** The first version to have it. */
  readonly since: string
  readonly instead: string
}

const newer = (words: string, since: string, instead: string): Newer => ({ words, since, instead })

const GET_AND_TOUCH = 'use get() and touch()'

/** By the first word. Of two that fit the first counts. Source: the history of memcached. */
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
    newer('lru_crawler metadump', '1.5.4', 'before, the list of keys has no end'),
  ],
}

/**
 * Why a server does not take a command; undefined when it does, or when nothing is known against
 * it. `words` are those its line begins with, where there are more than one.
 * MINTRING_UNSUPPORTED, with what to use instead.
 */
export function lackOf(
  { proxyKind, version, proxy }: Abilities,
  host: string,
  name: string,
  words: readonly string[] = [name],
): MintringError | undefined {
  const [command = name] = words
  if (proxyKind !== undefined && LACKING[proxyKind].has(command)) {
    const who = `${host} is ${PROXY_NAMES[proxyKind]}, which has no ${command}`
    return unsupported(host, command, `${who}: ${instead(command)}`)
  }
  if (proxy || !Object.hasOwn(NEWER, command) || !isMemcachedVersion(version)) return
  const line = `${words.join(' ')} `
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
