import { compat } from '../../ring/compat.ts'
import type { HashName } from '../../ring/hashes/registry.ts'
import { hashNames } from '../../ring/hashes/registry.ts'
import { badBehavior } from '../check.ts'
import { type TranslatedBehaviors, Translation } from './translation.ts'

/** The options of the npm package `memcached`. */
export type NpmMemcachedOptions = Readonly<Record<string, unknown>>

const NOT_NEEDED: Readonly<Record<string, string>> = {
  activeQueries: 'not needed: commands are pipelined, bounded by maxQueuedPerHost',
  debug: 'use the diagnostics channels mintring:command and mintring:connect',
  factor: 'retries are immediate and go elsewhere; see retries and requestTimeoutMs',
  failuresTimeout: 'failures count in a row, not in a window of time',
  maxTimeout: 'retries are immediate and go elsewhere; see requestTimeoutMs',
  minTimeout: 'retries are immediate and go elsewhere; see requestTimeoutMs',
  randomize: 'retries are immediate and go elsewhere',
  redundancy: 'not supported: a key lives on one host, and failover moves it',
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
    // There any other word is taken too, and none: libketama's points, with the port in each label.
    if (value === 'ketama') return
    translation.set({ labelFormat: 'full', ...(value === 'hash_ring' && { replicas: 3 }) })
  },
  failOverServers(translation, value) {
    const isList = Array.isArray(value) ? value.length > 0 : Boolean(value)
    const why = 'stand-by servers are failover: { gutter: servers, ttl }, which needs a ttl'
    if (isList) translation.warn('failOverServers', why)
  },
  failures(translation, value) {
    // There 0 is the first failure already.
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
    translation.warn('maxExpiration', 'not needed: a TTL over 30 days is converted to a date')
  },
  maxKeySize(translation, value) {
    if (numberOf(value, 'maxKeySize') === 250) return
    translation.warn('maxKeySize', 'not supported: memcached takes 250 bytes, no more and no less')
  },
  maxQueueSize(translation, value) {
    const maxQueuedPerHost = numberOf(value, 'maxQueueSize')
    if (maxQueuedPerHost > 0) translation.set({ maxQueuedPerHost: Math.ceil(maxQueuedPerHost) })
    else translation.warn('maxQueueSize', 'queues are always bounded: maxQueuedPerHost decides')
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
    const why = 'a connection carries many commands at once here: 1 or 2 are enough'
    if (max > 4) translation.warn('poolSize', why)
    // There 0 means the pool's own default.
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
    const why = '0 is no limit there; here every request has one: requestTimeoutMs keeps its own'
    if (timeoutMs === 0) translation.warn('timeout', why)
    else translation.set({ requestTimeoutMs: within(1, timeoutMs, DAY_MS) })
  },
}

/** The names of that package's options. */
export const npmMemcachedOptionNames: readonly string[] = [
  ...Object.keys(NOT_NEEDED),
  ...Object.keys(READERS),
]

/** OpenSSL has several names for most digests; MD5 and SHA-1 in one begins with the MD5. */
const SAME_DIGEST: Readonly<Record<string, string>> = {
  'md5-sha1': 'md5',
  ripemd: 'ripemd160',
  rmd160: 'ripemd160',
  'sha1-2': 'sha1',
}

function hashOf(algorithm: unknown): HashName {
  if (typeof algorithm === 'function') {
    const why = 'a ring of a function of yours is one that no other client could share'
    throw badBehavior(
      `memcached algorithm is the name of a digest, such as md5, no function: ${why}`,
    )
  }
  if (!algorithm) return 'md5'
  const plain = String(algorithm)
    .toLowerCase()
    .replace(/^(rsa-|ssl3-)|(withrsaencryption|withrsa)$/g, '')
    .replace('/', '-')
  const name = SAME_DIGEST[plain] ?? plain
  if (hashNames.includes(name as HashName)) return name as HashName
  throw badBehavior(
    `memcached algorithm '${String(algorithm).slice(0, 40)}' is not a digest that is known here`,
  )
}

/** A number, or the text of one: options often come from the environment. */
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
 * Reads the options of the npm package `memcached`: its placement, times and limits, and its flags
 * for values that are in the cache already. Numbers may be texts; what is out of mintring's range
 * becomes the nearest value in it.
 *
 * @throws MintringError MINTRING_BAD_BEHAVIOR for an option or value that package does not have.
 */
export function fromNpmMemcached(options: NpmMemcachedOptions): TranslatedBehaviors {
  if (typeof options !== 'object' || options === null) {
    throw badBehavior('The options of npm memcached are an object, such as { timeout: 500 }')
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
