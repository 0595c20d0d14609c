import { within } from '../../deadline.ts'
import { MintringError } from '../../errors.ts'
import { acceptOneValue, refuse } from '../../net/refusal.ts'
import type { Effect, Verb } from '../../net/request.ts'
import { Request } from '../../net/request.ts'
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
import type { Codec } from '../values/codec.ts'
import { ValueFlag } from '../values/mintring.ts'

/** A value with what the server knows of it. */
export interface Entry<Value> {
  /** The value, decoded. */
  readonly value: Value
  /** The item's version, for `cas()`. */
  readonly cas: bigint
  /** The client flags as stored; docs/values.md tells their bits. */
  readonly flags: number
}

type Retrieval = Request<unknown, Codec>

const SPLIT = ValueFlag.Written | ValueFlag.Manifest

/** The longest that the chunks of a value are read for: each of them has the usual time. */
const MAX_SPLIT_MS = 300_000

/** Lanes gather the plain gets of a turn into one line, so this is all a hit or a miss costs. */
const GET: Verb = {
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
}

const GETS: Verb = retrieval('gets', 'read', settleEntry, ({ wireKey }, out) => {
  out.text(getsHead([wireKey]))
})
const GAT: Verb = retrieval('gat', 'touch', settleValue, ({ wireKey, exptime }, out, maxTtl) => {
  out.text(gatHead(atMostExptime(exptime, maxTtl), [wireKey]))
})
const GATS: Verb = retrieval('gats', 'touch', settleEntry, ({ wireKey, exptime }, out, maxTtl) => {
  out.text(gatsHead(atMostExptime(exptime, maxTtl), [wireKey]))
})

/** The value, or undefined on a miss. Nothing is made here but the request. */
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

/** The value with its CAS id and flags, or undefined on a miss. */
export function gets(
  core: ClientCore,
  key: string,
  options: ReadOptions | undefined,
): Promise<Entry<unknown> | undefined> {
  const wireKey = core.keys.wireKey(key)
  return retrieve(core, GETS, key, wireKey, 0, options)
}

/** The value, which lives for `ttl` from now, or undefined on a miss. */
export function gat(
  core: ClientCore,
  key: string,
  ttl: Ttl,
  options: ReadOptions | undefined,
): Promise<unknown> {
  const wireKey = core.keys.wireKey(key)
  return retrieve(core, GAT, key, wireKey, exptimeOf(ttl), options)
}

/** As gat(), with CAS id and flags. */
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

/** A retrieval of one key: VALUE and END, or END alone. */
function retrieval(
  name: string,
  effect: Effect,
  settle: (request: Retrieval, reply: Reply) => void,
  encode: NonNullable<Verb['encode']>,
): Verb {
  return {
    name,
    effect,
    repeatable: true,
    encode,
    accept: acceptOneValue((request, reply) => settle(request as Retrieval, reply)),
    miss: resolveMiss,
  }
}

function resolveMiss(request: Request): void {
  request.resolve(undefined)
}

/** A value that cannot be decoded is the caller's error, and no reason to close the lane. */
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
 * The request keeps its signal and its time while a value is decoded: a codec may hang. A split
 * value has the time that its chunks may take, unless the caller named one for all of it.
 */
function settleLater(request: Retrieval, value: Promise<unknown>, flags: number): void {
  const { signal, finalMs } = request
  const isSplit = (flags & SPLIT) === SPLIT && request.timeoutMs === 0
  const timeoutMs = isSplit ? MAX_SPLIT_MS : Math.max(0, finalMs - performance.now())
  const bounded = within(value, { signal, timeoutMs }, () => undecoded(request))
  // The caller may have left: then its rejection counts as handled.
  if (request.settled) bounded.catch(() => {})
  request.resolve(bounded)
}

function undecoded(request: Request): MintringError {
  const message = `the value came, but was not decoded in time (a slow serializer, or lost chunks)`
  return new MintringError('MINTRING_TIMEOUT', message, {
    host: request.attempt?.router.name,
    command: request.verb.name,
    sent: true,
  })
}

function entry(value: unknown, cas: bigint, flags: number): Entry<unknown> | undefined {
  return value === undefined ? undefined : { value, cas, flags }
}
