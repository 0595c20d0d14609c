import type { TestContext } from 'node:test'

const TICK_MS = 5

/**
 * Starts a stopwatch of idle time: it nearly stops while the process computes or waits for a CPU,
 * so that a limit also holds on a busy machine.
 */
export function startStopwatch(test: Pick<TestContext, 'after'>): () => number {
  let waitedMs = 0
  let tickMs = performance.now()
  const sinceTick = () => Math.min(performance.now() - tickMs, 2 * TICK_MS)
  const timer = setInterval(() => {
    waitedMs += sinceTick()
    tickMs = performance.now()
  }, TICK_MS)
  test.after(() => clearInterval(timer))
  return () => waitedMs + sinceTick()
}
