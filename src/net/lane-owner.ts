import type { Socket } from 'node:net'
import type { MintringError } from '../errors.ts'
import type { Abilities } from './abilities.ts'
import type { OnBytes } from './dial.ts'
import type { GreetingItem, HandshakeInput } from './handshake.ts'
import type { RequestTimes, Router } from './request.ts'
import type { Turn } from './turn.ts'

/**
 * What a lane asks its owner before it does anything: read anew each time, so that it may change.
 */
export interface LaneSettings extends RequestTimes {
  readonly connectTimeoutMs: number
  readonly maxValueBytes: number
}

/**
 * How a lane ended. `dial`: it never opened. `silent`: a request waited its whole time on it
 * and nothing came. `lost`: the other side closed or broke it, or sent what cannot be. `idle`: the
 * same, but nothing was waiting. `closed`: we closed it.
 */
export type LaneEnd = 'dial' | 'silent' | 'lost' | 'idle' | 'closed'

/** What the owner learns when a lane ends. */
export interface LaneEnding {
  readonly end: LaneEnd
  readonly error: MintringError
  /** The server hung up when asked for `mn`: it may not know that command. */
  readonly isAskingMeta: boolean
  /** The server hung up while it worked on a request that it had hung up on before. */
  readonly isKnownHangUp: boolean
}

/** Who a lane belongs to. */
export interface LaneOwner<L = unknown> extends Router {
  readonly settings: LaneSettings
  /** Shared by all lanes of a client. */
  readonly turn: Turn
  handshake(): HandshakeInput
  dial(onBytes: OnBytes, signal: AbortSignal): Promise<Socket>
  /** The handshake is over; what waits is written next, unless the owner closes the lane. */
  laneOpened(lane: L, abilities: Abilities, item: GreetingItem | undefined): void
  /**
   * Replies came in time, or a good part of a large value. Once per chunk. `tookMs` is how long the
   * first of these replies took.
   */
  laneAnswered(nowMs: number, tookMs: number | undefined): void
  /** A request waited for a whole `requestTimeoutMs`, for a reply or to be written. */
  laneLate(nowMs: number): void
  /** Told before the requests of the lane fail. */
  laneEnded(lane: L, ending: LaneEnding): void
}
