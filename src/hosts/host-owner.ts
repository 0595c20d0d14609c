import type { MintringError } from '../errors.ts'
import type { Resolve } from '../net/dial.ts'
import type { Request } from '../net/request.ts'
import type { Turn } from '../net/turn.ts'
import type { ClusterHooks } from './hooks.ts'
import type { MarkItem } from './mark.ts'
import type { ClusterPolicy } from './policy.ts'
import type { SpeedCheck } from './speed.ts'

/** Who a host belongs to. */
export interface HostOwner<H = unknown> {
  readonly policy: ClusterPolicy
  /** How long an item may live on its hosts, in seconds; 0 is no limit. */
  readonly maxTtlSeconds: number
  /** There is one host, and no other place for its keys. */
  readonly hasOneHost: boolean
  readonly hooks: ClusterHooks
  readonly turn: Turn
  readonly resolve: Resolve | undefined
  readonly speedCheck: SpeedCheck
  /** The mark that new connections look for: of a handover that this process was not told of. */
  readonly markKey: string | undefined
  /** Takes part in the handover of this mark, if it is under way. Returns whether it does. */
  markFound(item: MarkItem): boolean
  /** `usable` or `isEjected` changed. */
  hostChanged(host: H): void
  /** An attempt failed on `host`: another one, or the end. */
  attemptFailed(host: H, request: Request, error: MintringError, deadlineMs: number): void
}
