/**
 * The timers and clocks of Node, read when this module loads. Test runners, jsdom and polyfills
 * replace the globals with fakes, and a client that waits for a fake timer hangs. Import these
 * instead of the globals; a test checks that every file does.
 */
import process from 'node:process'
import timers from 'node:timers'

/**
 * Loads a built-in module on first use: TLS, DNS and compression would slow down the start of every
 * process, even one that does not use them. Synchronous, and bundlers have nothing to resolve.
 */
export const builtin: typeof process.getBuiltinModule = process.getBuiltinModule

let cryptoModule: typeof import('node:crypto') | undefined

/** Loads node:crypto on first use. Few clients need it: the rings have their own hashes. */
export function crypto(): typeof import('node:crypto') {
  cryptoModule ??= builtin('node:crypto')
  return cryptoModule
}

const nodeSetTimeout = timers.setTimeout

/**
 * Node's setTimeout, which returns a Timeout object in every environment. Rounds the delay up: it
 * never fires before its time, and V8 would drop the optimized code of all timers, and of their
 * users, at the first fraction of a millisecond.
 */
export const setTimeout: typeof timers.setTimeout = ((
  task: () => void,
  delayMs?: number,
  ...args: []
) => nodeSetTimeout(task, Math.ceil(delayMs ?? 0), ...args)) as typeof timers.setTimeout
/** Node's clearTimeout. */
export const clearTimeout: typeof timers.clearTimeout = timers.clearTimeout
/** Node's setInterval. */
export const setInterval: typeof timers.setInterval = timers.setInterval
/** Node's clearInterval. */
export const clearInterval: typeof timers.clearInterval = timers.clearInterval
/** Node's setImmediate. */
export const setImmediate: typeof timers.setImmediate = timers.setImmediate
/** Node's clearImmediate. */
export const clearImmediate: typeof timers.clearImmediate = timers.clearImmediate
/** Node's process.nextTick. */
export const nextTick: typeof process.nextTick = process.nextTick

const hooks: typeof import('node:perf_hooks') | undefined = builtin('node:perf_hooks')
// Cloudflare's Workers have node:perf_hooks only from some compatibility date on.
const clock = hooks?.performance ?? globalThis.performance

/** The monotonic clock, in milliseconds. */
export const performance: { now(): number } = { now: clock.now.bind(clock) }

/** The wall clock: Unix time in milliseconds. */
export const unixMs: () => number = Date.now
