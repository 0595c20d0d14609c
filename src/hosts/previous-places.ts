import type { RingOptions } from '../ring/options.ts'
import type { TransitionTimes } from '../ring/transition.ts'
import { setImmediate, setTimeout } from '../runtime.ts'
import type { ServerAddress } from './address.ts'
import type { Host } from './host.ts'
import type { Places } from './places.ts'

/** Returns the route key and the wire key of a key in another placement. */
export type Rename = (routeKey: string, wireKey: string) => readonly [string, string]

/** The settings of a handover. */
export interface HandoverChange {
  readonly times: TransitionTimes
  /** Whether a wire key belongs to this client. */
  readonly isOurs: (wireKey: string) => boolean
  /** Whether every key belongs to this client, because it has no prefix. */
  readonly isAllOurs: boolean
  /** Returns what the ring hashes for a wire key; undefined if that is unknown. */
  readonly routeKeyOf: (wireKey: string) => string | undefined
  /**
   * Whether to keep the mark after the handover's end: `previous` is still in the settings, so
   * restarted processes must find it.
   */
  readonly isConfigured: boolean
}

/** The placement of another client, or of an earlier process. */
export interface PreviousPlacement {
  readonly servers: readonly ServerAddress[]
  /** The servers of this list that must not be dialled. */
  readonly strangers?: ReadonlySet<ServerAddress>
  readonly options: RingOptions
  readonly rename: Rename | undefined
  /**
   * Texts that identify the previous and the current way to name keys; undefined if both are the
   * same.
   */
  readonly names?: { readonly before: string; readonly now: string } | undefined
  readonly change: HandoverChange
}

/** The previous placement: another list of servers, or another distribution. */
export class PreviousPlaces {
  readonly places: Places
  readonly rename: Rename
  /** Whether keys have other names in the previous placement. */
  readonly isRenamed: boolean

  constructor(places: Places, rename?: Rename) {
    this.places = places
    this.isRenamed = rename !== undefined
    this.rename = rename ?? ((routeKey, wireKey) => [routeKey, wireKey])
  }

  get hosts(): readonly Host[] {
    return this.places.hosts
  }

  /** Returns the host of a key, which is given by its name in this placement. */
  homeOf(routeKey: string): Host {
    return this.places.homeOf(routeKey)
  }
}

/** How many sample keys are used to find the hosts that receive keys. */
const SAMPLE_KEYS = 4_096
/** How many of them are looked up at once, and the pause after that. */
const KEYS_AT_ONCE = 64
const PAUSE_MS = 1

/**
 * Resolves to the hosts that `homeOf` returns for sample keys, of at most `total` hosts. Pauses
 * in between: all lookups together take as long as many requests, which must not wait for them.
 */
export async function homesOf(
  homeOf: (key: string) => Host | undefined,
  total: number,
): Promise<readonly Host[]> {
  const hosts = new Set<Host>()
  for (let i = 0; i < SAMPLE_KEYS && hosts.size < total; i++) {
    if (i % KEYS_AT_ONCE === 0) await aPause()
    const home = homeOf(`key:${i}`)
    if (home !== undefined) hosts.add(home)
  }
  return [...hosts]
}

/** Also lets sockets be read: timers that are due run one after the other. */
async function aPause(): Promise<void> {
  await new Promise((wake) => setTimeout(() => setImmediate(wake), PAUSE_MS))
}
