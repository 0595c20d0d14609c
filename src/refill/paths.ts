import { ClassicPath } from './classic-path.ts'
import type { Clock } from './clock.ts'
import { MetaPath } from './meta-path.ts'
import type { Path } from './path.ts'
import { SidecarPath } from './sidecar-path.ts'
import type { RefillStore } from './store.ts'

/**
 * The ways of one pool: by its dialect, since the formats differ, and by what a policy asks for.
 */
export class Paths {
  readonly #store: RefillStore
  readonly #inline: Path
  readonly #sidecar: Path
  readonly #classic: Path

  constructor(store: RefillStore, clock: Clock) {
    this.#store = store
    this.#inline = new MetaPath(store)
    this.#sidecar = new SidecarPath(store)
    this.#classic = new ClassicPath(store, clock)
  }

  of(isSidecar: boolean): Path {
    if (this.#store.dialect === 'classic') return this.#classic
    return isSidecar ? this.#sidecar : this.#inline
  }
}
