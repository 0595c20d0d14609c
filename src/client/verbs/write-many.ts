import { batchTrace } from '../../channels.ts'
import type { MintringError } from '../../errors.ts'
import { TimeSlice } from '../../hosts/time-slice.ts'
import type { SingleAttempt } from '../../net/attempt.ts'
import { refusalOf, surprising } from '../../net/refusal.ts'
import type { Attempt, Effect, Sink, Verb } from '../../net/request.ts'
import { Request, verbOf } from '../../net/request.ts'
import { unlockHead } from '../../net/unlock.ts'
import { atMostExptime } from '../../protocol/exptime.ts'
import type { ReplyKind as Kind } from '../../protocol/reply-kind.ts'
import { ReplyKind } from '../../protocol/reply-kind.ts'
import { deleteHead, storeHead } from '../../protocol/request.ts'
import type { ClientCore } from '../core.ts'
import type { OperationOptions, StoreOptions } from '../options.ts'
import { checkOptions, STORE_OPTIONS } from '../options.ts'
import { Outcomes } from '../outcomes.ts'
import { type BatchCount, traceBatch } from '../trace.ts'
import { optionalExptime } from '../ttl.ts'
import type { Encoded } from '../values/codec.ts'
import { bytesWritten } from '../wire-bytes.ts'
import { DELETE } from './delete.ts'
import { type EncodedMany, encodeAll, isLate, splitLarge } from './encode-many.ts'
import { checkEntries, type Entries, type EntryBatch } from './entries.ts'
import type { KeyBatch } from './many.ts'
import { checkKeys, deadlineOf, laterOptions, ManyCall, stallLimitOf } from './many.ts'
import { storeEncoded, UNENCODED } from './storage.ts'

/** The maximum number of commands, and of bytes, in one request. */
const MAX_GROUP_COMMANDS = 256
const MAX_GROUP_BYTES = 65_536

/** What became of a key: its host has not replied, or it was written, or not. */
const UNKNOWN = 0
const NO = 1
const YES = 2

/** The keys of one request: each has a command with one reply, in order. */
class Commands {
  readonly writing: Writing
  readonly positions: readonly number[]

  constructor(writing: Writing, positions: readonly number[]) {
    this.writing = writing
    this.positions = positions
  }

  /** The bytes of their values, for traces. */
  get size(): number {
    return this.positions.reduce((sum, position) => sum + this.writing.lengthOf(position), 0)
  }
}

/** One setMany or deleteMany: its results by position of the key. */
abstract class Writing extends ManyCall {
  readonly isRead = false
  /** UNKNOWN, NO or YES, by position. An array of objects would delay the event loop. */
  readonly done: Uint8Array
  readonly refused = new Map<number, MintringError>()

  constructor(core: ClientCore, batch: KeyBatch) {
    super(core, batch)
    this.done = new Uint8Array(this.size)
  }

  override isSkipped(position: number): boolean {
    return this.refused.size > 0 && this.refused.has(position)
  }

  miss(position: number): void {
    this.note(position, false)
  }

  /** Keeps the result of a key, in place of that of an earlier attempt. */
  note(position: number, isDone: boolean): void {
    this.done[position] = isDone ? YES : NO
    if (this.refused.size > 0) this.refused.delete(position)
  }

  /** Encodes the command of a key. */
  abstract encode(position: number, out: Sink, maxTtl: number, attempt: Attempt | undefined): void

  /** Returns the length of a key's value. */
  abstract lengthOf(position: number): number

  /** Returns the bytes of a key's value on the wire, for traces. */
  abstract sizeOf(position: number): number

  /** Returns the outcomes of all keys. */
  async collect(
    errorOf: (position: number) => MintringError | undefined,
  ): Promise<Outcomes<boolean>> {
    const slice = new TimeSlice()
    const outcomes = new Outcomes<boolean>()
    const { keys, done, refused } = this
    for (let position = 0; position < keys.length; position++) {
      if (slice.isOver()) await slice.next()
      const error = errorOf(position) ?? refused.get(position)
      if (error !== undefined) outcomes.failed.set(keys[position]!, error)
      else outcomes.set(keys[position]!, done[position] === YES)
    }
    return outcomes
  }
}

