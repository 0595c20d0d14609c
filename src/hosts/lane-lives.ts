import type { LaneEnd } from '../net/lane-owner.ts'

/** A connection that ends sooner counts as not opened. */
const MIN_LANE_LIFE_MS = 100

/** Decides which ended connections of a host count as a failed dial. */
export class LaneLives {
  #endedYoung = false

  /**
   * Whether the end of a connection counts as a failed dial. The first short-lived connection does
   * not, because it is redialled at once; a second in a row does.
   */
  isTooShort(end: LaneEnd, livedMs: number): boolean {
    const isYoung = end !== 'dial' && livedMs < MIN_LANE_LIFE_MS
    const isTooShort = isYoung && (end === 'lost' || end === 'idle') && this.#endedYoung
    this.#endedYoung = isYoung
    return isTooShort
  }
}
