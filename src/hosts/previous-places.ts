import type { RingOptions } from '../ring/options.ts'
import type { Ring } from '../ring/ring.ts'
import type { TransitionTimes } from '../ring/transition.ts'
import type { ServerAddress } from './address.ts'
import type { Host } from './host.ts'

/** How another placement names a key. */
export type Rename = (routeKey: string, wireKey: string) => readonly [string, string]

/** How a change of the placement is handed over. */
export interface HandoverChange {
  readonly times: TransitionTimes
  /** Whether a key on the wire is one of this client. */
  readonly isOurs: (wireKey: string) => boolean
  /** Whether every key is: it has no prefix. */
  readonly isAllOurs: boolean
  /** What the ring hashes for a key on the wire; undefined when that cannot be told. */
  readonly routeKeyOf: (wireKey: string) => string | undefined
  /** Whether the record of the end must be kept, because `previous` is in the settings. */
  readonly isConfigured: boolean
}

/** A placement that another client, or an earlier process, had. */
export interface PreviousPlacement {
  readonly servers: readonly ServerAddress[]
  /** Those of them that are not dialled. */
  readonly strangers?: ReadonlySet<ServerAddress>
  readonly options: RingOptions
  readonly rename: Rename | undefined
  readonly change: HandoverChange
}

/** Where keys lived before: another list of servers, or another placement. */
export class PreviousPlaces {
  readonly hosts: readonly Host[]
  readonly #ring: Ring<ServerAddress>
  readonly rename: Rename
  /** Whether its keys have the same names. */
  readonly isRenamed: boolean

  constructor(hosts: readonly Host[], ring: Ring<ServerAddress>, rename?: Rename) {
    this.hosts = hosts
    this.#ring = ring
    this.isRenamed = rename !== undefined
    this.rename = rename ?? ((routeKey, wireKey) => [routeKey, wireKey])
  }

  /** The home of a key by the name that it had there. */
  homeOf(routeKey: string): Host {
    return this.hosts[this.#ring.indexOf(routeKey)]!
  }
}

/** Keys that are tried to find out which hosts receive some. */
const SAMPLE_KEYS = 4_096

/** The hosts that are homes of some keys. */
export function homesOf(homeOf: (key: string) => Host | undefined): Host[] {
  const hosts = new Set<Host>()
  for (let i = 0; i < SAMPLE_KEYS; i++) {
    const home = homeOf(`key:${i}`)
    if (home !== undefined) hosts.add(home)
  }
  return [...hosts]
}
