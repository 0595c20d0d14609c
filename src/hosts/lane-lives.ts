import type { LaneEnd } from '../net/lane-owner.ts'

/** A lane that ends sooner counts as not opened. */
const MIN_LANE_LIFE_MS = 100

/** Decides which ends of a host's lanes count as a failed dial. */
export class LaneLives {
  #endedYoung = false

  /**
   * Whether the end counts as a failed dial: a short-lived lane is redialled at once, but only
   * once.
   */
  isTooShort(end: LaneEnd, livedMs: number): boolean {
    const isYoung = end !== 'dial' && livedMs < MIN_LANE_LIFE_MS
    const isTooShort = isYoung && (end === 'lost' || end === 'idle') && this.#endedYoung
    this.#endedYoung = isYoung
    return isTooShort
  }
}
