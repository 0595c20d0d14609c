import { ClassicPath } from './classic-path.ts'
import type { Clock } from './clock.ts'
import { MetaPath } from './meta-path.ts'
import type { Path } from './path.ts'
import type { Policy } from './policy.ts'
import { SidecarPath } from './sidecar-path.ts'
import type { RefillStore } from './store.ts'

/** Chooses the path of a policy, by what the servers speak. */
export function pathsOf(store: RefillStore, clock: Clock): (policy: Policy) => Path {
  const inline = new MetaPath(store)
  const sidecar = new SidecarPath(store)
  const classic = new ClassicPath(store, clock)
  return ({ isSidecar }) => {
    if (store.dialect === 'classic') return classic
    return isSidecar ? sidecar : inline
  }
}
