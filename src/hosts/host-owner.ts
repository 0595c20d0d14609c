import type { MintringError } from '../errors.ts'
import type { Resolve } from '../net/dial.ts'
import type { Lane } from '../net/lane.ts'
import type { Request } from '../net/request.ts'
import type { Turn } from '../net/turn.ts'
import type { ClusterHooks } from './hooks.ts'
import type { MarkItem } from './mark.ts'
import type { ClusterPolicy } from './policy.ts'
import type { SpeedCheck } from './speed.ts'

/** Tells connections which item to look for, and what that means. */
export interface MarkFinder<H> {
  readonly markKey: string | undefined
  /** A connection opened. Whether it was closed again, because of the item that it found. */
  closed(host: H, lane: Lane, item: MarkItem | undefined): boolean
}

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
  /** Connections look for marks of handovers that this process was not told of. */
  readonly handovers: MarkFinder<H>
  /** `usable` or `isEjected` changed. */
  hostChanged(host: H): void
  /** An attempt failed on `host`: another one, or the end. */
  attemptFailed(host: H, request: Request, error: MintringError, deadlineMs: number): void
}
