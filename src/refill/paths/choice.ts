import { MintringError } from '../../errors.ts'
import type { Clock } from '../clock.ts'
import type { Policy } from '../policy.ts'
import type { Place, RefillStore } from '../store.ts'
import { ClassicPath } from './classic-path.ts'
import { MetaPath } from './meta-path.ts'
import type { Path } from './path.ts'
import { SidecarPath } from './sidecar-path.ts'

/** Returns the path for the policy of a key on one server. */
export type PathOf = (terms: { readonly policy: Policy }, place: Place | undefined) => Path

/**
 * Returns a function that chooses the path of a policy by what a server supports. It throws
 * MINTRING_BAD_POLICY for a policy that the server cannot serve.
 */
export function pathsOf(store: RefillStore, clock: Clock): PathOf {
  const inline = new MetaPath(store)
  const sidecar = new SidecarPath(store)
  const classic = new ClassicPath(store, clock)
  return ({ policy: { isSidecar, tagText } }, place) => {
    if (place?.dialect === 'classic') {
      if (isSidecar && tagText !== undefined) throw tooOld()
      return classic
    }
    return isSidecar ? sidecar : inline
  }
}

/**
 * Returns the error for tags with `placeholder: 'sidecar'` on servers without meta commands: these
 * would store the tags inside the page.
 */
function tooOld(): MintringError {
  const what = "Keys with placeholder: 'sidecar' have tags only on servers with meta commands"
  return new MintringError('MINTRING_BAD_POLICY', `${what} (memcached 1.6.10 and later)`)
}
