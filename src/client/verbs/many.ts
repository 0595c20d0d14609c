import { badArgument } from '../../arguments.ts'
import { batchTrace, commandTrace } from '../../channels.ts'
import { Deadline, StallLimit } from '../../deadline.ts'
import { MintringError } from '../../errors.ts'
import { DialPace } from '../../hosts/pace.ts'
import { type Batch, Scatter } from '../../hosts/scatter.ts'
import type { Request } from '../../net/request.ts'
import { performance } from '../../runtime.ts'
import { kindOf } from '../../secrets.ts'
import type { ClientCore } from '../core.ts'
import type { OperationOptions } from '../options.ts'
import { applyOptions } from '../options.ts'
import { traceHostRequest } from '../trace.ts'
import { noteSent, type Sent } from '../trace-call.ts'

/** The distinct keys of a batch, in the order requested. */
export interface KeyBatch {
  readonly keys: readonly string[]
  readonly wireKeys: readonly string[]
  /** What the batch sent, for its trace. */
  readonly sent: Sent
}

/** How one verb handles a part of a batch. Positions are indexes into the batch's keys. */
export interface ManyVerb extends Pick<Batch, 'isRead' | 'cut' | 'request' | 'miss'> {
  /** Runs the verb for a single key. */
  alone(parts: ClientCore, position: number, options: OperationOptions | undefined): Promise<void>
}

/** Returns the distinct keys of a batch. Checks all of them before any request is sent. */
export async function checkKeys(core: ClientCore, keys: Iterable<string>): Promise<KeyBatch> {
  if (typeof keys === 'string' || typeof keys?.[Symbol.iterator] !== 'function') {
    const got = typeof keys === 'string' ? 'one string: write [key]' : kindOf(keys)
    throw badArgument(`The keys must be an array or another iterable, not ${got}`)
  }
  const pace = new DialPace()
  const distinct = new Map<string, string>()
  for (const key of keys) {
    if (!distinct.has(key)) distinct.set(key, core.keys.wireKey(key))
    if (pace.isDue()) await pace.rest()
  }
  const sent = { attempts: 0, bytes: 0 }
  return { keys: [...distinct.keys()], wireKeys: [...distinct.values()], sent }
}

/** Yields the position of every key in a batch. */
export function* allOf(batch: KeyBatch): Iterable<number> {
  for (let position = 0; position < batch.keys.length; position++) yield position
}

/**
 * Runs a batch within the caller's time limit. Resolves to the positions that failed, with the
 * reason.
 */
export function runMany(
  core: ClientCore,
  { keys, wireKeys, sent }: KeyBatch,
  positions: Iterable<number>,
  verb: ManyVerb,
  options: OperationOptions | undefined,
): Promise<ReadonlyMap<number, MintringError>> {
  const { cluster } = core
  let parts: ClientCore | undefined
  const endMs = options?.timeoutMs === undefined ? 0 : performance.now() + options.timeoutMs
  const batch: Batch = {
    ...verb,
    size: keys.length,
    routeKey: (position) => core.keys.routeKey(keys[position]!),
    wireKey: (position) => wireKeys[position]!,
    alone(position) {
      parts ??= core.forParts(sent)
      return verb.alone(parts, position, options)
    },
    send(host, request) {
      if (options !== undefined) applyOptions(request as Request, remaining(options, endMs))
      if (batchTrace.hasSubscribers) void noteSent(sent, request, request.promise)
      if (commandTrace.hasSubscribers) void traceHostRequest(core, request, host).catch(() => {})
      else cluster.dispatchGroup(host, request as Request)
    },
  }
  return new Scatter(cluster, batch).run(positions)
}

/**
 * Returns the deadline of a batch. If the caller sets no timeout there is none, because the time
 * depends on the size of the batch.
 */
export function deadlineOf(what: string, options: OperationOptions | undefined): Deadline {
  return new Deadline(what, options, Number.POSITIVE_INFINITY)
}

/** Returns the time limit of a batch's slow values, such as those of a serializer that hangs. */
export function stallLimitOf(what: string, why: string, stallMs: number): StallLimit {
  const message = `${what} was not done after ${stallMs} ms: ${why}`
  return new StallLimit(stallMs, () => new MintringError('MINTRING_TIMEOUT', message))
}

/** Returns options for a later request of a batch: the caller's, with the time that remains. */
export function laterOptions(
  deadline: Deadline,
  options: OperationOptions | undefined,
): OperationOptions | undefined {
  return options?.timeoutMs === undefined ? options : deadline.next()
}

/** Returns the caller's options with the remaining time. */
function remaining({ signal }: OperationOptions, endMs: number): OperationOptions {
  if (endMs === 0) return { signal }
  return { signal, timeoutMs: Math.max(1, endMs - performance.now()) }
}
