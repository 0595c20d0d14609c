import type { MintringError } from '../errors.ts'
import type { Abilities } from '../net/abilities.ts'
import type { Resolve } from '../net/dial.ts'
import type { Lane } from '../net/lane.ts'
import type { Request } from '../net/request.ts'
import type { Turn } from '../net/turn.ts'
import type { ClusterHooks } from './hooks.ts'
import type { MarkItem } from './mark.ts'
import type { ClusterPolicy } from './policy.ts'
import type { SpeedCheck } from './speed.ts'

/** Checks each new connection for a handover mark: the item that tells of a change of servers. */
export interface MarkFinder<H> {
  readonly markKey: string | undefined
  /**
   * Called when a connection opened; returns true if it closed the connection because of `item`.
   */
  closed(host: H, lane: Lane, abilities: Abilities, item: MarkItem | undefined): boolean
}

/** Finds out on new connections whether hosts missed changes that this process does not know. */
export interface MissedFinder<H> {
  /** Called before a dial. Returns the key of an item to look for; undefined for none. */
  dialled(host: H): string | undefined
  /** Called when a connection opened, with whether the host has the item. */
  greeted(host: H, lane: Lane, isFlagged: boolean): void
}

/** The owner of a host: receives its events and decides what follows. */
export interface HostOwner<H = unknown> {
  readonly policy: ClusterPolicy
  /** The maximum lifetime of items on its hosts, in seconds; 0 means no limit. */
  readonly maxTtlSeconds: number
  /** Whether there is only one host, so that its keys have no fallback. */
  readonly hasOneHost: boolean
  readonly hooks: ClusterHooks
  readonly turn: Turn
  readonly resolve: Resolve | undefined
  readonly speedCheck: SpeedCheck
  /** Looks for marks of handovers that other processes started. */
  readonly handovers: MarkFinder<H>
  readonly account: MissedFinder<H>
  /**
   * Called before the handshake with a host that has no other connection: it may have been
   * restarted. Returns a promise to await.
   */
  reconnecting(host: H): Promise<void> | undefined
  /** Called when `usable` or `isEjected` of a host changed. */
  hostChanged(host: H): void
  /** Handles a failed attempt on `host`: retries or rejects the request. */
  attemptFailed(host: H, request: Request, error: MintringError, deadlineMs: number): void
}
