/**
 * Import this before anything of `src/`: time stands still for the whole test file, until the test
 * moves it. Timers still run, and find that no time has passed.
 */
import { performance } from 'node:perf_hooks'
import type { ManualClock } from '../../src/embedded/clock.ts'

const startMs = performance.now()
const unixStartMs = Date.now()
let passedMs = 0

performance.now = () => startMs + passedMs
Date.now = () => unixStartMs + passedMs

/** The time of the clients, and of servers that are given it. */
export const frozenClock: ManualClock = {
  nowMs: () => Date.now(),
  advance(ms) {
    passedMs += ms
  },
}
