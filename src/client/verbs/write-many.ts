import { batchTrace } from '../../channels.ts'
import type { MintringError } from '../../errors.ts'
import { DialPace } from '../../hosts/pace.ts'
import type { SingleAttempt } from '../../net/attempt.ts'
import { refusalOf, surprising } from '../../net/refusal.ts'
import type { Effect, Sink, Verb } from '../../net/request.ts'
import { Request } from '../../net/request.ts'
import { atMostExptime } from '../../protocol/exptime.ts'
import type { Reply } from '../../protocol/reply.ts'
import type { ReplyKind as Kind } from '../../protocol/reply-kind.ts'
import { ReplyKind } from '../../protocol/reply-kind.ts'
import { deleteHead, storeHead } from '../../protocol/request.ts'
import type { ClientCore } from '../core.ts'
import type { OperationOptions, StoreOptions } from '../options.ts'
import { checkOptions, STORE_OPTIONS } from '../options.ts'
import { Outcomes } from '../outcomes.ts'
import { type BatchCount, traceBatch } from '../trace.ts'
import type { Sent } from '../trace-call.ts'
import { optionalExptime } from '../ttl.ts'
import type { Encoded } from '../values/codec.ts'
import { bytesWritten } from '../wire-bytes.ts'
import { encodeAll, isLate, splitLarge } from './encode-many.ts'
import { type Entries, mapOf } from './entries.ts'
import { DELETE } from './found.ts'
import type { KeyBatch, ManyVerb } from './many.ts'
import { allOf, checkKeys, deadlineOf, laterOptions, runMany, stallLimitOf } from './many.ts'
import { storeEncoded, UNENCODED } from './storage.ts'

/** The maximum number of commands, and of bytes, in one request. */
const MAX_GROUP_COMMANDS = 256
const MAX_GROUP_BYTES = 65_536

/** The results of one batch of writes, by position of the key. */
interface Written {
  readonly done: (boolean | undefined)[]
  readonly refused: Map<number, MintringError>
  /** Returns the bytes of a key's value on the wire, for traces. */
  sizeOf(position: number): number
}

/** A group of commands in one request; each has one reply, in order. */
interface Group {
  readonly written: Written
  readonly positions: readonly number[]
  /** The bytes of the group's values, for traces. */
  readonly size?: number
  encode(position: number, out: Sink, maxTtl: number): void
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
  const values = await mapOf(entries)
  const batch = await checkKeys(core, values.keys())
  const written = newWritten()
  const run = (): Promise<Outcomes<boolean>> =>
    storeAll(core, batch, values.values(), { exptime, options, written })
  return writeTraced(core, 'setMany', batch, written, run)
}

interface Storing {
  readonly exptime: number
  readonly options: StoreOptions | undefined
  readonly written: Written
}

async function storeAll(
  core: ClientCore,
  batch: KeyBatch,
  values: Iterable<unknown>,
  { exptime, options, written }: Storing,
): Promise<Outcomes<boolean>> {
  const deadline = deadlineOf('setMany', options)
  const limit = stallLimitOf('setMany', UNENCODED, options?.timeoutMs ?? core.operationMs)
  const encoded = await encodeAll(core, values, { deadline, limit, refused: written.refused })
  const large = { exptime, options, deadline, refused: written.refused }
  await splitLarge(core, batch, encoded, large)
  const positions = await positionsToSend(batch, written.refused)
  written.sizeOf = (position) => bytesWritten(encoded[position]!.body, encoded[position]!.flags)
  const verb = settingVerb(batch, encoded, exptime, written)
  let left: OperationOptions | undefined
  try {
    left = laterOptions(deadline, options)
  } catch (error) {
    if (!isLate(error)) throw error
    return collect(batch, written, new Map(positions.map((position) => [position, error])))
  }
  return collect(batch, written, await runMany(core, batch, positions, verb, left))
}

/** What follows the first deletes of deleteMany(), as a part of the same operation. */
interface SecondPass {
  /** Called for each key that was not stored, as soon as its host has replied. */
  absent(key: string, sent: Sent): void
  /** Completes the outcomes of the first deletes. */
  finish(outcomes: Outcomes<boolean>): Promise<Outcomes<boolean>>
}

/** Deletes all keys; per key whether it was stored, or in `failed` the reason. */
export function deleteMany(
  core: ClientCore,
  keys: Iterable<string>,
  options: OperationOptions | undefined,
  second: SecondPass,
): Promise<Outcomes<boolean>> {
  checkOptions('deleteMany', options)
  const deleted = checkKeys(core, keys).then((batch) => {
    const written = newWritten()
    return writeTraced(core, 'deleteMany', batch, written, async () => {
      const onAbsent = (key: string): void => second.absent(key, batch.sent)
      return second.finish(await deleteAll(core, batch, written, options, onAbsent))
    })
  })
  return core.cluster.operations.during(deleted)
}

function writeTraced(
  core: ClientCore,
  command: string,
  { keys, sent }: KeyBatch,
  written: Written,
  run: () => Promise<Outcomes<boolean>>,
): Promise<Outcomes<boolean>> {
  if (!batchTrace.hasSubscribers) return run()
  const size = keys.length
  const stored = (): number[] => allStored(written.done)
  const spent = (): Pick<BatchCount, 'attempts' | 'bytes'> => {
    let bytes = 0
    for (const position of stored()) bytes += written.sizeOf(position)
    return bytes > 0 ? { attempts: sent.attempts, bytes } : { attempts: sent.attempts }
  }
  const count = (outcomes: Outcomes<boolean>): BatchCount => {
    let hits = 0
    for (const isDone of outcomes.values()) if (isDone) hits++
    return { size, hits, failed: outcomes.failed.size, ...spent() }
  }
  const reached = (): BatchCount => {
    const done = written.done.filter((isDone) => isDone !== undefined).length
    return { size, hits: stored().length, failed: size - done, ...spent() }
  }
  return traceBatch(core, command, keys, run, count, reached)
}

