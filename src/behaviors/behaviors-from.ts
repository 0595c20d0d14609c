import { fromLibmemcached } from './dialects/libmemcached.ts'
import { fromNpmMemcached, type NpmMemcachedOptions } from './dialects/npm-memcached.ts'
import { fromPylibmc, type PylibmcBehaviors } from './dialects/pylibmc.ts'
import type { TranslatedBehaviors } from './dialects/translation.ts'
import { fromTwemproxy, type TwemproxyPool } from './dialects/twemproxy.ts'

/** Translates the settings of other clients, which keep their own names and units. */
export interface BehaviorsFrom {
  /**
   * Translates pylibmc's `behaviors`: `{ ketama: true, _auto_eject_hosts: true, _retry_timeout: 30
   * }`.
   */
  pylibmc(behaviors: PylibmcBehaviors): TranslatedBehaviors
  /**
   * Translates a libmemcached configuration string: `--SERVER=10.0.0.1 --DISTRIBUTION=consistent`.
   */
  libmemcached(configuration: string): TranslatedBehaviors
  /** Translates one pool of nutcracker.yml, given as an object. */
  twemproxy(pool: TwemproxyPool): TranslatedBehaviors
  /** Translates the options of the npm package `memcached`. */
  memcached(options: NpmMemcachedOptions): TranslatedBehaviors
}

/**
 * Translates the settings of another client: pass the result as behaviors. It converts units and
 * places keys as that client does. `warnings` lists the settings that have no equivalent. A setting
 * without which keys would go to other hosts throws instead.
 */
export const behaviorsFrom: BehaviorsFrom = Object.freeze({
  // Wrapped in functions, so that the bundle loads a translation only when it is first used.
  pylibmc: (behaviors) => fromPylibmc(behaviors),
  libmemcached: (configuration) => fromLibmemcached(configuration),
  twemproxy: (pool) => fromTwemproxy(pool),
  memcached: (options) => fromNpmMemcached(options),
} satisfies BehaviorsFrom)
