import { badArgument } from '../../arguments.ts'
import { batchTrace, commandTrace } from '../../channels.ts'
import { Deadline, StallLimit } from '../../deadline.ts'
import { MintringError } from '../../errors.ts'
import type { Host } from '../../hosts/host.ts'
import { type Batch, type Failures, Scatter } from '../../hosts/scatter.ts'
import { TimeSlice } from '../../hosts/time-slice.ts'
import type { Request } from '../../net/request.ts'
import { performance } from '../../runtime.ts'
import { kindOf } from '../../secrets.ts'
import type { ClientCore } from '../core.ts'
import { DistinctKeys } from '../distinct-keys.ts'
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

/** Returns the distinct keys of a batch. Checks all of them before any request is sent. */
export async function checkKeys(core: ClientCore, given: Iterable<string>): Promise<KeyBatch> {
  if (typeof given === 'string' || typeof given?.[Symbol.iterator] !== 'function') {
    const got = typeof given === 'string' ? 'one string: write [key]' : kindOf(given)
    throw badArgument(`The keys must be an array or another iterable, not ${got}`)
  }
  const slice = new TimeSlice()
  // A copy, because the caller may change its array while this waits.
  const list = Array.isArray(given) ? [...(given as string[])] : await listOf(given)
  const { length } = list
  const distinct = new DistinctKeys(core.keys, list)
  for (let at = 0; at < length; at++) {
    distinct.add(list[at]!)
    if (slice.isOver()) await slice.next()
  }
  distinct.trim()
  return { keys: distinct.keys, wireKeys: distinct.wireKeys, sent: { attempts: 0, bytes: 0 } }
}

async function listOf(given: Iterable<string>): Promise<string[]> {
  const slice = new TimeSlice()
  const list: string[] = []
  for (const key of given) {
    list.push(key)
    if (slice.isOver()) await slice.next()
  }
  return list
}

/** One call of a verb for many keys. Positions are indexes of the batch's keys. */
export abstract class ManyCall implements Batch {
  abstract readonly isRead: boolean
  readonly core: ClientCore
  readonly keys: readonly string[]
  readonly wireKeys: readonly string[]
  readonly #sent: Sent
  #options: OperationOptions | undefined
  #endMs = 0
  #parts: ClientCore | undefined

  constructor(core: ClientCore, { keys, wireKeys, sent }: KeyBatch) {
    this.core = core
    this.keys = keys
    this.wireKeys = wireKeys
    this.#sent = sent
  }

  get size(): number {
    return this.keys.length
  }

  isSkipped(_position: number): boolean {
    return false
  }

  abstract cut(positions: readonly number[], first: number): number

  abstract request(positions: readonly number[]): Request<void>

  abstract miss(position: number): void

  /** Runs the verb for a single key. */
  protected abstract one(
    parts: ClientCore,
    position: number,
    options: OperationOptions | undefined,
  ): Promise<void>

  /** Sends all keys within the caller's time limit. */
  run(options: OperationOptions | undefined): Promise<Failures> {
    this.#options = options
    if (options?.timeoutMs !== undefined) this.#endMs = performance.now() + options.timeoutMs
    return new Scatter(this.core.cluster, this).run()
  }

  routeKey(position: number): string {
    return this.core.keys.routeKey(this.keys[position]!)
  }

  wireKey(position: number): string {
    return this.wireKeys[position]!
  }

  alone(position: number): Promise<void> {
    this.#parts ??= this.core.forParts(this.#sent)
    return this.one(this.#parts, position, this.#options)
  }

  send(host: Host, request: Request): void {
    if (this.#options !== undefined) applyOptions(request, remaining(this.#options, this.#endMs))
    if (batchTrace.hasSubscribers) void noteSent(this.#sent, request, request.promise)
    if (commandTrace.hasSubscribers) void traceHostRequest(this.core, request, host).catch(() => {})
    else this.core.cluster.dispatchGroup(host, request)
  }
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
