import { compat } from '../../src/ring/compat.ts'
import { type HashName, isHashName } from '../../src/ring/hashes/registry.ts'
import { hashedBytes, type Key, prefixed } from '../../src/ring/key.ts'
import type { RingOptions } from '../../src/ring/options.ts'
import type { Vector } from './vectors.ts'

/**
 * How to repeat a recorded placement (vector) with mintring: the ring options, and how the recorded
 * client changes keys before it hashes them.
 */
export interface Question {
  readonly options: RingOptions & { readonly autoEjectHosts?: boolean }
  readonly hashedKey: (key: Key) => Key
}

/**
 * Returns the ring options and the change of keys that repeat a vector. Throws for an unknown
 * source, distribution or hash.
 */
export function questionFor(vector: Vector): Question {
  const reader = readers.find(({ source }) => vector.source.startsWith(source))
  if (reader === undefined) throw new Error(`unknown source '${vector.source}'`)
  const { distributions, hash } = reader
  if (distributions !== undefined && !distributions.includes(vector.distribution)) {
    throw new Error(`unknown distribution '${vector.distribution}' of ${vector.source}`)
  }
  if (hash !== undefined && vector.hash !== hash) {
    throw new Error(`unknown hash '${vector.hash}' of ${vector.source}`)
  }
  const { hashedKey = same, ...options } = reader.read(vector)
  return { options, hashedKey }
}

type Reading = Question['options'] & { readonly hashedKey?: (key: Key) => Key }

interface Reader {
  readonly source: string
  /** The distributions that vectors of this client may have; if undefined, `read` checks them. */
  readonly distributions?: readonly string[]
  /** The only key hash that this client has; undefined if it has several. */
  readonly hash?: string
  readonly read: (vector: Vector) => Reading
}

const readers: readonly Reader[] = [
  { source: 'libmemcached', read: readLibmemcached },
  { source: 'twemproxy', read: readTwemproxy },
  { source: 'nginx', hash: 'crc32', read: readNginx },
  { source: 'Cache::Memcached::Fast', hash: 'crc32', read: readFast },
  { source: 'Dalli', distributions: ['dalli'], hash: 'crc32', read: readDalli },
  { source: 'spymemcached', read: readSpymemcached },
  { source: 'npm memcached', distributions: ['npm memcached'], read: readNpmMemcached },
  { source: 'npm hashring', distributions: ['npm hashring'], read: readHashring },
  {
    source: 'npm memjs',
    distributions: ['memjs'],
    hash: 'java-hashCode',
    read: () => compat.memjs,
  },
  {
    source: 'pymemcache',
    distributions: ['pymemcache rendezvous'],
    hash: 'murmur3_32',
    read: readPymemcache,
  },
  {
    source: 'python-memcached',
    distributions: ['python-memcached'],
    hash: 'crc32',
    read: () => compat.pythonMemcached,
  },
]

function readLibmemcached(vector: Vector): Reading {
  const { options } = vector
  const preset = pick(vector.distribution, {
    modula: compat.libmemcachedModula,
    ketama: compat.libmemcached,
    consistent: compat.libmemcached,
    ketama_weighted: compat.libmemcachedWeighted,
    ketama_spy: compat.libmemcachedSpy,
  })
  const hashed = options.hash_with_namespace === true ? text(options.namespace) : ''
  return {
    ...preset,
    hash: hashName(vector.hash),
    ...(options.sort_hosts === true && { serverOrder: 'hostname' }),
    ...libmemcachedOrder(vector),
    hashedKey: (key) => libmemcachedKey(hashed, key),
  }
}

/** Returns the ring options that repeat how the order of calls to libmemcached changed its ring. */
function libmemcachedOrder(vector: Vector): Partial<RingOptions> {
  const order = text(vector.options.order ?? '')
  const behaviors = vector.options.behaviors
  if (/HASH=\w+$/.test(order)) return { pointHash: 'one_at_a_time' }
  if (/under MODULA, then DISTRIBUTION/.test(order)) return { weighted: false }
  if (vector.distribution === 'ketama_spy' && Array.isArray(behaviors)) {
    if (behaviors.includes('KETAMA_WEIGHTED=1')) return { weighted: true }
  }
  return {}
}

