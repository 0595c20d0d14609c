import type { Socket } from 'node:net'
import type { MintringError } from '../errors.ts'
import type { Abilities } from './abilities.ts'
import type { OnBytes } from './dial.ts'
import type { Greeting, HandshakeInput } from './handshake.ts'
import type { RequestTimes, Router } from './request.ts'
import type { Turn } from './turn.ts'

/** Settings that a connection reads from its owner at each use, because they may change. */
export interface LaneSettings extends RequestTimes {
  readonly connectTimeoutMs: number
  readonly maxValueBytes: number
}

/**
 * Why a connection ended:
 * - `dial`: it could not be opened.
 * - `silent`: a request timed out and no bytes had arrived.
 * - `lost`: the server closed or broke it, or sent an invalid reply.
 * - `idle`: the same, but no request was pending.
 * - `closed`: the client closed it.
 */
export type LaneEnd = 'dial' | 'silent' | 'lost' | 'idle' | 'closed'

/** What the owner of a connection is told when the connection ends. */
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

/** The owner of a connection: receives its events and decides what follows. */
export interface LaneOwner<L = unknown> extends Router {
  readonly settings: LaneSettings
  /** Decides when requests are written. All connections of a client share it. */
  readonly turn: Turn
  handshake(): HandshakeInput
  dial(connection: object, onBytes: OnBytes, signal: AbortSignal): Promise<Socket>
  /** Called before the handshake, which starts when the result is resolved. */
  laneConnected(): Promise<void> | undefined
  /**
   * Called after the handshake. Queued requests are written next, unless the owner closes the
   * connection.
   */
  laneOpened(lane: L, abilities: Abilities, found: Greeting): void
  /**
   * Called once per chunk of bytes, if it contained replies in time or a large part of a value.
   * `tookMs` is the time that the first of these replies took.
   */
  laneAnswered(nowMs: number, tookMs: number | undefined): void
  /** Called when a request has waited a full `requestTimeoutMs`, for its reply or to be written. */
  laneLate(nowMs: number): void
  /** Called when the connection ended, before its requests fail. */
  laneEnded(lane: L, ending: LaneEnding): void
}
