/**
 * Import this before anything of `src/`: the clock stands still for the whole test file, until the
 * test advances it. Timers still run, and find that no time has passed.
 */
import { performance } from 'node:perf_hooks'
import type { ManualClock } from '../../src/embedded/clock.ts'

const startMs = performance.now()
const unixStartMs = Date.now()
let passedMs = 0

performance.now = () => startMs + passedMs
Date.now = () => unixStartMs + passedMs

/** The clock of the clients, and of servers that get it as an option. */
export const frozenClock: ManualClock = {
  nowMs: () => Date.now(),
  advance(ms) {
    passedMs += ms
  },
}
