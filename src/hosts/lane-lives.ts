import type { LaneEnd } from '../net/lane-owner.ts'

/** A lane that lives shorter than this was as good as never opened. */
const MIN_LANE_LIFE_MS = 100

/** Which ends of a host's lanes are as bad as a dial that failed. */
export class LaneLives {
  #endedYoung = false

  /** A young lane that ended is dialled again at once, but not time after time. */
  isTooShort(end: LaneEnd, livedMs: number): boolean {
    const isYoung = end !== 'dial' && livedMs < MIN_LANE_LIFE_MS
    const isTooShort = isYoung && (end === 'lost' || end === 'idle') && this.#endedYoung
    this.#endedYoung = isYoung
    return isTooShort
  }
}
