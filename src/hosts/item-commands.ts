import { acceptOneValue, refuse } from '../net/refusal.ts'
import { type Effect, Request, type Verb, verbOf } from '../net/request.ts'
import { unlockHead } from '../net/unlock.ts'
import { flushAllHead } from '../protocol/admin.ts'
import { atMostExptime } from '../protocol/exptime.ts'
import { mdHead, mgHead, msHead } from '../protocol/meta.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { deleteHead, getsHead, storeHead, touchHead } from '../protocol/request.ts'
import { crypto } from '../runtime.ts'

/** An item with everything that a copy of it needs. */
export interface PlacedItem {
  readonly body: Buffer
  readonly flags: number
  /** Seconds to live; -1 for no expiry, undefined if the server cannot report it. */
  readonly ttlSeconds: number | undefined
  readonly cas: string
  readonly isStale: boolean
}

/** A key as it is sent. */
export interface WireKey {
  /** What the ring hashes. */
  readonly routeKey: string | undefined
  readonly wireKey: string
  /** Whether the wire key is base64 of the key's bytes. */
  readonly b: boolean
}

/** Names an item of mintring's own, of which each host has one. */
export function ownItem(wireKey: string): WireKey {
  return { routeKey: undefined, wireKey, b: false }
}

/** Returns the wire key of an item about a host, which no caller's key equals. */
export function hostItemKey(kind: string, host: string): string {
  const name = crypto().createHash('sha256').update(host).digest('base64url').slice(0, 16)
  // UTF-8 never contains the first byte.
  return `\xff~mintring~${kind}~${name}`
}

/** Marks a reply that does not fit these commands. */
const UNEXPECTED: unique symbol = Symbol('unexpected')

const { Va, Hd, En, Nf, Ex, Ns } = ReplyKind
const { Stored, NotStored, Deleted, NotFound, Exists, Touched, Ok, ClientError } = ReplyKind

/** `mg k v f t c`: reads the item, or undefined. On a stale item it may win the refill. */
const PEEK: Verb = itemVerb('mg', 'read', peekHead, (reply) => {
  if (reply.kind === En) return undefined
  return reply.kind === Va ? itemOf(reply, reply.ttl) : UNEXPECTED
})

/** `mg k N s c`: creates an empty item if there is none. */
const ELECT: Verb = itemVerb('mg', 'change', electHead, (reply) => {
  if (reply.kind !== Hd) return UNEXPECTED
  const isEmpty = reply.size === 0
  if (reply.won && isEmpty) return { cas: reply.casText }
  return isEmpty ? 'held' : 'there'
})

const FILL: Verb = itemVerb('ms', 'change', fillHead, done)

const RELEASE: Verb = itemVerb('md', 'remove', releaseHead, done)

const DELETE: Verb = itemVerb('delete', 'remove', deletionHead, done)

const ADD: Verb = itemVerb('add', 'change', storedHead, done)

const SET: Verb = verbOf({ ...itemVerb('set', 'change', storedHead, done), repeatable: true })

const NO_BODY = Buffer.alloc(0)

const REPLACE: Verb = itemVerb('cas', 'change', replacingHead, done)

/** `gets k`: reads the item, or undefined. It never wins a refill. */
const GETS: Verb = getsVerb((reply) => itemOf(reply, undefined))

const TOUCH: Verb = itemVerb('touch', 'touch', touchLine, done)

const EMPTY: Verb = itemVerb(
  'flush_all',
  'remove',
  () => flushAllHead(),
  ({ kind }) => {
    if (kind === Ok) return true
    return kind === ClientError ? false : UNEXPECTED
  },
)

/** Returns a verb that stores text for `seconds`. Its argument is the CAS id of `cas`. */
export function textVerb(name: 'set' | 'add' | 'cas', seconds: number): Verb {
  const encode = ({ wireKey, body, args }: Request, maxTtl: number): string => {
    const ttl = atMostExptime(seconds, maxTtl)
    return storeHead(name, wireKey, 0, ttl, body!.length, args as bigint | undefined)
  }
  return itemVerb(name, 'change', encode, done)
}

/** Reads an item with its remaining lifetime. Needs meta commands. */
export function peek(key: WireKey): Request<PlacedItem | undefined> {
  return about(PEEK, key)
}

/** Creates an empty item that lives for `seconds`, if the key has none. */
export function elect(
  key: WireKey,
  seconds: number,
): Request<{ readonly cas: string } | 'there' | 'held'> {
  return about(ELECT, key, { seconds })
}

/** Replaces the item with this CAS id. */
export function fill(key: WireKey, item: PlacedItem, cas: string): Request<boolean> {
  return about(FILL, key, { item, cas }, item.body)
}

/** Deletes the item with this CAS id. */
export function release(key: WireKey, cas: string): Request<boolean> {
  return about(RELEASE, key, { cas })
}

export function remove(key: WireKey): Request<boolean> {
  return about(DELETE, key)
}

export function addItem(key: WireKey, body: Buffer, seconds: number): Request<boolean> {
  return about(ADD, key, { seconds }, body)
}

