import { fromLibmemcached } from './dialects/libmemcached.ts'
import { fromNpmMemcached, type NpmMemcachedOptions } from './dialects/npm-memcached.ts'
import { fromPylibmc, type PylibmcBehaviors } from './dialects/pylibmc.ts'
import type { TranslatedBehaviors } from './dialects/translation.ts'
import { fromTwemproxy, type TwemproxyPool } from './dialects/twemproxy.ts'

/** The settings of other clients, in their own names and units. */
export interface BehaviorsFrom {
  /** pylibmc's `behaviors`: `{ ketama: true, _auto_eject_hosts: true, _retry_timeout: 30 }`. */
  pylibmc(behaviors: PylibmcBehaviors): TranslatedBehaviors
  /** A libmemcached configuration string: `--SERVER=10.0.0.1 --DISTRIBUTION=consistent`. */
  libmemcached(configuration: string): TranslatedBehaviors
  /** One pool of nutcracker.yml, read as an object. */
  twemproxy(pool: TwemproxyPool): TranslatedBehaviors
  /** The options of the npm package `memcached`. */
  memcached(options: NpmMemcachedOptions): TranslatedBehaviors
}

/**
 * Translates the settings of another client: pass the result where behaviors go. Units are
 * converted, placement is that client's. What cannot be taken over is told in `warnings`, or
 * rejects when keys would go elsewhere without it.
 */
export const behaviorsFrom: BehaviorsFrom = Object.freeze({
  // Called rather than named: the bundle loads a dialect when it is first needed.
  pylibmc: (behaviors) => fromPylibmc(behaviors),
  libmemcached: (configuration) => fromLibmemcached(configuration),
  twemproxy: (pool) => fromTwemproxy(pool),
  memcached: (options) => fromNpmMemcached(options),
} satisfies BehaviorsFrom)
