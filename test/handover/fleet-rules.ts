import { type CopyableKey, copyMoved } from '../../src/hosts/moved-key.ts'
import type { StoreAnswer } from '../../src/refill/store.ts'
import { type KeyEffect, type Plan, planOf } from '../../src/ring/transition.ts'

/**
 * The phases of a change of servers, as a process knows them. Processes in neighbouring phases can
 * run at the same time.
 */
export const TIMES = ['none', 'announce', 'move', 'settle', 'over'] as const
export type Time = (typeof TIMES)[number]

/** The planted mistakes of the model. */
export interface Rules {
  plan(time: Time, effect: KeyEffect): Plan
  copy(key: CopyableKey<StoreAnswer>): Promise<boolean>
  /** Whether a process may be in one phase while another is in the other. */
  mayMeet(one: Time, other: Time): boolean
  /** Whether the new host is cleared before it is used. */
  readonly isCleared: boolean
}

const PREVIOUS: Plan = [{ at: 'previous', act: 'run' }]
const NEW: Plan = [{ at: 'new', act: 'run' }]

export const RIGHT: Rules = {
  plan(time, effect) {
    if (time === 'none') return PREVIOUS
    return time === 'over' ? NEW : planOf(time, effect, true)
  },
  copy: copyMoved,
  mayMeet: (one, other) => Math.abs(TIMES.indexOf(one) - TIMES.indexOf(other)) <= 1,
  isCleared: true,
}
