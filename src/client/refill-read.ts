import type { Host } from '../hosts/host.ts'
import { acceptOneValue, refuse } from '../net/refusal.ts'
import type { Attempt, Verb } from '../net/request.ts'
import { Request, verbOf } from '../net/request.ts'
import { atMostExptime } from '../protocol/exptime.ts'
import { mgFlags } from '../protocol/meta.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { getsHead } from '../protocol/request.ts'
import { CODEC_FLAGS, isTagged } from '../refill/paths/stamp.ts'
import type { Dialect, Item, Place, Reader } from '../refill/store.ts'
import { hasDigest, ownSize, readTail, type Tail } from '../tags/tail.ts'
import type { Codec } from './values/codec.ts'
import { BufferBody, ownBody } from './values/codec.ts'

/** What a result needs to decode its value and to say which host it came from. */
export interface AnswerContext {
  readonly codec: Codec
  /** Returns the place that refills of this dialect use on a host. */
  placeOf(host: Host, dialect: Dialect): Place
  dialectOf(host: Host): Dialect
}

/** The values for the flags N and R of `mg key N R v f t c`. */
export interface ReadFlags {
  readonly vivifySeconds: number
  readonly refreshBelowSeconds: number
}

/** Creates the read of a refill; its promise resolves to what the reader returns for the item. */
export function readRequest(
  dialect: Dialect,
  flags: ReadFlags,
  routeKey: string,
  wireKey: string,
  context: AnswerContext,
  reader: Reader,
): Request<unknown, AnswerContext> {
  const request = new Request(READ_ITEM[dialect], routeKey, wireKey, context, flags)
  request.receiver = reader
  return request
}

/** Builds `mg` lines. Caches the flags of a line, which are equal for all keys of one policy. */
class ReadHeads {
  #vivifySeconds = -1
  #refreshBelowSeconds = -1
  #maxTtl = -1
  #flags = ''

  of(wireKey: string, { vivifySeconds, refreshBelowSeconds }: ReadFlags, maxTtl: number): string {
    const isOther = vivifySeconds !== this.#vivifySeconds || maxTtl !== this.#maxTtl
    if (isOther || refreshBelowSeconds !== this.#refreshBelowSeconds) {
      const N = vivifySeconds === 0 ? {} : { N: atMostExptime(vivifySeconds, maxTtl) }
      this.#vivifySeconds = vivifySeconds
      this.#refreshBelowSeconds = refreshBelowSeconds
      this.#maxTtl = maxTtl
      const R = staleBelow(refreshBelowSeconds, maxTtl)
      this.#flags = mgFlags({ ...N, R, v: true, f: true, t: true, c: true })
    }
    return `mg ${wireKey}${this.#flags}`
  }
}

const heads = new ReadHeads()

/**
 * Returns the remaining lifetime below which an item is stale. On a gutter (stand-by) host, items
 * live shorter than most stale windows: there an item is fresh for the first half of its life.
 */
export function staleBelow(refreshBelowSeconds: number, maxTtlSeconds: number): number {
  if (maxTtlSeconds === 0) return refreshBelowSeconds
  return Math.min(refreshBelowSeconds, Math.floor(maxTtlSeconds / 2))
}

/** Converts the remaining lifetime on a gutter (stand-by) host to that on the key's own host. */
export function lifeAsAtHome(
  ttlSeconds: number,
  refreshBelowSeconds: number,
  maxTtlSeconds: number,
): number {
  if (ttlSeconds < 0) return ttlSeconds
  return ttlSeconds + refreshBelowSeconds - staleBelow(refreshBelowSeconds, maxTtlSeconds)
}

/**
 * The current reply as an Item. One object is reused for all replies, so readers must not keep it;
 * keep() makes a copy.
 */
class ReplyItem implements Item {
  #reply: Reply | undefined
  #request: Request<unknown, AnswerContext> | undefined
  #attempt: Attempt | undefined
  #place: Place | undefined
  found = false

  about(request: Request<unknown, AnswerContext>, reply: Reply, attempt: Attempt): this {
    this.#request = request
    this.#attempt = attempt
    this.#reply = reply
    this.#place = undefined
    this.found = reply.kind === ReplyKind.Va || reply.kind === ReplyKind.Value
    return this
  }

  get flags(): number {
    return this.#reply!.flags
  }

  get size(): number {
    return this.#reply!.size
  }

  get ttlSeconds(): number {
    const { ttl } = this.#reply!
    const { maxTtlSeconds } = this.#attempt!.router
    if (maxTtlSeconds === 0) return ttl
    const { refreshBelowSeconds } = this.#request!.args as ReadFlags
    return lifeAsAtHome(ttl, refreshBelowSeconds, maxTtlSeconds)
  }

  get won(): boolean {
    return this.#reply!.won
  }

  get lost(): boolean {
    return this.#reply!.lost
  }

  get stale(): boolean {
    return this.#reply!.stale
  }

  get cas(): string {
    return this.#reply!.casText
  }

  get tail(): Tail | undefined {
    const { flags, data, dataStart, dataEnd } = this.#reply!
    return isTagged(flags) ? readTail(data.subarray(dataStart, dataEnd)) : undefined
  }

  hasDigest(digest: string): boolean {
    const { flags, data, dataStart, dataEnd } = this.#reply!
    return isTagged(flags) && hasDigest(data, dataStart, dataEnd, digest)
  }

