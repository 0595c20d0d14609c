import { batchTrace, isTraced } from '../../channels.ts'
import { abortedBy, type Deadline, type StallLimit } from '../../deadline.ts'
import type { MintringError } from '../../errors.ts'
import { DialPace } from '../../hosts/pace.ts'
import type { SingleAttempt } from '../../net/attempt.ts'
import { errorLine, refuse, surprising } from '../../net/refusal.ts'
import type { Attempt, Verb } from '../../net/request.ts'
import { Request } from '../../net/request.ts'
import type { Reply } from '../../protocol/reply.ts'
import { ReplyKind } from '../../protocol/reply-kind.ts'
import { getHead } from '../../protocol/request.ts'
import type { ClientCore } from '../core.ts'
import type { ReadOptions } from '../options.ts'
import { checkOptions, READ_OPTIONS } from '../options.ts'
import { allFailed, Outcomes } from '../outcomes.ts'
import { type BatchCount, traceBatch } from '../trace.ts'
import type { Decoder } from '../values/codec.ts'
import { MeasuredCodec } from '../wire-bytes.ts'
import type { KeyBatch, ManyVerb } from './many.ts'
import { allOf, checkKeys, deadlineOf, runMany, stallLimitOf } from './many.ts'
import { get, isSplit, MAX_SPLIT_MS } from './retrieval.ts'

/** Limits of one `get` line: servers and proxies have small line buffers. */
const MAX_LINE_KEYS = 100
const MAX_LINE_BYTES = 6000

const UNDECODED = 'the value arrived but was not decoded (slow serializer or lost chunks)'

/** The results of one getMany, by position of the key. */
interface Found {
  readonly codec: Decoder
  /** The positions of the keys whose host has replied; undefined without subscribers. */
  readonly answered: number[] | undefined
  readonly values: unknown[]
  /** Values that are still being decoded. */
  readonly pending: Promise<void>[]
  /** The caller's time limit for decoding. */
  readonly deadline: Deadline
  /** The time limit of values that decode slowly. */
  readonly limit: StallLimit
  /** Values that could not be decoded, by position. */
  readonly broken: Map<number, MintringError>
}

/** One `get` line of a getMany. */
interface Line {
  readonly found: Found
  readonly codec: Decoder
  readonly positions: readonly number[]
  readonly wireKeys: readonly string[]
  /** The bytes of the values read so far, if they are measured. */
  readonly size?: number
}

/** Where a getMany puts its results. */
interface Filled {
  readonly values: unknown[]
  readonly hits: Map<string, unknown>
  readonly failed: Map<string, MintringError>
  readonly answered: number[] | undefined
}

/** The server returns hits in the order of the keys, and omits misses. */
const GET_MANY: Verb = {
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
}

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
  const answered: number[] | undefined = isTraced() ? [] : undefined
  const values = new Array<unknown>(batch.keys.length).fill(undefined)
  const run = (): Promise<void> =>
    readMany(core, batch, options, { values, hits, failed, answered })
  if (!batchTrace.hasSubscribers) return run()
  const { keys, sent } = batch
  const size = keys.length
  const count = (): BatchCount => ({ size, hits: hits.size, failed: failed.size, ...sent })
  const reached = (): BatchCount => {
    const done = new Set(answered)
    let found = 0
    for (const [position, value] of values.entries()) {
      if (value === undefined) continue
      found++
      done.add(position)
    }
    return { size, hits: found, failed: size - done.size, ...sent }
  }
  await traceBatch(core, 'getMany', keys, run, count, reached)
}

async function readMany(
  core: ClientCore,
  batch: KeyBatch,
  options: ReadOptions | undefined,
  { values, hits, failed, answered }: Filled,
): Promise<void> {
  const codec = core.codecFor(options)
  const deadline = deadlineOf('getMany', options)
  const limit = stallLimitOf('getMany', UNDECODED, options?.timeoutMs ?? core.operationMs)
  const lists = { values, pending: [], broken: new Map() }
  const found: Found = { ...lists, codec, deadline, limit, answered }
  const verb = readingVerb(batch, found)
  const unasked = await runMany(core, batch, allOf(batch), verb, options)
  if (found.pending.length > 0) await Promise.all(found.pending)
  const { signal } = options ?? {}
  if (signal?.aborted === true) throw abortedBy(signal, true)
  const pace = new DialPace()
  for (let position = 0; position < batch.keys.length; position++) {
    if (pace.isDue()) await pace.rest()
    const key = batch.keys[position]!
    const value = found.values[position]
    if (value !== undefined) {
      hits.set(key, value)
      continue
    }
    const error = unasked.get(position) ?? found.broken.get(position)
    if (error !== undefined) failed.set(key, error)
  }
}

function readingVerb(batch: KeyBatch, found: Found): ManyVerb {
  return {
    isRead: true,
    cut(positions, first) {
      let bytes = 0
      let end = first
      while (end < positions.length && end - first < MAX_LINE_KEYS) {
        bytes += batch.wireKeys[positions[end]!]!.length + 1
        if (bytes > MAX_LINE_BYTES) break
        end++
      }
      return end
    },
    request(positions) {
      const wireKeys = positions.map((position) => batch.wireKeys[position]!)
      const line: Line = { found, positions, wireKeys, codec: found.codec }
      const { answered } = found
      if (answered === undefined) return new Request<void>(GET_MANY, undefined, '', line)
      const request = new Request<void>(GET_MANY, undefined, '', measured(line))
      const note = (): void => void answered.push(...positions)
      request.promise.then(note, () => undefined)
      return request
    },
    miss() {},
    async alone(parts, position, options) {
      found.values[position] = await get(parts, batch.keys[position]!, options)
      found.answered?.push(position)
    },
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
  const { positions, wireKeys, found } = request.context as Line
  const position = positions[attempt.cursor]!
  if (reply.kind === ReplyKind.Value) {
    if (!reply.keyEquals(wireKeys[attempt.cursor]!)) throw surprising(request)
    take(request.context as Line, position, reply)
    return false
  }
  if (reply.kind !== ReplyKind.End) found.broken.set(position, errorLine(request, reply))
  if (++attempt.cursor < wireKeys.length) return false
  request.resolve(undefined)
  return true
}

function takeHit(request: Request, attempt: SingleAttempt, reply: Reply): void {
  const line = request.context as Line
  const { positions, wireKeys } = line
  let at = attempt.cursor
  while (at < wireKeys.length && !reply.keyEquals(wireKeys[at]!)) at++
  if (at === wireKeys.length) throw surprising(request)
  attempt.cursor = at + 1
  take(line, positions[at]!, reply)
}

function take({ found, codec }: Line, position: number, reply: Reply): void {
  try {
    const value = codec.decode(reply.flags, reply)
    if (value instanceof Promise) found.pending.push(keep(found, position, value, reply.flags))
    else found.values[position] = value
  } catch (error) {
    found.broken.set(position, error as MintringError)
  }
}

async function keep(
  found: Found,
  position: number,
  value: Promise<unknown>,
  flags: number,
): Promise<void> {
  const limit = isSplit(flags) ? stallLimitOf('getMany', UNDECODED, MAX_SPLIT_MS) : found.limit
  try {
    found.values[position] = await found.deadline.bound(limit.bound(value), UNDECODED)
  } catch (error) {
    found.broken.set(position, error as MintringError)
  }
}
