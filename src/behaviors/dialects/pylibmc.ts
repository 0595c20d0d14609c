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

/** pylibmc's behaviors, with the leading underscore some of them have had or left out. */
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

/** Names that mean nothing here, and why. A value of 0 asks for nothing and is let pass. */
const NOT_NEEDED: Readonly<Record<string, string>> = {
  _io_bytes_watermark: 'not needed: writes are bounded by maxQueuedPerHost',
  _io_key_prefetch: 'not needed: the gets of a turn always travel together',
  _io_msg_watermark: 'not needed: writes are bounded by maxQueuedPerHost',
  _noreply: 'not supported: every write waits for its answer, so that a failed one can be seen',
  _socket_recv_size: 'not supported: Node leaves socket buffers to the system',
  _socket_send_size: 'not supported: Node leaves socket buffers to the system',
  binary: 'mintring speaks the text and meta protocols; use ASCII authentication (memcached -Y)',
  ketama_hash: 'libmemcached keeps it and never uses it',
  num_replicas: 'not supported: a key lives on one host, and failover moves it',
  pickle_protocol: 'values are not pickled; use serializer, or valueFlags to read plain ones',
}

/** Names that say what mintring does anyway when they are on. */
const ALWAYS: Readonly<Record<string, string>> = {
  buffer_requests: 'the commands of a turn always leave in one write',
  cas: 'gets() and cas() always work',
  no_block: 'nothing ever blocks',
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

/** `_retry_timeout` and `auto_eject_hosts` are spellings that old configurations still have. */
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
      translation.warn('failure_limit', 'remove_failed takes its place, as in libmemcached')
    } else {
      translation.set({ serverFailureLimit: numberOf(value, 'pylibmc failure_limit') })
    }
  },
  dead_timeout(translation, value, all) {
    const deadTimeoutMs = toMs(value, 's', 'pylibmc dead_timeout')
    const retryTimeoutMs = toMs(all.retry_timeout ?? 2, 's', 'pylibmc retry_timeout')
    const why =
      '0 leaves a dead host out for good in libmemcached: here it is probed and comes back'
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
    else translation.warn('_poll_timeout', 'there is always a deadline: requestTimeoutMs decides')
  },
  connect_timeout(translation, value) {
    const connectTimeoutMs = toMs(value, 'ms', 'pylibmc connect_timeout')
    if (connectTimeoutMs > 0) translation.set({ connectTimeoutMs })
    else translation.warn('connect_timeout', 'there is always a deadline: connectTimeoutMs decides')
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
    const why = 'one deadline covers dialling, writing and reading: requestTimeoutMs'
    if (numberOf(all._poll_timeout ?? 0, 'pylibmc _poll_timeout') > 0) {
      translation.warn(name, `${why}, which _poll_timeout sets`)
      return
    }
    translation.warn(name, `${why} is at least this long`)
    const { settings } = translation
    settings.requestTimeoutMs = Math.max(Number(settings.requestTimeoutMs ?? 0), timeoutMs)
  }
}

/**
 * Reads pylibmc's behaviors, in pylibmc's names and units, such as
 * `{ ketama: true, _auto_eject_hosts: true, _retry_timeout: 30 }`. Placement is pylibmc's own:
 * without ketama or a distribution it is modula with one_at_a_time. What else is left out keeps
 * mintring's default.
 *
 * @throws MintringError MINTRING_BAD_BEHAVIOR for a name or a value pylibmc does not have.
 */
export function fromPylibmc(behaviors: PylibmcBehaviors): TranslatedBehaviors {
  if (typeof behaviors !== 'object' || behaviors === null) {
    throw badBehavior('pylibmc behaviors are an object, such as { ketama: true }')
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

/** pylibmc applies these in a fixed order, whatever order they are written in. */
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
    else translation.warn('ketama_weighted', 'off turns unweighted ketama on, as in libmemcached')
  }
  if (all.distribution !== undefined) {
    placement = distributionOf(translation, all.distribution)
  }
  if (placement === 'modula' && all.auto_eject !== undefined) {
    const why = 'libmemcached never ejects with modula: its clients fail while mintring moves on'
    if (flagOf(all.auto_eject, 'pylibmc auto_eject')) translation.warn('auto_eject', why)
  }
  return { ...translatePlacement(libmemcachedPresets[placement]), hash }
}

function hashOf(value: unknown): HashName {
  if (typeof value === 'string' && HASHERS.includes(value)) return libmemcachedHash(value)
  const hint = typeof value === 'string' ? didYouMean(value, HASHERS) : ''
  throw badBehavior(`pylibmc hash is one of ${HASHERS.join(', ')}.${hint}`)
}

function distributionOf(translation: Translation, value: unknown): Placement {
  const names = Object.keys(DISTRIBUTIONS)
  const name = String(value).replaceAll('_', ' ')
  if (!names.includes(name)) {
    throw badBehavior(
      `pylibmc distribution is one of ${names.join(', ')}.${didYouMean(name, names)}`,
    )
  }
  if (name === 'random') {
    const why = 'not supported: what is stored at random cannot be found; consistent is used'
    translation.warn('distribution random', why)
    return 'unweighted'
  }
  const placement = DISTRIBUTIONS[name]
  if (placement !== undefined) return placement
  throw badBehavior(`pylibmc distribution '${name}' places by no rule that can be followed`)
}
