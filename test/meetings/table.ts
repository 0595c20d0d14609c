import { LoopClock } from '../fuzz/loop-clock.ts'
import { ATTEMPT_MS, USUAL, type Variant } from './cell.ts'
import { callers, lists } from './client-events.ts'
import type { Event } from './event.ts'
import { deaths, hosts } from './host-events.ts'
import { meet, whyPointless } from './laws.ts'
import { once, reads, writes } from './plain-subjects.ts'
import { refills, streams } from './refill-subjects.ts'
import type { Subject } from './subject.ts'

/** All events. */
export const EVENTS: readonly Event[] = [...deaths, ...hosts, ...lists, ...callers]

/** Every verb. */
export const SUBJECTS: readonly Subject[] = [...reads, ...writes, ...once, ...refills, ...streams]

/** How many test cases run at once: they spend most of their time waiting. */
const AT_ONCE = 8
const MAX_TRIES = 20

/** Which test cases to run. */
export interface Selection {
  readonly hosts: readonly number[]
  readonly wants: (event: string, verb: string) => boolean
  /** Servers in this process by default. */
  readonly variant?: Variant
}

/** The result of one verb together with one event. */
export interface CellResult {
  readonly event: string
  readonly verb: string
  readonly hosts: number
  /** Why this verb was not tested with this event. */
  readonly pointless?: string
  /** The rules that were broken, and how. */
  readonly faults: readonly string[]
}

/** Runs a part of the table, in its order. */
export async function* runTable(selection: Selection): AsyncGenerator<CellResult> {
  const clock = new LoopClock()
  try {
    const running: Promise<CellResult>[] = []
    for (const start of cellsOf(selection, clock)) {
      running.push(start())
      if (running.length >= AT_ONCE) yield await running.shift()!
    }
    for (const result of running) yield await result
  } finally {
    clock.stop()
  }
}

function* cellsOf(
  { hosts: counts, wants, variant = USUAL }: Selection,
  clock: LoopClock,
): Generator<() => Promise<CellResult>> {
  for (const hosts of counts) {
    for (const event of EVENTS) {
      for (const subject of SUBJECTS.filter(({ name }) => wants(event.name, name))) {
        const cell = { event: event.name, verb: subject.name, hosts }
        const pointless = variant.unsupported?.includes(subject.name)
          ? 'the server does not support the command'
          : whyPointless(subject, event, hosts)
        yield async () => {
          if (pointless !== undefined) return { ...cell, pointless, faults: [] }
          const faults = await meetFairly(clock, () => meet(subject, event, hosts, clock, variant))
          return { ...cell, faults }
        }
      }
    }
  }
}

/**
 * Repeats a test case that failed while the process had no CPU for much of an attempt: such a
 * failure proves nothing.
 */
async function meetFairly(
  clock: LoopClock,
  run: () => Promise<readonly string[]>,
): Promise<readonly string[]> {
  for (let tries = 1; ; tries++) {
    const busyMs = clock.busyMs
    const faults = await run()
    const isStarved = clock.busyMs - busyMs > ATTEMPT_MS / 3
    if (faults.length === 0 || !isStarved || tries === MAX_TRIES) return faults
  }
}
