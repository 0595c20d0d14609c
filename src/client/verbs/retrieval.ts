import { within } from '../../deadline.ts'
import { MintringError } from '../../errors.ts'
import { acceptOneValue, refuse } from '../../net/refusal.ts'
import type { Effect, Verb } from '../../net/request.ts'
import { Request, verbOf } from '../../net/request.ts'
import { atMostExptime } from '../../protocol/exptime.ts'
import type { Reply } from '../../protocol/reply.ts'
import { ReplyKind } from '../../protocol/reply-kind.ts'
import { gatHead, gatsHead, getsHead } from '../../protocol/request.ts'
import { performance } from '../../runtime.ts'
import type { ClientCore } from '../core.ts'
import type { ReadOptions } from '../options.ts'
import { checkOptions, READ_OPTIONS } from '../options.ts'
import type { Ttl } from '../ttl.ts'
import { exptimeOf } from '../ttl.ts'
import type { Decoder } from '../values/codec.ts'
import { ValueFlag } from '../values/mintring.ts'

/** A value with its metadata. */
export interface Entry<Value> {
  /** The decoded value. */
  readonly value: Value
  /** The CAS id, for `cas()`. */
  readonly cas: bigint
  /** The client flags as stored; docs/values.md documents their bits. */
  readonly flags: number
}

type Retrieval = Request<unknown, Decoder>

const SPLIT = ValueFlag.Written | ValueFlag.Manifest

/** The maximum time for reading the chunks of a value; each chunk has the usual time limit. */
export const MAX_SPLIT_MS = 300_000

/** Whether an item holds the names of the chunks of a value. */
export const isSplit = (flags: number): boolean => (flags & SPLIT) === SPLIT

/** A plain get. A connection sends all gets of one tick as one `get` line. */
const GET: Verb = verbOf({
  name: 'get',
  effect: 'read',
  repeatable: true,
  isWhole: true,
  coalesce: true,
  accept(request, reply) {
    if (reply.kind !== ReplyKind.Value) return refuse(request, reply)
    settleValue(request as Retrieval, reply)
    return true
  },
  miss: resolveMiss,
})

const GETS: Verb = retrieval('gets', 'read', settleEntry, ({ wireKey }, out) => {
  out.text(getsHead([wireKey]))
})
const GAT: Verb = retrieval('gat', 'touch', settleValue, ({ wireKey, exptime }, out, maxTtl) => {
  out.text(gatHead(atMostExptime(exptime, maxTtl), [wireKey]))
})
const GATS: Verb = retrieval('gats', 'touch', settleEntry, ({ wireKey, exptime }, out, maxTtl) => {
  out.text(gatsHead(atMostExptime(exptime, maxTtl), [wireKey]))
})

/** Reads a value; resolves to undefined on a miss. Hot path: allocates only the request. */
export function get(
  core: ClientCore,
  key: string,
  options: ReadOptions | undefined,
): Promise<unknown> {
  if (options !== undefined) checkOptions('get', options, READ_OPTIONS)
  const wireKey = core.keys.wireKey(key)
  const routeKey = core.keys.routeKey(key)
  return core.read(new Request(GET, routeKey, wireKey, core.codecFor(options)), options)
}

/** Reads a value with its CAS id and flags; resolves to undefined on a miss. */
export function gets(
  core: ClientCore,
  key: string,
  options: ReadOptions | undefined,
): Promise<Entry<unknown> | undefined> {
  const wireKey = core.keys.wireKey(key)
  return retrieve(core, GETS, key, wireKey, 0, options)
}

/** Reads a value and sets its TTL; resolves to undefined on a miss. */
export function gat(
  core: ClientCore,
  key: string,
  ttl: Ttl,
  options: ReadOptions | undefined,
): Promise<unknown> {
  const wireKey = core.keys.wireKey(key)
  return retrieve(core, GAT, key, wireKey, exptimeOf(ttl), options)
}

/** Does the same as gat(), with CAS id and flags. */
export function gats(
  core: ClientCore,
  key: string,
  ttl: Ttl,
  options: ReadOptions | undefined,
): Promise<Entry<unknown> | undefined> {
  const wireKey = core.keys.wireKey(key)
  return retrieve(core, GATS, key, wireKey, exptimeOf(ttl), options)
}

function retrieve<Result>(
  core: ClientCore,
  verb: Verb,
  key: string,
  wireKey: string,
  exptime: number,
  options: ReadOptions | undefined,
): Promise<Result> {
  checkOptions(verb.name, options, READ_OPTIONS)
  const routeKey = core.keys.routeKey(key)
  return core.read(
    new Request(verb, routeKey, wireKey, core.codecFor(options), undefined, undefined, 0, exptime),
    options,
  )
}

/** Creates a verb that reads one key: the reply is VALUE and END, or END alone. */
function retrieval(
  name: string,
  effect: Effect,
  settle: (request: Retrieval, reply: Reply) => void,
  encode: NonNullable<Verb['encode']>,
): Verb {
  return verbOf({
    name,
    effect,
    repeatable: true,
    encode,
    accept: acceptOneValue((request, reply) => settle(request as Retrieval, reply)),
    miss: resolveMiss,
  })
}

function resolveMiss(request: Request): void {
  request.resolve(undefined)
}

/**
 * Resolves with the decoded value. A decoding error rejects the request, and must not close the
 * connection.
 */
function settleValue(request: Retrieval, reply: Reply): void {
  try {
    const value = request.context.decode(reply.flags, reply)
    if (value instanceof Promise) settleLater(request, value, reply.flags)
    else request.resolve(value)
  } catch (error) {
    request.reject(error)
  }
}

function settleEntry(request: Retrieval, reply: Reply): void {
  const { cas, flags } = reply
  try {
    const value = request.context.decode(flags, reply)
    if (value instanceof Promise) {
      const later = value.then((done) => entry(done, cas, flags))
      settleLater(request, later, flags)
    } else request.resolve(entry(value, cas, flags))
  } catch (error) {
    request.reject(error)
  }
}

/**
 * Resolves with a value that is still being decoded. The request's signal and timeout still apply,
 * because a codec may hang. A split value has the time limit of its chunks, unless the caller set
 * one.
 */
function settleLater(request: Retrieval, value: Promise<unknown>, flags: number): void {
  const { bounds, finalMs } = request
  const isLong = isSplit(flags) && bounds?.timeoutMs === undefined
  const timeoutMs = isLong ? MAX_SPLIT_MS : Math.max(0, finalMs - performance.now())
  const bounded = within(value, { signal: bounds?.signal, timeoutMs }, () => undecoded(request))
  // The request may already be settled: mark the rejection as handled.
  if (request.settled) bounded.catch(() => {})
  request.resolve(bounded)
}

function undecoded(request: Request): MintringError {
  const message = `the value arrived but was not decoded in time (slow serializer or lost chunks)`
  return new MintringError('MINTRING_TIMEOUT', message, {
    host: request.attempt?.router.name,
    command: request.verb.name,
    sent: true,
  })
}

function entry(value: unknown, cas: bigint, flags: number): Entry<unknown> | undefined {
  return value === undefined ? undefined : { value, cas, flags }
}