export function setItem(key: WireKey, body: Buffer, seconds: number): Request<boolean> {
  return about(SET, key, { seconds }, body)
}

/** Stores an item in place of the one with this CAS id. */
export function replaceItem(
  key: WireKey,
  body: Buffer,
  seconds: number,
  cas: string,
): Request<boolean> {
  return about(REPLACE, key, { seconds, cas }, body)
}

/** Deletes the item with this CAS id, by classic commands: stores an item that has expired. */
export function expireItem(key: WireKey, cas: string): Request<boolean> {
  return replaceItem(key, NO_BODY, -1, cas)
}

/** Reads an item without its remaining lifetime. Works on every server. */
export function getsItem(key: WireKey): Request<PlacedItem | undefined> {
  return about(GETS, key)
}

export function touchItem(key: WireKey, seconds: number): Request<boolean> {
  return about(TOUCH, key, { seconds })
}

/** Removes all items of a server. Resolves to false if the server was started with `-F`. */
export function emptyServer(): Request<boolean> {
  return about(EMPTY, { routeKey: undefined, wireKey: '', b: false })
}

interface Args {
  readonly b: boolean
  readonly seconds: number
  readonly cas: string
  readonly item: PlacedItem
}

function about<Result>(
  command: Verb,
  { routeKey, wireKey, b }: WireKey,
  args: Partial<Args> = {},
  body?: Buffer,
): Request<Result> {
  const request = new Request<Result>(command, routeKey, wireKey, undefined, { ...args, b }, body)
  request.ordered = true
  return request
}

function argsOf({ args }: Request): Args {
  return args as Args
}

function peekHead(request: Request): string {
  return mgHead(request.wireKey, { v: true, f: true, t: true, c: true, b: argsOf(request).b })
}

function electHead(request: Request): string {
  const { seconds, b } = argsOf(request)
  return mgHead(request.wireKey, { N: seconds, s: true, c: true, b })
}

function fillHead(request: Request): string {
  const { item, cas, b } = argsOf(request)
  const life = item.ttlSeconds === undefined || item.ttlSeconds < 0 ? 0 : item.ttlSeconds
  return msHead(request.wireKey, item.body.length, { F: item.flags, T: life, C: BigInt(cas), b })
}

function releaseHead(request: Request): string {
  const { cas, b } = argsOf(request)
  return mdHead(request.wireKey, { C: BigInt(cas), b })
}

function deletionHead({ wireKey, args, attempt }: Request): string {
  if ((args as Partial<Args>).b === true) return mdHead(wireKey, { b: true })
  return unlockHead(attempt, wireKey) + deleteHead(wireKey)
}

function storedHead(request: Request): string {
  const { verb, wireKey, body } = request
  const name = verb === ADD ? 'add' : 'set'
  return storeHead(name, wireKey, 0, argsOf(request).seconds, body!.length)
}

function replacingHead(request: Request): string {
  const { seconds, cas } = argsOf(request)
  return storeHead('cas', request.wireKey, 0, seconds, request.body!.length, BigInt(cas))
}

function touchLine(request: Request): string {
  return touchHead(request.wireKey, argsOf(request).seconds)
}

function itemOf(reply: Reply, ttlSeconds: number | undefined): PlacedItem {
  const body = Buffer.from(reply.valueBuffer())
  return { body, flags: reply.flags, ttlSeconds, cas: reply.casText, isStale: reply.stale }
}

/** Whether the server executed the command. */
export function done({ kind }: Reply): boolean | typeof UNEXPECTED {
  if (kind === Hd || kind === Stored || kind === Deleted || kind === Touched) return true
  const isNot = kind === Nf || kind === Ex || kind === Ns || kind === En
  const isNotClassic = kind === NotStored || kind === NotFound || kind === Exists
  return isNot || isNotClassic ? false : UNEXPECTED
}

/** `gets k`: resolves to `read` of the item, or to undefined. It never wins a refill. */
export function getsVerb(read: (reply: Reply) => unknown): Verb {
  return verbOf({
    name: 'gets',
    effect: 'read',
    repeatable: true,
    encode({ wireKey }, out) {
      out.text(getsHead([wireKey]))
    },
    accept: acceptOneValue((request, reply) => request.resolve(read(reply))),
  })
}

/** Creates a verb with one reply; resolves to `read` of the reply. */
export function itemVerb(
  name: string,
  effect: Effect,
  head: (request: Request, maxTtl: number) => string,
  read: (reply: Reply) => unknown,
): Verb {
  return verbOf({
    name,
    effect,
    repeatable: effect !== 'change',
    encode(request, out, maxTtl) {
      out.text(head(request, maxTtl))
      if (request.body !== undefined) out.data(request.body)
    },
    accept(request, reply) {
      const result = read(reply)
      if (result === UNEXPECTED) return refuse(request, reply)
      request.resolve(result)
      return true
    },
    debt: ({ args }) => ({ isMark: false, isBase64: (args as Partial<Args>)?.b === true }),
  })
}
