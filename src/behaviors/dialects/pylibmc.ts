import type { HashName } from '../../ring/hashes/registry.ts'
import { didYouMean } from '../../ring/suggest.ts'
import { badBehavior } from '../check.ts'
import {
  flagOf,
  libmemcachedHash,
  libmemcachedPresets,
  NEXT_SECOND_MS,
  numberOf,
  type TranslatedBehaviors,
  Translation,
  toMs,
  translatePlacement,
} from './translation.ts'

/** The behaviors of pylibmc. A leading underscore in a name is optional. */
export type PylibmcBehaviors = Readonly<Record<string, unknown>>

const HASHERS: readonly string[] = [
  'default',
  'md5',
  'crc',
  'fnv1_64',
  'fnv1a_64',
  'fnv1_32',
  'fnv1a_32',
  'hsieh',
  'murmur',
  'jenkins',
]

type Placement = 'modula' | 'unweighted' | 'weighted' | 'spy'

const DISTRIBUTIONS: Readonly<Record<string, Placement | undefined>> = {
  modula: 'modula',
  random: undefined,
  consistent: 'unweighted',
  'consistent ketama': 'unweighted',
  'consistent ketama spy': 'spy',
  'consistent weighted': 'weighted',
  'virtual bucket': undefined,
  'consistent max': undefined,
}

/**
 * Behaviors that have no equivalent, with the reason. A value of 0 turns them off and is accepted.
 */
const NOT_NEEDED: Readonly<Record<string, string>> = {
  _io_bytes_watermark: 'not needed: maxQueuedPerHost limits writes',
  _io_key_prefetch: 'not needed: all gets of an event loop turn are sent together',
  _io_msg_watermark: 'not needed: maxQueuedPerHost limits writes',
  _noreply: 'not supported: every write waits for its reply, to detect failures',
  _socket_recv_size: 'not supported: the operating system sizes socket buffers',
  _socket_send_size: 'not supported: the operating system sizes socket buffers',
  binary: 'mintring uses the text and meta protocols; use ASCII authentication (memcached -Y)',
  ketama_hash: 'libmemcached stores it and never uses it',
  num_replicas: 'not supported: a key is on one host, or on its fallback host',
  pickle_protocol:
    'values are not pickled; use serializer, or valueFlags to read values of simple types',
}

/** Behaviors that cannot be turned off, with what mintring always does instead. */
const ALWAYS: Readonly<Record<string, string>> = {
  buffer_requests: 'all commands of an event loop turn are sent in one write',
  cas: 'gets() and cas() are always available',
  no_block: 'no call ever blocks',
  verify_keys: 'keys are always checked',
}

const NAMES: readonly string[] = [
  ...['auto_eject', 'connect_timeout', 'dead_timeout', 'distribution', 'failure_limit', 'hash'],
  ...['ketama', 'ketama_weighted', 'namespace', 'password', '_poll_timeout', 'receive_timeout'],
  ...['remove_failed', 'retry_timeout', 'send_timeout', '_hash_with_prefix_key', '_sort_hosts'],
  ...['tcp_keepalive', 'tcp_nodelay', 'username'],
  ...Object.keys(NOT_NEEDED),
  ...Object.keys(ALWAYS),
]

/** Returns a setting's current name: old configurations have `_retry_timeout`, for example. */
function canonical(name: string): string {
  const bare = name.replace(/^_/, '').replace(/^auto_eject_hosts$/, 'auto_eject')
  return NAMES.find((known) => known.replace(/^_/, '') === bare) ?? name
}

type Reader = (translation: Translation, value: unknown, all: PylibmcBehaviors) => void

const READERS: Readonly<Record<string, Reader>> = {
  remove_failed(translation, value, all) {
    const limit = numberOf(value, 'pylibmc remove_failed')
    if (limit > 0) translation.set({ autoEjectHosts: true, serverFailureLimit: limit })
    else if (all.auto_eject === undefined) translation.set({ autoEjectHosts: false })
  },
  failure_limit(translation, value, all) {
    if (numberOf(all.remove_failed ?? 0, 'pylibmc remove_failed') > 0) {
      translation.warn('failure_limit', 'remove_failed is used instead, as in libmemcached')
    } else {
      translation.set({ serverFailureLimit: numberOf(value, 'pylibmc failure_limit') })
    }
  },
  dead_timeout(translation, value, all) {
    const deadTimeoutMs = toMs(value, 's', 'pylibmc dead_timeout')
    const retryTimeoutMs = toMs(all.retry_timeout ?? 2, 's', 'pylibmc retry_timeout')
    const why =
      '0 means in libmemcached that a dead host never returns; mintring probes it and takes it back'
    const ejects = Boolean(all.auto_eject) || Boolean(all.remove_failed)
    if (deadTimeoutMs === 0 && ejects) translation.warn('dead_timeout', why)
    translation.set({ deadTimeoutMs: Math.max(deadTimeoutMs, retryTimeoutMs, NEXT_SECOND_MS) })
  },
  retry_timeout(translation, value) {
    const retryTimeoutMs = toMs(value, 's', 'pylibmc retry_timeout')
    translation.set({ retryTimeoutMs: retryTimeoutMs === 0 ? NEXT_SECOND_MS : retryTimeoutMs })
  },
  _poll_timeout(translation, value) {
    const requestTimeoutMs = toMs(value, 'ms', 'pylibmc _poll_timeout')
    if (requestTimeoutMs > 0) translation.set({ requestTimeoutMs })
    else
      translation.warn(
        '_poll_timeout',
        'mintring always has a timeout: requestTimeoutMs keeps its value',
      )
  },
  connect_timeout(translation, value) {
    const connectTimeoutMs = toMs(value, 'ms', 'pylibmc connect_timeout')
    if (connectTimeoutMs > 0) translation.set({ connectTimeoutMs })
    else
      translation.warn(
        'connect_timeout',
        'mintring always has a timeout: connectTimeoutMs keeps its value',
      )
  },
  receive_timeout: socketTimeout('receive_timeout'),
  send_timeout: socketTimeout('send_timeout'),
  tcp_keepalive(translation, value) {
    if (!flagOf(value, 'pylibmc tcp_keepalive')) translation.set({ tcpKeepAliveMs: 0 })
  },
  _sort_hosts(translation, value) {
    if (flagOf(value, 'pylibmc _sort_hosts')) translation.set({ serverOrder: 'hostname' })
  },
}