function libmemcachedKey(prefix: string, key: Key): Key {
  return prefix === '' ? key : prefixed(prefix, key)
}

function readTwemproxy(vector: Vector): Reading {
  const preset = pick(vector.distribution, {
    ketama: compat.twemproxy,
    modula: compat.twemproxyModula,
  })
  const tag = vector.options.hash_tag
  return {
    ...preset,
    hash: hashName(vector.hash),
    ...(tag !== undefined && { hashTag: text(tag) }),
  }
}

function readNginx(vector: Vector): Reading {
  return pick(vector.distribution, {
    'nginx hash consistent': compat.nginx,
    'nginx hash': compat.nginxHash,
  })
}

function readFast(vector: Vector): Reading {
  const { options } = vector
  const namespace = options.hash_namespace ? text(options.namespace) : ''
  const hashedKey = (key: Key): Key => prefixed(namespace, key)
  const points = Number(options.ketama_points)
  return pick(vector.distribution, {
    'fast ketama': { ...compat.cacheMemcachedFast, vnodes: points, hashedKey },
    'fast compat (Cache::Memcached)': { ...compat.cacheMemcached, hashedKey },
  })
}

function readDalli(vector: Vector): Reading {
  const namespace = vector.options.namespace
  const prefix = namespace === undefined ? '' : `${text(namespace)}:`
  return { ...compat.dalli, hashedKey: (key) => prefixed(prefix, key) }
}

function readSpymemcached(vector: Vector): Reading {
  const hash = hashName(vector.hash)
  if (vector.distribution === 'spymemcached array_mod')
    return { ...compat.spymemcachedModula, hash }
  const weighted = pick(vector.distribution, {
    'spymemcached ketama': false,
    'spymemcached ketama weighted': true,
  })
  const preset = pick(text(vector.options.node_key_format), {
    SPYMEMCACHED: compat.spymemcached,
    LIBMEMCACHED: compat.spymemcachedLibmemcached,
  })
  return { ...preset, hash, weighted }
}

function readNpmMemcached(vector: Vector): Reading {
  const { namespace = '', algorithm, ...rest } = npmOptions(vector)
  return {
    ...compat.memcached,
    ...hashringOptions(rest),
    hash: hashName(text(algorithm ?? vector.hash)),
    hashedKey: (key) => prefixed(text(namespace), key),
  }
}

function readHashring(vector: Vector): Reading {
  const algorithm = vector.options.algorithm ?? vector.hash
  return {
    ...compat.hashring,
    ...hashringOptions(npmOptions(vector)),
    hash: hashName(text(algorithm)),
  }
}

function npmOptions(vector: Vector): Record<string, unknown> {
  return { ...(vector.options.options as Record<string, unknown> | undefined) }
}

function hashringOptions(options: Record<string, unknown>): Partial<RingOptions> {
  const { compatibility, replicas, 'vnode count': vnodes, 'default port': port, ...rest } = options
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) throw new Error(`unknown option '${unknown}'`)
  if (port !== undefined && port !== 11211) throw new Error(`unknown default port ${String(port)}`)
  return {
    ...(vnodes !== undefined && { vnodes: Number(vnodes) }),
    ...(port !== undefined && { labelFormat: 'libmemcached' }),
    ...(replicas !== undefined && compatibility === undefined && { replicas: Number(replicas) }),
    // npm memcached omits the default port from labels only in ketama compatibility mode.
    ...(compatibility === 'hash_ring' && { replicas: 3, labelFormat: 'full' }),
  }
}

function readPymemcache(vector: Vector): Reading {
  const bytes = pick(text(vector.options.key_type), { str: false, bytes: true })
  return { ...compat.pymemcache, hashedKey: bytes ? hashedBytes : same }
}

function same(key: Key): Key {
  return key
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new Error(`expected text, not ${String(value)}`)
  return value
}

function hashName(name: string): HashName {
  if (!isHashName(name)) throw new Error(`unknown hash '${name}'`)
  return name
}

function pick<Choice>(name: string, choices: Readonly<Record<string, Choice>>): Choice {
  if (!Object.hasOwn(choices, name)) throw new Error(`unknown distribution or format '${name}'`)
  return choices[name]!
}
