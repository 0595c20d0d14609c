import type { BehaviorsInput } from '../../behaviors/behaviors.ts'
import type { NpmMemcachedOptions } from '../../behaviors/dialects/npm-memcached.ts'
import {
  fromNpmMemcached,
  npmMemcachedOptionNames,
} from '../../behaviors/dialects/npm-memcached.ts'
import { MAX_KEY_BYTES } from '../../protocol/limits.ts'
import type { RingServer } from '../../ring/server.ts'
import type { KeyRules } from './keys.ts'

/** `'host:port'`, a list of them, or `{ 'host:port': weight }`; a path is a Unix socket. */
export type Locations = string | readonly string[] | Readonly<Record<string, number>>

/** The options of the npm package `memcached`. */
export type MemcachedOptions = NpmMemcachedOptions

const DEFAULT_LOCATION = 'localhost:11211'

/** The servers that locations name. */
export function serversOf(locations: Locations | undefined): RingServer[] {
  if (typeof locations === 'object' && !Array.isArray(locations)) {
    const weighted = Object.entries(locations as Readonly<Record<string, number>>)
    return weighted.map(([location, weight]) => weightedServer(location, weight))
  }
  const list = typeof locations === 'string' ? [locations] : (locations ?? [])
  return list.length === 0 ? [DEFAULT_LOCATION] : (list as readonly string[]).map(serverOf)
}

function serverOf(location: string): string {
  return location.startsWith('/') ? `unix:${location}` : location
}

function weightedServer(location: string, weight: number): RingServer {
  if (location.startsWith('/')) return { path: location, weight }
  const [, host = location, port] = /^(.+):(\d+)$/.exec(location) ?? []
  return port === undefined ? { host, weight } : { host, port: Number(port), weight }
}

/** Options as the client's behaviors, and as the rules for keys, which the shim applies itself. */
export function settingsOf(options: MemcachedOptions): {
  readonly behaviors: BehaviorsInput
  readonly rules: KeyRules
} {
  const { namespace = '', maxKeySize = MAX_KEY_BYTES, keyCompression = true, ...others } = options
  const rules = { namespace, maxKeySize, keyCompression } as KeyRules
  // Packages pass their own options on with these, and that package takes any.
  const known = Object.entries(others).filter(([name]) => npmMemcachedOptionNames.includes(name))
  return { behaviors: fromNpmMemcached(Object.fromEntries(known)), rules }
}
