import { badArgument } from '../../arguments.ts'
import { Deadline } from '../../deadline.ts'
import { MintringError } from '../../errors.ts'
import { refuse } from '../../net/refusal.ts'
import type { Sink, Verb } from '../../net/request.ts'
import { Request, verbOf } from '../../net/request.ts'
import { atMostExptime } from '../../protocol/exptime.ts'
import { MAX_KEY_BYTES, MAX_UINT64 } from '../../protocol/limits.ts'
import { ReplyKind } from '../../protocol/reply-kind.ts'
import type { StoreVerb } from '../../protocol/request.ts'
import { storeHead } from '../../protocol/request.ts'
import { kindOf } from '../../secrets.ts'
import type { ClientCore } from '../core.ts'
import type { OperationOptions, StoreOptions } from '../options.ts'
import { checkOptions, STORE_OPTIONS } from '../options.ts'
import { optionalExptime } from '../ttl.ts'
import type { Encoded } from '../values/codec.ts'
import { badValue, describe } from '../values/json.ts'
import { bytesIn, textBody } from '../values/text.ts'

/** The result of a compare-and-swap; `exists` means the item has changed since the `gets`. */
export type CasOutcome = 'stored' | 'exists' | 'not_found'

/**
 * The bytes that memcached adds to key and value (item header, CAS id, flags, line ends) and counts
 * towards the item size. Slightly more than 1.6 uses, so that the client rejects before the server
 * does.
 */
const ITEM_OVERHEAD_BYTES = 80

/** During a handover, CAS ids from a new host have one more bit than 64. */
const MAX_CAS = 2n * MAX_UINT64 + 1n

const SET: Verb = verbOf({ ...storage('set', true), isWhole: true })
const ADD: Verb = storage('add', false)
const REPLACE: Verb = storage('replace', false)
const APPEND: Verb = storage('append', false)
const PREPEND: Verb = storage('prepend', false)

const CAS: Verb = verbOf({
  name: 'cas',
  effect: 'change',
  repeatable: false,
  hasCasId: true,
  encode(request, out, maxTtl) {
    encodeStore('cas', request, out, maxTtl)
  },
  accept(request, reply) {
    switch (reply.kind) {
      case ReplyKind.Stored:
        request.resolve('stored')
        return true
      case ReplyKind.Exists:
        request.resolve('exists')
        return true
      case ReplyKind.NotFound:
        request.resolve('not_found')
        return true
      default:
        return refuse(request, reply)
    }
  },
  miss(request) {
    request.resolve('not_found')
  },
})

const verbs = { set: SET, add: ADD, replace: REPLACE } as const

/** Runs `set`, `add` or `replace`; resolves to false when the server replies NOT_STORED. */
export function store(
  core: ClientCore,
  name: 'set' | 'add' | 'replace',
  key: string,
  value: unknown,
  options: StoreOptions | undefined,
): Promise<boolean> {
  return encodeAndSend(core, verbs[name], key, value, undefined, options)
}

/** Stores a value if the item's CAS id is still `id`. */
export function cas(
  core: ClientCore,
  key: string,
  value: unknown,
  id: bigint,
  options: StoreOptions | undefined,
): Promise<CasOutcome> {
  return encodeAndSend(core, CAS, key, value, checkCas(core, id), options)
}

/** Appends or prepends bytes to an existing item, which keeps its flags and TTL. */
export function extend(
  core: ClientCore,
  name: 'append' | 'prepend',
  key: string,
  value: string | Uint8Array,
  options: OperationOptions | undefined,
): Promise<boolean> {
  checkOptions(name, options)
  const wireKey = core.keys.wireKey(key)
  const body = typeof value === 'string' ? textBody(value) : bytesIn(value)
  if (body === undefined) {
    const isNumber = typeof value === 'number'
    const instead = `: write ${isNumber ? 'String' : 'JSON.stringify'}(value)`
    throw badValue(`${name}() takes a string or bytes, not ${describe(value)}${instead}`)
  }
  if (!fits(core, wireKey, body.length)) throw tooLarge(core, wireKey, body.length)
  const verb = name === 'append' ? APPEND : PREPEND
  return core.submit(
    new Request(verb, core.keys.routeKey(key), wireKey, undefined, undefined, body),
    options,
  )
}

function encodeAndSend<Result>(
  core: ClientCore,
  verb: Verb,
  key: string,
  value: unknown,
  id: bigint | undefined,
  options: StoreOptions | undefined,
): Promise<Result> {
  if (options !== undefined) checkOptions(verb.name, options, STORE_OPTIONS)
  const wireKey = core.keys.wireKey(key)
  const exptime = optionalExptime(options?.ttl)
  const encoded = core.codec.encode(value)
  core.changed(key)
  if (encoded instanceof Promise || !fits(core, wireKey, encoded.body.length)) {
    const later = sendLater<Result>(core, verb, key, wireKey, encoded, exptime, id, options)
    return core.cluster.operations.during(later)
  }
  return send(core, verb, key, wireKey, encoded, exptime, id, options)
}

