import { type ClusterPolicy, defaultClusterPolicy } from '../hosts/policy.ts'
import { defaultRefillPolicy, type RefillDefaults } from '../refill/policy.ts'
import type { Behaviors } from './behaviors.ts'

type ClusterSetting = keyof ClusterPolicy & keyof Behaviors

// Ring options that defaultClusterPolicy omits, because they have no default.
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
  // Copied, because V8 reads the fields of an object that one expression created faster.
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
