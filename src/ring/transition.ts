/**
 * How far a fleet has moved from one ring to another. `announce`: some processes may not know the
 * new ring yet. `move`: all processes know it, and reads copy values to their new host. `settle`:
 * some processes may have dropped the previous ring already, so none reads it any more.
 */
export type Phase = 'announce' | 'move' | 'settle'

/**
 * How a command changes its key. `read`: not at all. `store`: the result does not depend on the old
 * value. `remove`: the value is deleted or stale afterwards. `alter`: the result depends on the old
 * value.
 */
export type KeyEffect = 'read' | 'store' | 'remove' | 'alter'

/** Which of the two hosts of a moving key: the one of the previous ring, or of the new ring. */
export type HomeName = 'previous' | 'new'

/**
 * What to do on one of the two hosts. `run`: run the command. `run on a miss`: run it if the steps
 * before found nothing. `seek`: run it on the first host that has the item, or on the first of all
 * if none has it. `copy`: copy the previous host's item there under a lease, unless it has one.
 * `delete`: delete the item there.
 */
export interface Step {
  readonly at: HomeName
  readonly act: 'run' | 'run on a miss' | 'seek' | 'copy' | 'delete'
}

/** The steps of a command on a moving key, in order. */
export type Plan = readonly Step[]

const previous = (act: Step['act']): Step => ({ at: 'previous', act })
const next = (act: Step['act']): Step => ({ at: 'new', act })

/**
 * While values move between two hosts, a writer changes the value on the previous host first. A
 * process that read the old value there then fails to copy it.
 */
const BOTH: Plan = [previous('run'), next('run')]
const STORE_AT_NEW: Plan = [previous('delete'), next('run')]

/**
 * For each phase and kind of request, the steps at the previous and the new host. At any time,
 * processes may differ by one phase: test/handover tries every order of the steps of two processes
 * for all pairs of phases that can overlap.
 */
const PLANS: Readonly<Record<Phase, Readonly<Record<KeyEffect, Plan>>>> = {
  announce: {
    read: [previous('run'), next('run on a miss')],
    store: [previous('run'), next('delete')],
    remove: BOTH,
    alter: [previous('seek'), next('seek'), next('delete')],
  },
  move: {
    read: [next('run'), previous('run on a miss'), next('copy')],
    store: STORE_AT_NEW,
    remove: BOTH,
    alter: [next('copy'), previous('delete'), next('run')],
  },
  settle: {
    read: [next('run')],
    store: STORE_AT_NEW,
    remove: BOTH,
    alter: [previous('delete'), next('run')],
  },
}

/**
 * The plans for servers without meta commands: they cannot report the remaining ttl, so nothing can
 * be copied.
 */
const PLANS_WITHOUT_COPIES: Readonly<Partial<Record<KeyEffect, Plan>>> = {
  read: [next('run'), previous('run on a miss')],
  alter: [next('seek'), previous('seek')],
}

/** Returns the plan of a command on a moving key. `mayCopy`: both hosts support meta commands. */
export function planOf(phase: Phase, effect: KeyEffect, mayCopy: boolean): Plan {
  const other = phase === 'move' && !mayCopy ? PLANS_WITHOUT_COPIES[effect] : undefined
  return other ?? PLANS[phase][effect]
}

/** The durations of a change, in milliseconds. */
export interface TransitionTimes {
  /** How long processes may disagree on the list of servers. */
  readonly announceMs: number
  /** How long values may move, after `announceMs`. */
  readonly handoverMs: number
}

/**
 * How long before its end a handover stops reading the previous ring: clocks may differ by this
 * much.
 */
const SETTLE_MS = 10_000

/** Returns the length of the `settle` phase: at most half of the handover. */
export function settleMsOf({ handoverMs }: TransitionTimes): number {
  return Math.min(SETTLE_MS, handoverMs / 2)
}

/** Returns the phase when `leftMs` of the whole change remain; undefined if it is over. */
export function phaseAt(leftMs: number, times: TransitionTimes): Phase | undefined {
  if (leftMs <= 0) return undefined
  if (leftMs > times.handoverMs) return 'announce'
  return leftMs > settleMsOf(times) ? 'move' : 'settle'
}
