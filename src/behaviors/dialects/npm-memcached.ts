import { compat } from '../../ring/compat.ts'
import type { HashName } from '../../ring/hashes/registry.ts'
import { hashNames } from '../../ring/hashes/registry.ts'
import { badBehavior } from '../check.ts'
import { type TranslatedBehaviors, Translation } from './translation.ts'

/** The options of the npm package `memcached`. */
export type NpmMemcachedOptions = Readonly<Record<string, unknown>>

const NOT_NEEDED: Readonly<Record<string, string>> = {
  activeQueries: 'not needed: commands are pipelined, and maxQueuedPerHost limits them',
  debug: 'use the diagnostics channels mintring:command and mintring:connect',
  factor: 'retries are immediate and use another host; see retries and requestTimeoutMs',
  failuresTimeout: 'consecutive failures are counted, without a time window',
  maxTimeout: 'retries are immediate and use another host; see requestTimeoutMs',
  minTimeout: 'retries are immediate and use another host; see requestTimeoutMs',
  randomize: 'retries are immediate and use another host',
  redundancy: 'not supported: a key is on one host, or on its fallback host',
}

const DAY_MS = 86_400_000
const MAX_RETRIES = 10
const MAX_CONNECTIONS = 1024
const MAX_FAILURES = 1000
const KIB = 1024

type Reader = (translation: Translation, value: unknown, all: NpmMemcachedOptions) => void

const READERS: Readonly<Record<string, Reader>> = {
  algorithm(translation, value) {
    translation.set({ hash: hashOf(value) })
  },
  compatibility(translation, value) {
    if (typeof value !== 'string' && value) {
      throw badBehavior('memcached compatibility is ketama or hash_ring')
    }
    // With any other word, or none, npm memcached uses libketama's points with ports in labels.
    if (value === 'ketama') return
    translation.set({ labelFormat: 'full', ...(value === 'hash_ring' && { replicas: 3 }) })
  },
  failOverServers(translation, value) {
    const isList = Array.isArray(value) ? value.length > 0 : Boolean(value)
    const why = 'for stand-by servers use failover: { gutter: servers, ttl }, which needs a ttl'
    if (isList) translation.warn('failOverServers', why)
  },
  failures(translation, value) {
    // In npm memcached, `failures: 0` ejects a host at its first failure, like 1.
    translation.set({ serverFailureLimit: within(1, numberOf(value, 'failures'), MAX_FAILURES) })
  },
  idle(translation, value) {
    const idleMs = Math.ceil(numberOf(value, 'idle'))
    translation.set({ connections: { ...groupOf(translation), idleMs } })
  },
  keyCompression(translation, value) {
    translation.set({ longKeys: value ? 'md5' : 'reject' })
  },
  maxExpiration(translation, value) {
    if (numberOf(value, 'maxExpiration') === 2_592_000) return
    translation.warn('maxExpiration', 'not needed: a TTL over 30 days is converted to a Unix time')
  },
  maxKeySize(translation, value) {
    if (numberOf(value, 'maxKeySize') === 250) return
    translation.warn('maxKeySize', 'not supported: the limit of memcached is always 250 bytes')
  },
  maxQueueSize(translation, value) {
    const maxQueuedPerHost = numberOf(value, 'maxQueueSize')
    if (maxQueuedPerHost > 0) translation.set({ maxQueuedPerHost: Math.ceil(maxQueuedPerHost) })
    else
      translation.warn(
        'maxQueueSize',
        'mintring always limits its queues: maxQueuedPerHost keeps its value',
      )
  },
  maxValue(translation, value) {
    const maxItemBytes = within(KIB, numberOf(value, 'maxValue'), KIB ** 3)
    translation.set({ maxItemBytes })
  },
  namespace(translation, value) {
    // npm memcached hashes the namespace with the key.
    translation.set({ keyPrefix: String(value), hashWithPrefixKey: value !== '' })
  },
  poolSize(translation, value) {
    const max = numberOf(value, 'poolSize')
    const why = 'mintring sends many commands at once over a connection: 1 or 2 are enough'
    if (max > 4) translation.warn('poolSize', why)
    // In npm memcached, `poolSize: 0` means the default pool size.
    if (max === 0) return
    const bounded = within(1, max, MAX_CONNECTIONS)
    translation.set({ connections: { ...groupOf(translation), max: bounded } })
  },
  reconnect(translation, value, all) {
    const longest = Math.max(numberOf(value, 'reconnect'), numberOf(all.retry ?? 0, 'retry'))
    translation.set({ deadTimeoutMs: within(1, longest, DAY_MS) })
  },
  remove(translation, value) {
    translation.set({ autoEjectHosts: Boolean(value) })
  },
  retries(translation, value) {
    translation.set({ retries: within(0, numberOf(value, 'retries'), MAX_RETRIES) })
  },
  retry(translation, value) {
    translation.set({ retryTimeoutMs: within(1, numberOf(value, 'retry'), DAY_MS) })
  },
  timeout(translation, value) {
    const timeoutMs = numberOf(value, 'timeout')
    const why = '0 means no limit in npm memcached; mintring keeps the default of requestTimeoutMs'
    if (timeoutMs === 0) translation.warn('timeout', why)
    else translation.set({ requestTimeoutMs: within(1, timeoutMs, DAY_MS) })
  },
}

