import { type ClusterPolicy, defaultClusterPolicy } from '../hosts/policy.ts'
import { defaultRefillPolicy, type RefillDefaults } from '../refill/policy.ts'
import type { Behaviors } from './behaviors.ts'

type ClusterSetting = keyof ClusterPolicy & keyof Behaviors

// Ring options without a default: the loop over the default policy below does not reach them.
const RING_SETTINGS = [
  'weighted',
  'serverOrder',
  'pointHash',
  'labelFormat',
  'vnodes',
  'replicas',
  'tableSize',
] as const satisfies readonly ClusterSetting[]

/** Returns the behaviors that the cluster and its hosts use. */
export function toClusterPolicy(behaviors: Behaviors): ClusterPolicy {
  const policy: Record<string, unknown> = { ...defaultClusterPolicy }
  for (const name of [...Object.keys(defaultClusterPolicy), ...RING_SETTINGS]) {
    if (name in behaviors) policy[name] = behaviors[name as ClusterSetting]
  }
  // Read on every request. An object created in one expression has its fields at fixed offsets,
  // which makes these reads fast.
  return Object.freeze({ ...policy }) as unknown as ClusterPolicy
}

/** Returns the refill policy for calls that do not override it. */
export function toRefillDefaults(behaviors: Behaviors): RefillDefaults {
  const defaults: Record<string, unknown> = { staleIfError: behaviors.staleIfError }
  for (const name of Object.keys(defaultRefillPolicy)) {
    defaults[name] = behaviors[name as keyof Behaviors]
  }
  return Object.freeze(defaults)
}
