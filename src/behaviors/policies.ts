import { type ClusterPolicy, defaultClusterPolicy } from '../hosts/policy.ts'
import { defaultRefillPolicy, type RefillDefaults } from '../refill/policy.ts'
import type { Behaviors } from './behaviors.ts'

type ClusterSetting = keyof ClusterPolicy & keyof Behaviors

// Those of the ring's options that have no default are not in the defaults to be enumerated.
const RING_SETTINGS = [
  'weighted',
  'serverOrder',
  'pointHash',
  'labelFormat',
  'vnodes',
  'replicas',
  'tableSize',
] as const satisfies readonly ClusterSetting[]

/** What the hosts obey. */
export function toClusterPolicy(behaviors: Behaviors): ClusterPolicy {
  const policy: Record<string, unknown> = { ...defaultClusterPolicy }
  for (const name of [...Object.keys(defaultClusterPolicy), ...RING_SETTINGS]) {
    if (name in behaviors) policy[name] = behaviors[name as ClusterSetting]
  }
  // Hosts read it for each request: made in one piece, an object's fields are at fixed places.
  return Object.freeze({ ...policy }) as unknown as ClusterPolicy
}

/** What refills obey unless their own policy says otherwise. */
export function toRefillDefaults(behaviors: Behaviors): RefillDefaults {
  const defaults: Record<string, unknown> = { staleIfError: behaviors.staleIfError }
  for (const name of Object.keys(defaultRefillPolicy)) {
    defaults[name] = behaviors[name as keyof Behaviors]
  }
  return Object.freeze(defaults)
}
