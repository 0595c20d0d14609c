import type { DistributionName } from '../options.ts'
import type { Distribution } from '../placement.ts'
import { cacheMemcachedFast } from './cache-memcached-fast.ts'
import { dalli } from './dalli.ts'
import { hashring } from './hashring.ts'
import { jump } from './jump.ts'
import { ketama, twemproxy } from './ketama.ts'
import { ketamaSpy, ketamaUnweighted } from './ketama-unweighted.ts'
import { maglev } from './maglev.ts'
import { memjs, modula, modulaWeighted, twemproxyModula } from './modula.ts'
import { nginx, nginxHash } from './nginx.ts'
import { pymemcache } from './pymemcache.ts'
import { pythonMemcached } from './python-memcached.ts'
import { rendezvous } from './rendezvous.ts'
import { spymemcached } from './spymemcached.ts'

type Distributions = Readonly<Record<DistributionName, () => Distribution>>

/**
 * All distributions by name. Wrapped in functions, so that the bundle loads only what a ring uses.
 */
export const distributions: Distributions = Object.freeze({
  ketama: () => ketama,
  ketamaUnweighted: () => ketamaUnweighted,
  ketamaSpy: () => ketamaSpy,
  twemproxy: () => twemproxy,
  twemproxyModula: () => twemproxyModula,
  modula: () => modula,
  modulaWeighted: () => modulaWeighted,
  nginx: () => nginx,
  nginxHash: () => nginxHash,
  cacheMemcachedFast: () => cacheMemcachedFast,
  dalli: () => dalli,
  spymemcached: () => spymemcached,
  hashring: () => hashring,
  pymemcache: () => pymemcache,
  pythonMemcached: () => pythonMemcached,
  memjs: () => memjs,
  jump: () => jump,
  maglev: () => maglev,
  rendezvous: () => rendezvous,
})

/** The names of all distributions. */
export const distributionNames: readonly DistributionName[] = Object.freeze(
  Object.keys(distributions) as DistributionName[],
)

/** Returns whether `name` is a distribution. */
export function isDistributionName(name: string): name is DistributionName {
  return Object.hasOwn(distributions, name)
}
