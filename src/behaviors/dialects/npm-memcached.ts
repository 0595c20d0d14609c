import { compat } from '../../ring/compat.ts'
import { badBehavior } from '../check.ts'
import { flagOf, numberOf, type TranslatedBehaviors, Translation, toMs } from './translation.ts'

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

/** The names of that package's options. */
export const npmMemcachedOptionNames: readonly string[] = [
  ...Object.keys(NOT_NEEDED),
  ...['algorithm', 'compatibility', 'failOverServers', 'failures', 'idle', 'keyCompression'],
  ...['maxExpiration', 'maxKeySize', 'maxQueueSize', 'maxValue', 'namespace', 'poolSize'],
  ...['reconnect', 'remove', 'retries', 'retry', 'timeout'],
]

type Reader = (translation: Translation, value: unknown, all: NpmMemcachedOptions) => void

const READERS: Readonly<Record<string, Reader>> = {
  algorithm(translation, value) {
    if (typeof value !== 'string') throw badBehavior('memcached algorithm is the name of a hash')
    translation.set({ hash: value as 'md5' })
  },
  compatibility(translation, value) {
    if (value === 'ketama') return
    if (value !== 'hash_ring') throw badBehavior('memcached compatibility is ketama or hash_ring')
    translation.set({ replicas: 3 })
  },
  failOverServers(translation, value) {
    const isList = Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null
    const why = 'stand-by servers are failover: { gutter: servers, ttl }, which needs a ttl'
    if (isList) translation.warn('failOverServers', why)
  },
  failures(translation, value) {
    // There 0 is the first failure already.
    translation.set({ serverFailureLimit: Math.max(1, numberOf(value, 'memcached failures')) })
  },
  keyCompression(translation, value) {
    if (!flagOf(value, 'memcached keyCompression')) return
    translation.set({ longKeys: 'hash' })
    translation.warn('keyCompression', 'long keys are hashed, but to another digest than there')
  },
  maxExpiration(translation, value) {
    const seconds = numberOf(value, 'memcached maxExpiration')
    if (seconds === 2_592_000) return
    translation.warn('maxExpiration', 'not needed: a TTL over 30 days is converted to a date')
  },
  maxKeySize(translation, value) {
    if (numberOf(value, 'memcached maxKeySize') === 250) return
    translation.warn('maxKeySize', 'not supported: memcached takes 250 bytes, no more and no less')
  },
  maxQueueSize(translation, value) {
    const maxQueuedPerHost = numberOf(value, 'memcached maxQueueSize')
    if (maxQueuedPerHost > 0) translation.set({ maxQueuedPerHost })
    else translation.warn('maxQueueSize', 'queues are always bounded: maxQueuedPerHost decides')
  },
  namespace(translation, value) {
    // npm memcached hashes the namespace with the key.
    translation.set({ keyPrefix: value as string, hashWithPrefixKey: value !== '' })
  },
  poolSize(translation, value) {
    const max = numberOf(value, 'memcached poolSize')
    const why = 'a connection carries many commands at once here: 1 or 2 are enough'
    if (max > 4) translation.warn('poolSize', why)
    translation.set({ connections: { ...groupOf(translation), max } })
  },
  idle(translation, value) {
    translation.set({
      connections: { ...groupOf(translation), idleMs: toMs(value, 'ms', 'memcached idle') },
    })
  },
  reconnect(translation, value, all) {
    const deadTimeoutMs = toMs(value, 'ms', 'memcached reconnect')
    const retryTimeoutMs = toMs(all.retry ?? 0, 'ms', 'memcached retry')
    translation.set({ deadTimeoutMs: Math.max(deadTimeoutMs, retryTimeoutMs) })
  },
}

function groupOf(translation: Translation): object {
  return (translation.settings.connections as object | undefined) ?? {}
}

/**
 * Reads the options of the npm package `memcached`: its placement, times and limits, and its flags
 * for values that are in the cache already.
 *
 * @throws MintringError MINTRING_BAD_BEHAVIOR for an option or value that package does not have.
 */
export function fromNpmMemcached(options: NpmMemcachedOptions): TranslatedBehaviors {
  if (typeof options !== 'object' || options === null) {
    throw badBehavior('The options of npm memcached are an object, such as { timeout: 500 }')
  }
  const translation = new Translation('memcached')
  translation.set({ ...compat.memcached, valueFlags: 'memcached' })
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    const read = READERS[name]
    const notNeeded = NOT_NEEDED[name]
    if (read !== undefined) read(translation, value, options)
    else if (notNeeded !== undefined) {
      if (value !== false) translation.warn(name, notNeeded)
    } else if (!translation.takeAlias(name, value))
      throw translation.unknown(name, npmMemcachedOptionNames)
  }
  return translation.finish()
}