/** Returns the positions of the keys that were written. */
function allStored(done: readonly (boolean | undefined)[]): number[] {
  return done.flatMap((isDone, position) => (isDone === true ? [position] : []))
}

const newWritten = (): Written => ({ done: [], refused: new Map(), sizeOf: () => 0 })

async function deleteAll(
  core: ClientCore,
  batch: KeyBatch,
  written: Written,
  options: OperationOptions | undefined,
  onAbsent: (key: string) => void,
): Promise<Outcomes<boolean>> {
  const pace = new DialPace()
  for (const key of batch.keys) {
    core.changed(key)
    if (pace.isDue()) await pace.rest()
  }
  const tell = (positions: readonly number[]): void => {
    for (const at of positions) if (written.done[at] === false) onAbsent(batch.keys[at]!)
  }
  const verb: ManyVerb = {
    isRead: false,
    cut: (positions, first) => Math.min(positions.length, first + MAX_GROUP_COMMANDS),
    request(positions) {
      const encode: Group['encode'] = (position, out) => {
        out.text(deleteHead(batch.wireKeys[position]!))
      }
      const request = groupRequest(DELETE_MANY, { written, positions, encode })
      request.promise.then(
        () => tell(positions),
        () => undefined,
      )
      return request
    },
    miss(position) {
      written.done[position] = false
    },
    async alone(parts, position, own) {
      const routeKey = core.keys.routeKey(batch.keys[position]!)
      const wireKey = batch.wireKeys[position]!
      const request = new Request<boolean>(DELETE, routeKey, wireKey, undefined)
      written.done[position] = await parts.submit(request, own)
      tell([position])
    },
  }
  return collect(batch, written, await runMany(core, batch, allOf(batch), verb, options))
}

function settingVerb(
  batch: KeyBatch,
  encoded: readonly Encoded[],
  exptime: number,
  written: Written,
): ManyVerb {
  return {
    isRead: false,
    cut(positions, first) {
      let bytes = 0
      let end = first
      while (end < positions.length && end - first < MAX_GROUP_COMMANDS) {
        bytes += encoded[positions[end]!]!.body.length
        if (bytes > MAX_GROUP_BYTES && end > first) break
        end++
      }
      return end
    },
    request(positions) {
      const encode: Group['encode'] = (position, out, maxTtl) => {
        const { body, flags } = encoded[position]!
        const ttl = atMostExptime(exptime, maxTtl)
        out.text(storeHead('set', batch.wireKeys[position]!, flags, ttl, body.length))
        out.data(body)
      }
      return groupRequest(SET_MANY, {
        ...{ written, positions, encode },
        get size() {
          return positions.reduce((sum, position) => sum + encoded[position]!.body.length, 0)
        },
      })
    },
    miss(position) {
      written.done[position] = false
    },
    async alone(parts, position, options) {
      const item = encoded[position]!
      written.done[position] = await storeEncoded(
        parts,
        batch.keys[position]!,
        item,
        exptime,
        options,
      )
    },
  }
}

function groupRequest(verb: Verb, group: Group): Request<void> {
  return new Request<void>(verb, undefined, '', group)
}

/**
 * Creates a verb with one reply per command, in order. Only SERVER_ERROR fails a single key; any
 * other reply breaks the framing and fails the request.
 */
function groupVerb(name: string, effect: Effect, yes: Kind, no: Kind): Verb {
  return {
    name,
    effect,
    repeatable: true,
    encode({ context }, out, maxTtl) {
      const group = context as Group
      for (const position of group.positions) group.encode(position, out, maxTtl)
    },
    accept(request, reply, attempt) {
      const { positions, written } = request.context as Group
      const single = attempt as SingleAttempt
      takeAnswer(request, reply, written, positions[single.cursor++]!, yes, no)
      if (single.cursor < positions.length) return false
      request.resolve(undefined)
      return true
    },
  }
}

function takeAnswer(
  request: Request,
  reply: Reply,
  written: Written,
  position: number,
  yes: Kind,
  no: Kind,
): void {
  if (reply.kind === yes || reply.kind === no) written.done[position] = reply.kind === yes
  else if (reply.kind === ReplyKind.ServerError) {
    written.refused.set(position, refusalOf(request, reply))
  } else throw surprising(request)
}

async function collect(
  batch: KeyBatch,
  written: Written,
  failed: ReadonlyMap<number, MintringError>,
): Promise<Outcomes<boolean>> {
  const pace = new DialPace()
  const outcomes = new Outcomes<boolean>()
  for (const [position, key] of batch.keys.entries()) {
    if (pace.isDue()) await pace.rest()
    const error = failed.get(position) ?? written.refused.get(position)
    if (error !== undefined) outcomes.failed.set(key, error)
    else outcomes.set(key, written.done[position] ?? false)
  }
  return outcomes
}

/** Returns the positions of the values that are sent. */
async function positionsToSend(
  batch: KeyBatch,
  refused: ReadonlyMap<number, unknown>,
): Promise<number[]> {
  const pace = new DialPace()
  const positions: number[] = []
  for (const position of allOf(batch)) {
    if (pace.isDue()) await pace.rest()
    if (!refused.has(position)) positions.push(position)
  }
  return positions
}
