import type { Cluster } from '../hosts/cluster.ts'
import { refuse } from '../net/refusal.ts'
import type { Receiver, Sink, Verb } from '../net/request.ts'
import { Request, verbOf } from '../net/request.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { incrHead, storeHead } from '../protocol/request.ts'
import { crypto } from '../runtime.ts'
import type { TagChange } from '../tags/desk.ts'
import type { TagHandle, TagReader } from '../tags/look.ts'
import type { ClientCore } from './core.ts'
import { type TagKeys, tagKeys } from './own-items.ts'
import { type Call, runningCall } from './trace-call.ts'

const MAX_HARD = 0xffffffff

/** Reads and changes tags. Each tag is an item without expiry, placed by the tag's name. */
export class TagStore {
  readonly #core: ClientCore

  constructor(core: ClientCore) {
    this.#core = core
  }

  read(name: string, reader: TagReader): TagHandle {
    const { routeKey, wireKey } = this.#keysOf(name)
    const request = new Request<StoredTag | undefined>(TAG_GET, routeKey, wireKey, undefined)
    request.receiver = new TagReceiver(reader, runningCall())
    // Use the refills' connection: all requests of a tick to one host then leave in one write.
    request.ordered = true
    this.#cluster.dispatchHome(request as Request)
    return request
  }

  async change(name: string, change: TagChange): Promise<void> {
    const { routeKey, wireKey } = this.#keysOf(name)
    const request = new Request<boolean>(CHANGES[change], routeKey, wireKey, undefined)
    request.ordered = true
    const call = runningCall()
    this.#cluster.dispatchHome(request as Request)
    try {
      await request.promise.finally(() => call?.noteAside(request as Request))
      // The stored item is no tag but a placeholder or another program's item, so replace it.
      if (!(await request.promise)) await this.change(name, 'hard')
    } catch (error) {
      if (change !== 'create') this.#cluster.owe(this.#cluster.homeOf(routeKey), wireKey)
      throw error
    }
  }

  get #cluster(): Cluster {
    return this.#core.cluster
  }

  #keysOf(name: string): TagKeys {
    return tagKeys(this.#core.behaviors.keyPrefix, name)
  }
}

/** A tag in its stored form. */
interface StoredTag {
  readonly version: string
  readonly hard: number
}

/** Tells the reader of a tag while the reply is parsed. */
class TagReceiver implements Receiver {
  readonly #reader: TagReader
  readonly #call: Call | undefined

  constructor(reader: TagReader, call: Call | undefined) {
    this.#reader = reader
    this.#call = call
  }

  resolved(tag: StoredTag | undefined, request: Request): void {
    this.#call?.noteAside(request)
    if (tag === undefined) this.#reader.absent()
    else this.#reader.found(tag.version, tag.hard)
  }

  failed(error: unknown, request: Request): undefined {
    this.#call?.noteAside(request)
    this.#reader.failed(error)
  }
}

const TAG_GET: Verb = verbOf({
  // Not named `get`, so that a handover copies a moving tag to its new host before reading it.
  name: 'get tag',
  effect: 'read',
  repeatable: true,
  coalesce: true,
  accept(request, reply) {
    if (reply.kind !== ReplyKind.Value) return refuse(request, reply)
    const tag: StoredTag = { version: reply.valueString(), hard: reply.flags }
    ;(request as Request<StoredTag>).resolve(tag)
    return true
  },
  miss(request) {
    request.resolve(undefined)
  },
})

/** Each encoding draws a new random version, so that no two attempts write the same one. */
const CHANGES: Readonly<Record<TagChange, Verb>> = {
  create: changing('add', ({ wireKey }, out) => {
    writeVersion('add', wireKey, 0, out)
  }),
  // One incr changes the version and keeps the flags. Values of a missing tag are stale anyway.
  soft: changing('incr', ({ wireKey }, out) => {
    out.text(incrHead(wireKey, randomVersion() || 1n))
  }),
  hard: changing('set', ({ wireKey }, out) => {
    writeVersion('set', wireKey, crypto().randomInt(1, MAX_HARD), out)
  }),
}

function writeVersion(name: 'add' | 'set', wireKey: string, hard: number, out: Sink): void {
  const version = String(randomVersion())
  out.text(storeHead(name, wireKey, hard, 0, version.length))
  out.data(version)
}

/** Returns 64 random bits. */
function randomVersion(): bigint {
  return crypto().randomBytes(8).readBigUInt64LE()
}

function changing(name: string, encode: NonNullable<Verb['encode']>): Verb {
  return verbOf({
    name,
    effect: 'change',
    repeatable: true,
    encode,
    accept(request, reply: Reply) {
      const { Stored, NotStored, NotFound, Number: Counted, ClientError } = ReplyKind
      const { kind } = reply
      const isDone = kind === Stored || kind === NotStored || kind === NotFound || kind === Counted
      if (!isDone && !(kind === ClientError && name === 'incr')) return refuse(request, reply)
      ;(request as Request<boolean>).resolve(isDone)
      return true
    },
  })
}
