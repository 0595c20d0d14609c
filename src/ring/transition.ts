/**
 * How far a fleet is on its way from one ring to another. `announce`: some processes may not know
 * of the new ring yet. `move`: all know of it, and values move when they are read. `settle`: some
 * processes may have forgotten the previous ring, so no process reads it any more.
 */
export type Phase = 'announce' | 'move' | 'settle'

/**
 * What a command does to its key. `read`: nothing. `store`: it leaves what it says, whatever was
 * there. `remove`: the value is gone or stale afterwards. `alter`: what it does depends on what is
 * there.
 */
export type KeyEffect = 'read' | 'store' | 'remove' | 'alter'

/** A home of a key that moves. */
export type HomeName = 'previous' | 'new'

/**
 * What is to be done at one home. `run`: the command. `run on a miss`: the command, when the steps
 * before found nothing. `seek`: the command runs at the first of the homes that has the item, or at
 * the first of all when none has. `copy`: the item of the previous home is copied there under a
 * lease, unless there is one. `delete`: the item is deleted there.
 */
export interface Step {
  readonly at: HomeName
  readonly act: 'run' | 'run on a miss' | 'seek' | 'copy' | 'delete'
}

/** The steps of a command about a key that moves, one after the other. */
export type Plan = readonly Step[]

const previous = (act: Step['act']): Step => ({ at: 'previous', act })
const next = (act: Step['act']): Step => ({ at: 'new', act })

/** A writer changes the value at the previous home first: copiers that read it before lose. */
const BOTH: Plan = [previous('run'), next('run')]
const STORE_AT_NEW: Plan = [previous('delete'), next('run')]

/**
 * What to do in each phase. Processes may differ by one phase at any time; test/handover tries
 * every order of single commands for all pairs of phases that can meet.
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

/** The same where no server tells how long an item has left to live: nothing can be copied. */
const PLANS_WITHOUT_COPIES: Readonly<Partial<Record<KeyEffect, Plan>>> = {
  read: [next('run'), previous('run on a miss')],
  alter: [next('seek'), previous('seek')],
}

/** What to do for a command about a key that moves. `mayCopy`: its homes speak meta commands. */
export function planOf(phase: Phase, effect: KeyEffect, mayCopy: boolean): Plan {
  const other = phase === 'move' && !mayCopy ? PLANS_WITHOUT_COPIES[effect] : undefined
  return other ?? PLANS[phase][effect]
}

/** The lengths of a change, in milliseconds. */
export interface TransitionTimes {
  /** As long as processes may differ on the list of servers. */
  readonly announceMs: number
  /** How long values may move, after that. */
  readonly handoverMs: number
}

/** The end of the handover, without reads of the previous ring: clocks may differ by that. */
const SETTLE_MS = 10_000

/** How long a phase of `settle` is: at most half of the handover. */
export function settleMsOf({ handoverMs }: TransitionTimes): number {
  return Math.min(SETTLE_MS, handoverMs / 2)
}

/** The phase with so much of the whole time left; undefined when it is over. */
export function phaseAt(leftMs: number, times: TransitionTimes): Phase | undefined {
  if (leftMs <= 0) return undefined
  if (leftMs > times.handoverMs) return 'announce'
  return leftMs > settleMsOf(times) ? 'move' : 'settle'
}
