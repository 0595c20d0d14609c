import { batchTrace, isTraced } from '../../channels.ts'
import { abortedBy, type Deadline, type StallLimit } from '../../deadline.ts'
import type { MintringError } from '../../errors.ts'
import { TimeSlice } from '../../hosts/time-slice.ts'
import type { SingleAttempt } from '../../net/attempt.ts'
import { errorLine, refuse, surprising } from '../../net/refusal.ts'
import type { Attempt, Verb } from '../../net/request.ts'
import { Request, verbOf } from '../../net/request.ts'
import type { Reply } from '../../protocol/reply.ts'
import { ReplyKind } from '../../protocol/reply-kind.ts'
import { getHead } from '../../protocol/request.ts'
import type { ClientCore } from '../core.ts'
import type { OperationOptions, ReadOptions } from '../options.ts'
import { checkOptions, READ_OPTIONS } from '../options.ts'
import { allFailed, Outcomes } from '../outcomes.ts'
import { type BatchCount, traceBatch } from '../trace.ts'
import type { Decoder } from '../values/codec.ts'
import { MeasuredCodec } from '../wire-bytes.ts'
import { checkKeys, deadlineOf, type KeyBatch, ManyCall, stallLimitOf } from './many.ts'
import { get, isSplit, MAX_SPLIT_MS } from './retrieval.ts'

/** Limits of one `get` line: servers and proxies have small line buffers. */
const MAX_LINE_KEYS = 100
const MAX_LINE_BYTES = 6000

const UNDECODED = 'the value arrived but was not decoded (slow serializer or lost chunks)'

/** One `get` line of a getMany. */
interface Line {
  readonly reading: Reading
  readonly codec: Decoder
  readonly positions: readonly number[]
  readonly wireKeys: readonly string[]
  /** The bytes of the values read so far, if they are measured. */
  readonly size?: number
}

/** The server returns hits in the order of the keys, and omits misses. */
const GET_MANY: Verb = verbOf({
  name: 'get',
  effect: 'read',
  repeatable: true,
  encode({ context, attempt }, out) {
    const { wireKeys } = context as Line
    if (asksSingly(attempt)) for (const wireKey of wireKeys) out.text(getHead([wireKey]))
    else out.text(getHead(wireKeys))
  },
  accept(request, reply, attempt) {
    if (asksSingly(attempt)) return acceptSingle(request, reply, attempt as SingleAttempt)
    if (reply.kind === ReplyKind.Value) {
      takeHit(request, attempt as SingleAttempt, reply)
      return false
    }
    if (reply.kind !== ReplyKind.End) return refuse(request, reply)
    request.resolve(undefined)
    return true
  },
})

/** Returns the hits in the order of the keys; rejects when every key failed. */
export async function getMany(
  core: ClientCore,
  keys: Iterable<string>,
  options: ReadOptions | undefined,
): Promise<Map<string, unknown>> {
  checkOptions('getMany', options, READ_OPTIONS)
  const hits = new Map<string, unknown>()
  const failed = new Map<string, MintringError>()
  const batch = await checkKeys(core, keys)
  await core.cluster.operations.during(readTraced(core, batch, options, hits, failed))
  if (core.behaviors.onError === 'miss') {
    for (const error of failed.values()) core.forgive(error)
    return hits
  }
  const error = failed.size === batch.keys.length ? allFailed(failed.values()) : undefined
  if (error !== undefined) throw error
  return hits
}

/** Returns the hits in the order of the keys, and the keys that failed. */
export async function getManyDetailed(
  core: ClientCore,
  keys: Iterable<string>,
  options: ReadOptions | undefined,
): Promise<Outcomes<unknown>> {
  checkOptions('getManyDetailed', options, READ_OPTIONS)
  const outcomes = new Outcomes<unknown>()
  const batch = await checkKeys(core, keys)
  await core.cluster.operations.during(readTraced(core, batch, options, outcomes, outcomes.failed))
  return outcomes
}

async function readTraced(
  core: ClientCore,
  batch: KeyBatch,
  options: ReadOptions | undefined,
  hits: Map<string, unknown>,
  failed: Map<string, MintringError>,
): Promise<void> {
  const reading = new Reading(core, batch, options)
  const run = (): Promise<void> => readMany(reading, options, hits, failed)
  if (!batchTrace.hasSubscribers) return run()
  const { keys, sent } = batch
  const size = keys.length
  const count = (): BatchCount => ({ size, hits: hits.size, failed: failed.size, ...sent })
  const reached = (): BatchCount => {
    const done = new Set(reading.answered)
    let found = 0
    for (const [position, value] of reading.values.entries()) {
      if (value === undefined) continue
      found++
      done.add(position)
    }
    return { size, hits: found, failed: size - done.size, ...sent }
  }
  await traceBatch(core, 'getMany', keys, run, count, reached)
}

