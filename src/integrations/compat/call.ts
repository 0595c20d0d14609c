/** The command behind a callback: what `this` is in it, as in the npm package `memcached`. */
export interface Call {
  /** The command's name on the wire: `get`, `set`, `flush_all`. */
  readonly type: string
  /** The key with the namespace before it; the list of keys in a get of many. */
  readonly key?: string | readonly string[]
  /** What was to be stored, or counted by. */
  readonly value?: unknown
  readonly lifetime?: number
  readonly cas?: string
  readonly callback: Callback | undefined
  /** When it began, in ms since the epoch. */
  readonly start: number
  /** How long it took, in ms. */
  execution: number
}

/** `this` is the `Call`. A failure has an error first; a miss has neither error nor result. */
export type Callback<Result = unknown> = (
  this: Call,
  error: Error | readonly Error[] | undefined,
  result?: Result,
) => void

/** What is wrong with a call, as the package `memcached` says it. */
export class BadCall extends Error {}

/** `Argument "lifetime" is not a valid Number.` unless it is one. */
export function checkNumber(name: string, value: unknown): asserts value is number {
  if (typeof value !== 'number') throw new BadCall(`Argument "${name}" is not a valid Number.`)
}

/** The calls that a failure answers with an error alone; others with `false` beside it. */
const WITHOUT_RESULT: ReadonlySet<string> = new Set(['get', 'gets'])

/** Calls back with what the work came to, on a turn of its own: what the callback throws is its. */
export function answer(call: Call, work: Promise<unknown>): void {
  work.then(
    (result) => callBack(call, undefined, result),
    (error: Error) => {
      const isAlone = WITHOUT_RESULT.has(call.type) || error instanceof BadCall
      callBack(call, error, isAlone ? undefined : false)
    },
  )
}

/** Calls back with an error, a result, or both. */
export function callBack(
  call: Call,
  error: Error | readonly Error[] | undefined,
  result: unknown,
): void {
  call.execution = Date.now() - call.start
  const { callback } = call
  if (callback !== undefined) process.nextTick(() => callback.call(call, error, result))
}