  place(): Place {
    const { context } = this.#request!
    this.#place ??= context.placeOf(this.#attempt!.router as Host, dialectOfReply(this.#reply!))
    return this.#place
  }

  decode(): unknown {
    const reply = this.#reply!
    const { flags, size, data, dataStart, dataEnd } = reply
    const { codec } = this.#request!.context
    if (!isTagged(flags)) return codec.decode(flags & CODEC_FLAGS, reply)
    // Hides the tags from the codec without creating an object.
    reply.size = ownSize(data, dataStart, dataEnd)
    reply.dataEnd = dataStart + reply.size
    try {
      return codec.decode(flags & CODEC_FLAGS, reply)
    } finally {
      reply.size = size
      reply.dataEnd = dataEnd
    }
  }

  bytes(): Uint8Array {
    return this.#reply!.valueBuffer()
  }

  keep(): Item {
    return new KeptItem(this, this.#reply!.valueBuffer(), this.#request!.context)
  }
}

/** A copy of an item with its own bytes. Each decode() returns a new value. */
class KeptItem implements Item {
  readonly found: boolean
  readonly flags: number
  readonly ttlSeconds: number
  readonly won: boolean
  readonly lost: boolean
  readonly stale: boolean
  readonly cas: string
  readonly #place: Place
  readonly #bytes: Buffer
  readonly #context: AnswerContext

  constructor(item: Item, bytes: Buffer, context: AnswerContext) {
    this.found = item.found
    this.flags = item.flags
    this.ttlSeconds = item.ttlSeconds
    this.won = item.won
    this.lost = item.lost
    this.stale = item.stale
    this.cas = item.cas
    this.#place = item.place()
    this.#bytes = bytes
    this.#context = context
  }

  get size(): number {
    return this.#bytes.length
  }

  get tail(): Tail | undefined {
    return isTagged(this.flags) ? readTail(this.#bytes) : undefined
  }

  hasDigest(digest: string): boolean {
    const bytes = this.#bytes
    return isTagged(this.flags) && hasDigest(bytes, 0, bytes.length, digest)
  }

  place(): Place {
    return this.#place
  }

  decode(): unknown {
    return decodedCopy(this.flags, this.#bytes, this.#context)
  }

  bytes(): Uint8Array {
    return this.#bytes
  }

  keep(): Item {
    return this
  }
}

function decodedCopy(flags: number, bytes: Buffer, { codec }: AnswerContext): unknown {
  return codec.decode(flags & CODEC_FLAGS, ownBody(flags, new BufferBody(Buffer.from(bytes))))
}

/** Returns the Item members of a value with its own bytes. Each decode() returns a new value. */
export function keptValue(
  flags: number,
  bytes: Buffer,
  context: AnswerContext,
): Pick<Item, 'flags' | 'size' | 'tail' | 'hasDigest' | 'decode' | 'bytes' | 'keep'> {
  return {
    flags,
    size: bytes.length,
    tail: isTagged(flags) ? readTail(bytes) : undefined,
    hasDigest: (digest) => isTagged(flags) && hasDigest(bytes, 0, bytes.length, digest),
    decode: () => decodedCopy(flags, bytes, context),
    bytes: () => bytes,
    keep(this: Item) {
      return this
    },
  }
}

const replyItem = new ReplyItem()

const acceptGets = acceptOneValue(tellReader, tellReader)

/**
 * Reads an item by `mg`, or by `gets` on a host without meta commands. That is decided when the
 * command is written: the key may have another host by then than `name` was chosen for. The reader
 * gets a value before the END line of a `gets` arrives.
 */
function readVerb(name: string): Verb {
  return verbOf({
    name,
    effect: 'read',
    isOneHome: true,
    repeatable: true,
    words: (request) => (isForClassic(request) ? GETS : MG),
    encode(request, out, maxTtl) {
      const { wireKey, args } = request
      if (isForClassic(request)) out.text(getsHead([wireKey]))
      else out.text(heads.of(wireKey, args as ReadFlags, maxTtl))
    },
    accept(request, reply, attempt) {
      if (dialectOfReply(reply) === 'classic') return acceptGets(request, reply, attempt)
      if (reply.kind !== ReplyKind.Va && reply.kind !== ReplyKind.En) return refuse(request, reply)
      tellReader(request, reply, attempt)
      return true
    },
  })
}

const GETS = ['gets']
const MG = ['mg']
const READ_ITEM: Readonly<Record<Dialect, Verb>> = {
  meta: readVerb('mg'),
  classic: readVerb('gets'),
}

/** Whether the host that a request is written to has no meta commands. */
export function isForClassic({ attempt, context }: Request): boolean {
  const host = attempt!.router as Host
  return (context as AnswerContext).dialectOf(host) === 'classic'
}

/** Returns which kind of read a reply belongs to. */
export function dialectOfReply({ kind }: Reply): Dialect {
  return kind === ReplyKind.Value || kind === ReplyKind.End ? 'classic' : 'meta'
}

/**
 * Passes a reply to the reader. An exception in the reader rejects the request, and must not close
 * the connection.
 */
function tellReader(request: Request, reply: Reply, attempt: Attempt): void {
  if (request.settled) return
  try {
    const read = request as Request<unknown, AnswerContext>
    const reader = read.receiver as Reader
    request.resolve(reader.answered(replyItem.about(read, reply, attempt)))
  } catch (error) {
    request.reject(error)
  }
}