async function readMany(
  reading: Reading,
  options: ReadOptions | undefined,
  hits: Map<string, unknown>,
  failed: Map<string, MintringError>,
): Promise<void> {
  const { keys, values, pending, broken } = reading
  const unasked = await reading.run(options)
  if (pending.length > 0) await Promise.all(pending)
  const { signal } = options ?? {}
  if (signal?.aborted === true) throw abortedBy(signal, true)
  const slice = new TimeSlice()
  for (let position = 0; position < keys.length; position++) {
    if (slice.isOver()) await slice.next()
    const value = values[position]
    if (value !== undefined) {
      hits.set(keys[position]!, value)
      continue
    }
    const error = unasked.get(position) ?? broken.get(position)
    if (error !== undefined) failed.set(keys[position]!, error)
  }
}

/** One getMany: its results by position of the key. */
class Reading extends ManyCall {
  readonly isRead = true
  readonly values: unknown[]
  /** The positions of the keys whose host has replied; undefined without subscribers. */
  readonly answered: number[] | undefined = isTraced() ? [] : undefined
  /** Values that are still being decoded. */
  readonly pending: Promise<void>[] = []
  /** Values that could not be decoded, by position. */
  readonly broken = new Map<number, MintringError>()
  readonly #codec: Decoder
  /** The caller's time limit for decoding. */
  readonly #deadline: Deadline
  readonly #stallMs: number
  /** The time limit of values that decode slowly. */
  #limit: StallLimit | undefined

  constructor(core: ClientCore, batch: KeyBatch, options: ReadOptions | undefined) {
    super(core, batch)
    this.#codec = core.codecFor(options)
    this.#deadline = deadlineOf('getMany', options)
    this.#stallMs = options?.timeoutMs ?? core.operationMs
    this.values = new Array<unknown>(this.keys.length).fill(undefined)
  }

  cut(positions: readonly number[], first: number): number {
    const { wireKeys } = this
    const last = Math.min(positions.length, first + MAX_LINE_KEYS)
    let bytes = 0
    let end = first
    while (end < last) {
      bytes += wireKeys[positions[end]!]!.length + 1
      if (bytes > MAX_LINE_BYTES) break
      end++
    }
    return end
  }

  request(positions: readonly number[]): Request<void> {
    const isAll = positions.length === this.size
    const wireKeys = isAll ? this.wireKeys : positions.map((at) => this.wireKeys[at]!)
    const line: Line = { reading: this, codec: this.#codec, positions, wireKeys }
    const { answered } = this
    if (answered === undefined) return new Request<void>(GET_MANY, undefined, '', line)
    const request = new Request<void>(GET_MANY, undefined, '', measured(line))
    const note = (): void => void answered.push(...positions)
    request.promise.then(note, () => undefined)
    return request
  }

  miss(): void {}

  protected async one(
    parts: ClientCore,
    position: number,
    options: OperationOptions | undefined,
  ): Promise<void> {
    this.values[position] = await get(parts, this.keys[position]!, options)
    this.answered?.push(position)
  }

  /** Decodes the value of a key. */
  take(position: number, codec: Decoder, reply: Reply): void {
    try {
      const value = codec.decode(reply.flags, reply)
      if (value instanceof Promise) this.pending.push(this.#keep(position, value, reply.flags))
      else this.values[position] = value
    } catch (error) {
      this.broken.set(position, error as MintringError)
    }
  }

  async #keep(position: number, value: Promise<unknown>, flags: number): Promise<void> {
    const limit = isSplit(flags) ? stallLimitOf('getMany', UNDECODED, MAX_SPLIT_MS) : this.#slow
    try {
      this.values[position] = await this.#deadline.bound(limit.bound(value), UNDECODED)
    } catch (error) {
      this.broken.set(position, error as MintringError)
    }
  }

  get #slow(): StallLimit {
    this.#limit ??= stallLimitOf('getMany', UNDECODED, this.#stallMs)
    return this.#limit
  }
}

/** Returns a copy of a `get` line whose codec adds up the bytes that it decodes. */
function measured(line: Line): Line {
  const codec = new MeasuredCodec(line.codec)
  return {
    ...line,
    codec,
    get size() {
      return codec.size
    },
  }
}

/** Whether each key gets a `get` line of its own: behind a proxy each key can fail alone. */
function asksSingly(attempt: Attempt | undefined): boolean {
  return attempt?.router.abilities?.singleGets === true
}

/** Handles the reply of one key: VALUE and END, END alone, or an error line. */
function acceptSingle(request: Request, reply: Reply, attempt: SingleAttempt): boolean {
  const { reading, codec, positions, wireKeys } = request.context as Line
  const position = positions[attempt.cursor]!
  if (reply.kind === ReplyKind.Value) {
    if (!reply.keyEquals(wireKeys[attempt.cursor]!)) throw surprising(request)
    reading.take(position, codec, reply)
    return false
  }
  if (reply.kind !== ReplyKind.End) reading.broken.set(position, errorLine(request, reply))
  if (++attempt.cursor < wireKeys.length) return false
  request.resolve(undefined)
  return true
}

function takeHit(request: Request, attempt: SingleAttempt, reply: Reply): void {
  const { reading, codec, positions, wireKeys } = request.context as Line
  let at = attempt.cursor
  while (at < wireKeys.length && !reply.keyEquals(wireKeys[at]!)) at++
  if (at === wireKeys.length) throw surprising(request)
  attempt.cursor = at + 1
  reading.take(positions[at]!, codec, reply)
}
