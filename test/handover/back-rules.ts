import type { HomeName } from '../../src/ring/transition.ts'

/**
 * What a process does. `goes back`: it announced the change, and then gets the previous list.
 * `takes part`: it has joined the announcement. `new list`, `old list`: it starts with that list at
 * some time.
 */
export type Role = 'goes back' | 'takes part' | 'new list' | 'old list'

/** Processes, with how far each clock is ahead in milliseconds. */
export interface BackScenario {
  readonly roles: readonly (readonly [Role, number])[]
  /** The hosts that have a mark. Default: both. */
  readonly hosts?: readonly HomeName[]
  /** The index of the moment at which it begins; the first one is 0. */
  readonly firstMoment?: number
  /** Whether the list that is wanted instead is a third one. */
  readonly isThird?: boolean
}

/** The planted mistakes of the model. */
export interface BackRules {
  /** How much later than is allowed the change may be taken back. */
  readonly lateMs: number
  /** Whether a process asks, before it moves values, whether the change was taken back. */
  readonly asksAgain: boolean
  /** Whether the decision is recorded, and whether that fails when others may have gone on. */
  readonly records: 'guarded' | 'unguarded' | 'never'
}

export const RIGHT_BACK: BackRules = {
  ...{ lateMs: 0, asksAgain: true, records: 'guarded' },
}

const pair = (role: Role, aheadMs: number): BackScenario['roles'] => [
  ['goes back', -aheadMs],
  [role, aheadMs],
]
const hosts: readonly HomeName[] = ['previous']

/** Processes, one of which goes back. Their clocks differ by up to a second. */
export const BACK_SCENARIOS: readonly BackScenario[] = [
  { roles: pair('takes part', 500) },
  { roles: pair('takes part', -500) },
  { roles: pair('takes part', -500), isThird: true },
  { roles: pair('goes back', 500), hosts },
  { roles: pair('old list', 500), hosts },
  { roles: pair('old list', -500), hosts },
  { roles: [...pair('takes part', 500), ['takes part', -500]], hosts },
  { roles: [...pair('takes part', -500), ['goes back', 500]], hosts },
  { roles: pair('new list', 500), hosts, firstMoment: 1 },
]