function socketTimeout(name: string): Reader {
  return (translation, value, all) => {
    const timeoutMs = toMs(value, 'us', `pylibmc ${name}`)
    if (timeoutMs === 0) return
    const why = 'one timeout covers connecting, writing and reading: requestTimeoutMs'
    if (numberOf(all._poll_timeout ?? 0, 'pylibmc _poll_timeout') > 0) {
      translation.warn(name, `${why}, which _poll_timeout sets`)
      return
    }
    translation.warn(name, `${why} is raised to at least ${name}`)
    const { settings } = translation
    settings.requestTimeoutMs = Math.max(Number(settings.requestTimeoutMs ?? 0), timeoutMs)
  }
}

/**
 * Translates pylibmc's behaviors, in its own names and units, such as `{ ketama: true,
 * _auto_eject_hosts: true, _retry_timeout: 30 }`. Placement is pylibmc's: without `ketama` or a
 * distribution it is modula with one_at_a_time. All other settings left out keep mintring's
 * default.
 *
 * @throws MintringError MINTRING_BAD_BEHAVIOR for a name or a value that pylibmc does not have.
 */
export function fromPylibmc(behaviors: PylibmcBehaviors): TranslatedBehaviors {
  if (typeof behaviors !== 'object' || behaviors === null) {
    throw badBehavior('pylibmc behaviors must be an object, such as { ketama: true }')
  }
  const all: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(behaviors)) all[canonical(name)] = value
  const translation = new Translation('pylibmc')
  translation.set(readPlacement(translation, all))
  for (const [name, value] of Object.entries(all)) {
    if (!PLACEMENT.has(name)) take(translation, name, value, all)
  }
  return translation.finish()
}

const PLACEMENT: ReadonlySet<string> = new Set([
  'hash',
  'ketama',
  'ketama_weighted',
  'distribution',
])

function take(translation: Translation, name: string, value: unknown, all: PylibmcBehaviors): void {
  const read = READERS[name]
  const notNeeded = NOT_NEEDED[name]
  const always = ALWAYS[name]
  if (read !== undefined) read(translation, value, all)
  else if (notNeeded !== undefined) {
    if (value !== 0 && value !== false && value !== -1) translation.warn(name, notNeeded)
  } else if (always !== undefined) {
    if (!flagOf(value, `pylibmc ${name}`)) translation.warn(name, `cannot be turned off: ${always}`)
  } else if (!translation.takeAlias(name, value)) throw translation.unknown(name, NAMES)
}

/** Reads the options that place keys, in pylibmc's own order, whatever the order in the object. */
function readPlacement(translation: Translation, all: PylibmcBehaviors): object {
  let placement: Placement = 'modula'
  let hash: HashName = 'one_at_a_time'
  if (all.hash !== undefined) hash = hashOf(all.hash)
  if (all.ketama !== undefined) {
    placement = flagOf(all.ketama, 'pylibmc ketama') ? 'unweighted' : 'modula'
  }
  if (all.ketama_weighted !== undefined) {
    const weighted = flagOf(all.ketama_weighted, 'pylibmc ketama_weighted')
    placement = weighted ? 'weighted' : 'unweighted'
    if (weighted) hash = 'md5'
    else
      translation.warn(
        'ketama_weighted',
        'turning it off turns unweighted ketama on, as in libmemcached',
      )
  }
  if (all.distribution !== undefined) {
    placement = distributionOf(translation, all.distribution)
  }
  if (placement === 'modula' && all.auto_eject !== undefined) {
    const why =
      'libmemcached never ejects with modula: its clients fail where mintring uses another host'
    if (flagOf(all.auto_eject, 'pylibmc auto_eject')) translation.warn('auto_eject', why)
  }
  return { ...translatePlacement(libmemcachedPresets[placement]), hash }
}

function hashOf(value: unknown): HashName {
  if (typeof value === 'string' && HASHERS.includes(value)) return libmemcachedHash(value)
  const hint = typeof value === 'string' ? didYouMean(value, HASHERS) : ''
  throw badBehavior(`pylibmc hash must be one of ${HASHERS.join(', ')}.${hint}`)
}

function distributionOf(translation: Translation, value: unknown): Placement {
  const names = Object.keys(DISTRIBUTIONS)
  const name = String(value).replaceAll('_', ' ')
  if (!names.includes(name)) {
    throw badBehavior(
      `pylibmc distribution must be one of ${names.join(', ')}.${didYouMean(name, names)}`,
    )
  }
  if (name === 'random') {
    const why = 'not supported: a value on a random host is never found; consistent is used'
    translation.warn('distribution random', why)
    return 'unweighted'
  }
  const placement = DISTRIBUTIONS[name]
  if (placement !== undefined) return placement
  throw badBehavior(`pylibmc distribution '${name}' is not supported: its placement is undefined`)
}