/** One setMany. */
class Storing extends Writing {
  readonly encoded: EncodedMany
  readonly #exptime: number

  constructor(core: ClientCore, batch: EntryBatch, exptime: number) {
    super(core, batch)
    const bodies = batch.values as Encoded['body'][]
    this.encoded = { bodies, flags: new Uint32Array(bodies.length) }
    this.#exptime = exptime
  }

  cut(positions: readonly number[], first: number): number {
    const last = Math.min(positions.length, first + MAX_GROUP_COMMANDS)
    let bytes = 0
    let end = first
    while (end < last) {
      bytes += this.lengthOf(positions[end]!)
      if (bytes > MAX_GROUP_BYTES && end > first) break
      end++
    }
    return end
  }

  request(positions: readonly number[]): Request<void> {
    return new Request<void>(SET_MANY, undefined, '', new Commands(this, positions))
  }

  encode(position: number, out: Sink, maxTtl: number): void {
    const { body, flags } = this.#itemAt(position)
    const exptime = atMostExptime(this.#exptime, maxTtl)
    out.text(storeHead('set', this.wireKeys[position]!, flags, exptime, body.length))
    out.data(body)
  }

  lengthOf(position: number): number {
    return this.encoded.bodies[position]!.length
  }

  sizeOf(position: number): number {
    const { body, flags } = this.#itemAt(position)
    return bytesWritten(body, flags)
  }

  protected async one(
    parts: ClientCore,
    position: number,
    options: OperationOptions | undefined,
  ): Promise<void> {
    const key = this.keys[position]!
    const item = this.#itemAt(position)
    this.note(position, await storeEncoded(parts, key, item, this.#exptime, options))
  }

  #itemAt(position: number): Encoded {
    const { bodies, flags } = this.encoded
    return { body: bodies[position]!, flags: flags[position]! }
  }
}

/** One deleteMany. */
class Deleting extends Writing {
  cut(positions: readonly number[], first: number): number {
    return Math.min(positions.length, first + MAX_GROUP_COMMANDS)
  }

  request(positions: readonly number[]): Request<void> {
    return new Request<void>(DELETE_MANY, undefined, '', new Commands(this, positions))
  }

  encode(position: number, out: Sink, _maxTtl: number, attempt: Attempt | undefined): void {
    const wireKey = this.wireKeys[position]!
    out.text(unlockHead(attempt, wireKey) + deleteHead(wireKey))
  }

  lengthOf(): number {
    return 0
  }

  sizeOf(): number {
    return 0
  }

  protected async one(
    parts: ClientCore,
    position: number,
    options: OperationOptions | undefined,
  ): Promise<void> {
    const key = [this.routeKey(position), this.wireKey(position)] as const
    this.note(
      position,
      await parts.submit(new Request<boolean>(DELETE, ...key, undefined), options),
    )
  }
}

const SET_MANY: Verb = groupVerb('set', 'change', ReplyKind.Stored, ReplyKind.NotStored)
const DELETE_MANY: Verb = groupVerb('delete', 'remove', ReplyKind.Deleted, ReplyKind.NotFound)

/** Stores all entries; per key true, or in `failed` the reason. */
export function setMany(
  core: ClientCore,
  entries: Entries<unknown>,
  options: StoreOptions | undefined,
): Promise<Outcomes<boolean>> {
  return core.cluster.operations.during(setAll(core, entries, options))
}

async function setAll(
  core: ClientCore,
  entries: Entries<unknown>,
  options: StoreOptions | undefined,
): Promise<Outcomes<boolean>> {
  checkOptions('setMany', options, STORE_OPTIONS)
  const exptime = optionalExptime(options?.ttl)
  const batch = await checkEntries(core, entries)
  const storing = new Storing(core, batch, exptime)
  return writeTraced('setMany', batch, storing, () => storeAll(storing, batch, exptime, options))
}

async function storeAll(
  storing: Storing,
  batch: EntryBatch,
  exptime: number,
  options: StoreOptions | undefined,
): Promise<Outcomes<boolean>> {
  const { core, encoded, refused } = storing
  const deadline = deadlineOf('setMany', options)
  const limit = stallLimitOf('setMany', UNENCODED, options?.timeoutMs ?? core.operationMs)
  await encodeAll(core, encoded, { deadline, limit, refused })
  await splitLarge(core, batch, encoded, { exptime, options, deadline, refused })
  let left: OperationOptions | undefined
  try {
    left = laterOptions(deadline, options)
  } catch (error) {
    if (!isLate(error)) throw error
    return storing.collect((position) => (storing.isSkipped(position) ? undefined : error))
  }
  const failed = await storing.run(left)
  return storing.collect((position) => failed.get(position))
}

/** Deletes all keys; per key whether it was stored, or in `failed` the reason. */
export function deleteMany(
  core: ClientCore,
  keys: Iterable<string>,
  options: OperationOptions | undefined,
): Promise<Outcomes<boolean>> {
  checkOptions('deleteMany', options)
  const deleted = checkKeys(core, keys).then((batch) => {
    const deleting = new Deleting(core, batch)
    return writeTraced('deleteMany', batch, deleting, () => deleteAll(deleting, options))
  })
  return core.cluster.operations.during(deleted)
}

async function deleteAll(
  deleting: Deleting,
  options: OperationOptions | undefined,
): Promise<Outcomes<boolean>> {
  const slice = new TimeSlice()
  for (const key of deleting.keys) {
    deleting.core.changed(key)
    if (slice.isOver()) await slice.next()
  }
  const failed = await deleting.run(options)
  return deleting.collect((position) => failed.get(position))
}

function writeTraced(
  command: string,
  { keys, sent }: KeyBatch,
  writing: Writing,
  run: () => Promise<Outcomes<boolean>>,
): Promise<Outcomes<boolean>> {
  if (!batchTrace.hasSubscribers) return run()
  const size = keys.length
  const spent = (): Pick<BatchCount, 'hits' | 'attempts' | 'bytes'> => {
    let hits = 0
    let bytes = 0
    for (let position = 0; position < size; position++) {
      if (writing.done[position] !== YES) continue
      hits++
      bytes += writing.sizeOf(position)
    }
    return { hits, attempts: sent.attempts, ...(bytes > 0 && { bytes }) }
  }
  const count = (outcomes: Outcomes<boolean>): BatchCount => {
    let hits = 0
    for (const isDone of outcomes.values()) if (isDone) hits++
    return { ...spent(), size, hits, failed: outcomes.failed.size }
  }
  const reached = (): BatchCount => {
    const unknown = writing.done.reduce((sum, one) => (one === UNKNOWN ? sum + 1 : sum), 0)
    return { ...spent(), size, failed: unknown }
  }
  return traceBatch(writing.core, command, keys, run, count, reached)
}

/**
 * Creates a verb with one reply per key, in order. Only SERVER_ERROR fails a single key; any other
 * reply breaks the framing and fails the request.
 */
function groupVerb(name: string, effect: Effect, yes: Kind, no: Kind): Verb {
  return verbOf({
    name,
    effect,
    repeatable: true,
    encode({ context, attempt }, out, maxTtl) {
      const { writing, positions } = context as Commands
      for (const position of positions) writing.encode(position, out, maxTtl, attempt)
    },
    accept(request, reply, attempt) {
      const { writing, positions } = request.context as Commands
      const single = attempt as SingleAttempt
      const { kind } = reply
      const isError = kind === ReplyKind.ServerError
      if (!isError && kind !== yes && kind !== no) throw surprising(request)
      const position = positions[single.cursor++]!
      if (isError) writing.refused.set(position, refusalOf(request, reply))
      else if (typeof single.lock === 'object') writing.refused.set(position, single.lock)
      // An earlier attempt may have deleted what is missing now.
      else writing.note(position, kind === yes || (effect === 'remove' && single.isRepeated))
      if (single.cursor < positions.length) return false
      request.resolve(undefined)
      return true
    },
    // Fails the key only.
    lockRefused(request, reply, attempt) {
      if (reply.kind !== ReplyKind.ServerError) throw surprising(request)
      ;(attempt as SingleAttempt).lock = refusalOf(request, reply)
    },
  })
}
