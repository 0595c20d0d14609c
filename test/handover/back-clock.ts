/**
 * Import this before anything of `src/`: the clock belongs to a model, and timers are steps that it
 * takes.
 */
import timers from 'node:timers'
import { frozenClock } from './frozen-clock.ts'

/** What wakes when a timer ends. */
export const sleeping: (() => void)[] = []

timers.setTimeout = ((wake: () => void) => sleeping.push(wake)) as never

let shownMs = 0

/** Sets how many milliseconds have passed on the clock of the process that runs now. */
export function showMs(ms: number): void {
  frozenClock.advance(ms - shownMs)
  shownMs = ms
}
