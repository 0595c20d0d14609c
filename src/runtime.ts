/**
 * Node's timers and clocks as they were when this module loaded. Fake timers of test runners, jsdom
 * and polyfills replace the global ones; a client that waits on those would hang. Import these
 * instead of the globals: a test of the house holds every file to it.
 */
import { performance as nodePerformance } from 'node:perf_hooks'
import process from 'node:process'
import timers from 'node:timers'

/**
 * A built-in module, loaded when it is first needed: TLS, DNS and compression cost every start of
 * a process that never uses them. Synchronous, and nothing that a bundler has to resolve.
 */
export const builtin: typeof process.getBuiltinModule = process.getBuiltinModule

let cryptoModule: typeof import('node:crypto') | undefined

/** node:crypto, which most clients need once or never: the rings have hashes of their own. */
export function crypto(): typeof import('node:crypto') {
  cryptoModule ??= builtin('node:crypto')
  return cryptoModule
}

/** Node's setTimeout, which answers a Timeout object in every environment. */
export const setTimeout: typeof timers.setTimeout = timers.setTimeout
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

/** The monotonic clock. */
export const performance: { now(): number } = { now: nodePerformance.now.bind(nodePerformance) }

/** The wall clock: Unix time in milliseconds. */
export const unixMs: () => number = Date.now
