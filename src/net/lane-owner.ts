import type { Socket } from 'node:net'
import type { MintringError } from '../errors.ts'
import type { Abilities } from './abilities.ts'
import type { OnBytes } from './dial.ts'
import type { GreetingItem, HandshakeInput } from './handshake.ts'
import type { RequestTimes, Router } from './request.ts'
import type { Turn } from './turn.ts'

/** The settings that a lane reads from its owner at each use, so that they may change. */
export interface LaneSettings extends RequestTimes {
  readonly connectTimeoutMs: number
  readonly maxValueBytes: number
}

/**
 * How a lane ended:
 * - `dial`: it never opened.
 * - `silent`: a request timed out and the lane received nothing.
 * - `lost`: the server closed or broke it, or sent an invalid reply.
 * - `idle`: the same, but no request was pending.
 * - `closed`: the client closed it.
 */
export type LaneEnd = 'dial' | 'silent' | 'lost' | 'idle' | 'closed'

/** What the owner is told when a lane ends. */
export interface LaneEnding {
  readonly end: LaneEnd
  readonly error: MintringError
  /** Whether the server closed the connection at the `mn` probe: it may not know that command. */
  readonly isAskingMeta: boolean
  /**
   * Whether the server closed the connection while it worked on a request that had caused this
   * before.
   */
  readonly isKnownHangUp: boolean
}

/** The owner of a lane: receives its events and decides what follows. */
export interface LaneOwner<L = unknown> extends Router {
  readonly settings: LaneSettings
  /** Shared by all lanes of a client. */
  readonly turn: Turn
  handshake(): HandshakeInput
  dial(onBytes: OnBytes, signal: AbortSignal): Promise<Socket>
  /**
   * Called after the handshake. Queued requests are written next, unless the owner closes the lane.
   */
  laneOpened(lane: L, abilities: Abilities, item: GreetingItem | undefined): void
  /**
   * Called once per chunk, when replies arrived in time or a large part of a value did. `tookMs` is
   * the duration of the first of these replies.
   */
  laneAnswered(nowMs: number, tookMs: number | undefined): void
  /** Called when a request has waited a full `requestTimeoutMs`, for its reply or to be written. */
  laneLate(nowMs: number): void
  /** Called before the requests of the lane fail. */
  laneEnded(lane: L, ending: LaneEnding): void
}