/** The names of all options of the npm package `memcached`. */
export const npmMemcachedOptionNames: readonly string[] = [
  ...Object.keys(NOT_NEEDED),
  ...Object.keys(READERS),
]

/** OpenSSL has several names for most digests. The first bytes of `md5-sha1` are the MD5. */
const SAME_DIGEST: Readonly<Record<string, string>> = {
  'md5-sha1': 'md5',
  ripemd: 'ripemd160',
  rmd160: 'ripemd160',
  'sha1-2': 'sha1',
}

function hashOf(algorithm: unknown): HashName {
  if (typeof algorithm === 'function') {
    const why = 'no other client could share a ring with a hash function of your own'
    throw badBehavior(
      `memcached algorithm must be the name of a digest, such as md5, not a function: ${why}`,
    )
  }
  if (!algorithm) return 'md5'
  const plain = String(algorithm)
    .toLowerCase()
    .replace(/^(rsa-|ssl3-)|(withrsaencryption|withrsa)$/g, '')
    .replace('/', '-')
  const name = SAME_DIGEST[plain] ?? plain
  if (hashNames.includes(name as HashName)) return name as HashName
  throw badBehavior(`memcached algorithm '${String(algorithm).slice(0, 40)}' is not a known digest`)
}

/** Returns a number, also from text: options often come from the environment. */
function numberOf(value: unknown, name: string): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number === 'number' && Number.isFinite(number)) return number
  throw badBehavior(`memcached ${name} takes a number, got ${typeof value}`)
}

function within(least: number, value: number, most: number): number {
  return Math.min(Math.max(Math.ceil(value), least), most)
}

function groupOf(translation: Translation): object {
  return (translation.settings.connections as object | undefined) ?? {}
}

/**
 * Translates the options of the npm package `memcached`: its placement, times and limits, and its
 * flags for values that are already cached. Numbers may be text. A number out of mintring's range
 * becomes the nearest one in range.
 *
 * @throws MintringError MINTRING_BAD_BEHAVIOR for an option or value that package does not have.
 */
export function fromNpmMemcached(options: NpmMemcachedOptions): TranslatedBehaviors {
  if (typeof options !== 'object' || options === null) {
    throw badBehavior('The options of npm memcached must be an object, such as { timeout: 500 }')
  }
  const translation = new Translation('memcached')
  translation.set({ ...compat.memcached, valueFlags: 'memcached', longKeys: 'md5' })
  for (const [name, value] of Object.entries(options)) {
    const isThere = value !== undefined && value !== null
    if (!isThere && name !== 'compatibility') continue
    const read = READERS[name]
    const notNeeded = NOT_NEEDED[name]
    if (read !== undefined) read(translation, value, options)
    else if (notNeeded === undefined) throw translation.unknown(name, npmMemcachedOptionNames)
    else if (value) translation.warn(name, notNeeded)
  }
  return translation.finish()
}
