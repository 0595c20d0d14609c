import { badArgument } from '../../arguments.ts'
import { commandTrace } from '../../channels.ts'
import { Deadline, MAX_TIMER_MS } from '../../deadline.ts'
import type { MintringError } from '../../errors.ts'
import { DialPace } from '../../hosts/pace.ts'
import { type Batch, Scatter } from '../../hosts/scatter.ts'
import type { Request } from '../../net/request.ts'
import { performance } from '../../runtime.ts'
import { kindOf } from '../../secrets.ts'
import type { ClientCore } from '../core.ts'
import type { OperationOptions } from '../options.ts'
import { applyOptions } from '../options.ts'
import { traceHostRequest } from '../trace.ts'

/** The keys of a batch, each checked, in the order asked. */
export interface KeyBatch {
  readonly keys: readonly string[]
  readonly wireKeys: readonly string[]
}

/** What one verb does with a part of a batch. Positions are into the batch's keys. */
export interface ManyVerb extends Pick<Batch, 'isRead' | 'cut' | 'request' | 'miss'> {
  /** Does it for one key, as the verb for one would. */
  alone(parts: ClientCore, position: number, options: OperationOptions | undefined): Promise<void>
}

/** The different keys of a batch, checked before any of them is asked. */
export async function checkKeys(core: ClientCore, keys: Iterable<string>): Promise<KeyBatch> {
  if (typeof keys === 'string' || typeof keys?.[Symbol.iterator] !== 'function') {
    const got = typeof keys === 'string' ? 'one string: write [key]' : kindOf(keys)
    throw badArgument(`The keys are an array or another iterable, not ${got}`)
  }
  const pace = new DialPace()
  const distinct = new Map<string, string>()
  for (const key of keys) {
    if (!distinct.has(key)) distinct.set(key, core.keys.wireKey(key))
    if (pace.isDue()) await pace.rest()
  }
  return { keys: [...distinct.keys()], wireKeys: [...distinct.values()] }
}

/** All positions of a batch. */
export function* allOf(batch: KeyBatch): Iterable<number> {
  for (let position = 0; position < batch.keys.length; position++) yield position
}

/**
 * Runs a batch within the time that one operation has. Resolves to the positions that could not be
 * done, with the reason.
 */
export function runMany(
  core: ClientCore,
  { keys, wireKeys }: KeyBatch,
  positions: Iterable<number>,
  verb: ManyVerb,
  options: OperationOptions | undefined,
): Promise<ReadonlyMap<number, MintringError>> {
  const { cluster } = core
  const endMs = options?.timeoutMs === undefined ? 0 : performance.now() + options.timeoutMs
  const batch: Batch = {
    ...verb,
    size: keys.length,
    routeKey: (position) => core.keys.routeKey(keys[position]!),
    wireKey: (position) => wireKeys[position]!,
    alone: (position) => verb.alone(core.forParts, position, options),
    send(host, request) {
      if (options !== undefined) applyOptions(request as Request, remaining(options, endMs))
      if (commandTrace.hasSubscribers) void traceHostRequest(core, request, host).catch(() => {})
      else cluster.dispatchGroup(host, request as Request)
    },
  }
  return new Scatter(cluster, batch).run(positions)
}

/** When a batch ends: by the caller's word alone, because its size decides how long it takes. */
export function deadlineOf(what: string, options: OperationOptions | undefined): Deadline {
  return new Deadline(what, options, MAX_TIMER_MS)
}

/** The caller's options for a later step. */
export function laterOptions(
  deadline: Deadline,
  options: OperationOptions | undefined,
): OperationOptions | undefined {
  return options?.timeoutMs === undefined ? options : deadline.next()
}

/** The caller's options with what is left of the time. */
function remaining({ signal }: OperationOptions, endMs: number): OperationOptions {
  if (endMs === 0) return { signal }
  return { signal, timeoutMs: Math.max(1, endMs - performance.now()) }
}