/** Stores a value that is already encoded. */
export function storeEncoded(
  core: ClientCore,
  key: string,
  encoded: Encoded,
  exptime: number,
  options: OperationOptions | undefined,
): Promise<boolean> {
  const { signal, timeoutMs } = options ?? {}
  const wireKey = core.keys.wireKey(key)
  return send(core, SET, key, wireKey, encoded, exptime, undefined, { signal, timeoutMs })
}

function send<Result>(
  core: ClientCore,
  verb: Verb,
  key: string,
  wireKey: string,
  encoded: Encoded,
  exptime: number,
  id: bigint | undefined,
  options: StoreOptions | undefined,
): Promise<Result> {
  const { body, flags } = encoded
  const routeKey = core.keys.routeKey(key)
  return core.submit(
    new Request(verb, routeKey, wireKey, undefined, id, body, flags, exptime),
    options,
  )
}

/** Why a value is late that no host has been asked to store yet. */
export const UNENCODED = 'the value was not encoded (slow serializer?), and no host was asked'

/** Stores a value whose encoding takes time: compression, chunks, or an async serializer. */
async function sendLater<Result>(
  core: ClientCore,
  verb: Verb,
  key: string,
  wireKey: string,
  encoding: Encoded | Promise<Encoded>,
  exptime: number,
  id: bigint | undefined,
  options: StoreOptions | undefined,
): Promise<Result> {
  const routeKey = core.keys.routeKey(key)
  const deadline = core.deadline(verb.name, options, routeKey)
  const encoded = await deadline.bound(Promise.resolve(encoding), UNENCODED)
  if (fits(core, wireKey, encoded.body.length)) {
    return send(core, verb, key, wireKey, encoded, exptime, id, deadline.next())
  }
  // Each part of a value has the time of an operation, unless the caller limits them together.
  const parts =
    options?.timeoutMs === undefined
      ? new Deadline(verb.name, options, core.operationMs, core.hostOf(routeKey))
      : deadline
  const manifest = await split(core, wireKey, encoded, exptime, parts)
  return send(core, verb, key, wireKey, manifest, exptime, id, parts.next())
}

function split(
  core: ClientCore,
  wireKey: string,
  encoded: Encoded,
  exptime: number,
  deadline: Deadline,
): Promise<Encoded> {
  if (core.chunks === undefined) throw tooLarge(core, wireKey, encoded.body.length)
  return core.chunks.write(encoded, exptime, chunkBytes(core), deadline)
}

/** Returns how many bytes of a split value fit in one item. */
export function chunkBytes(core: ClientCore): number {
  return core.maxItemBytes - ITEM_OVERHEAD_BYTES - MAX_KEY_BYTES
}

/** Returns how many bytes of an item the key and the server's overhead take. */
function itemRoom(wireKey: string): number {
  return wireKey.length + ITEM_OVERHEAD_BYTES
}

/** Whether a value under that key fits the server's item size. */
export function fits(core: ClientCore, wireKey: string, bodyLength: number): boolean {
  return bodyLength + itemRoom(wireKey) <= core.maxItemBytes
}

/**
 * Returns the error for a value that is too large. Such a value is never sent, because a server
 * that rejects a value for its size deletes the old one.
 */
export function tooLarge(core: ClientCore, wireKey: string, bodyLength: number): MintringError {
  const bytes = bodyLength + itemRoom(wireKey)
  return new MintringError(
    'MINTRING_TOO_LARGE',
    `an item of ${bytes} bytes is over maxItemBytes (${core.maxItemBytes}): ` +
      "set compressAboveBytes or largeValues: 'split', or raise maxItemBytes and memcached's -I",
  )
}

function storage(name: StoreVerb, repeatable: boolean): Verb {
  return verbOf({
    name,
    effect: 'change',
    repeatable,
    encode(request, out, maxTtl) {
      encodeStore(name, request, out, maxTtl)
    },
    accept(request, reply) {
      if (reply.kind === ReplyKind.Stored) request.resolve(true)
      else if (reply.kind === ReplyKind.NotStored) request.resolve(false)
      else return refuse(request, reply)
      return true
    },
    miss(request) {
      request.resolve(false)
    },
  })
}

/** Encodes the line of a storage command and its data. */
function encodeStore(
  name: StoreVerb | 'cas',
  { wireKey, flags, exptime, body, args }: Request,
  out: Sink,
  maxTtl: number,
): void {
  const ttl = atMostExptime(exptime, maxTtl)
  // Remove the extra bit of CAS ids that were read during a handover.
  const id = args === undefined ? undefined : BigInt.asUintN(64, args as bigint)
  out.text(storeHead(name, wireKey, flags, ttl, body!.length, id))
  out.data(body!)
}

/** Accepts only ids that gets() of this client can return: others would lose their high bits. */
function checkCas({ cluster }: ClientCore, id: bigint): bigint {
  const max = cluster.handovers.hasBegun ? MAX_CAS : MAX_UINT64
  if (typeof id === 'bigint' && id >= 0n && id <= max) return id
  const got = typeof id === 'bigint' ? id : kindOf(id)
  const { cas: inner } = Object(id) as { cas?: unknown }
  const instead = typeof inner === 'bigint' ? ': pass its .cas' : ''
  throw badArgument(`a CAS id is the bigint that gets() returns as .cas, not ${got}${instead}`)
}
