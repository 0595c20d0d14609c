import type { Host } from '../hosts/host.ts'
import type { Verb } from '../net/request.ts'
import { Request } from '../net/request.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { getsHead } from '../protocol/request.ts'
import type { Item, Place, Reader } from '../refill/store.ts'
import { refuse, surprising } from './refusal.ts'
import type { Codec } from './values/codec.ts'
import { BufferBody } from './values/codec.ts'

/** What reading an answer takes. */
export interface AnswerContext {
  readonly codec: Codec
  placeOf(host: Host): Place
}

/** A refill's read: its promise resolves to what the reader makes of the item. */
export class ReadRequest extends Request<unknown, AnswerContext> {
  readonly reader: Reader

  constructor(
    isClassic: boolean,
    routeKey: string,
    wireKey: string,
    head: string,
    context: AnswerContext,
    reader: Reader,
  ) {
    super(isClassic ? GETS_ITEM : MG_ITEM, routeKey, wireKey, head, undefined, context)
    this.reader = reader
  }

  /** A read that failed is the reader's affair as well. */
  override reject(error: unknown): void {
    if (this.settled) return
    try {
      this.resolve(this.reader.failed(error))
    } catch (failure) {
      super.reject(failure)
    }
  }
}

/** The command lines of reads. What follows the key is the same as long as the policy is. */
export class ReadHeads {
  #vivifySeconds = -1
  #refreshBelowSeconds = -1
  #flags = ''

  /** `mg key N R v f t c`, or `gets key`. */
  of(
    isClassic: boolean,
    wireKey: string,
    vivifySeconds: number,
    refreshBelowSeconds: number,
  ): string {
    if (isClassic) return getsHead([wireKey])
    const isOther = vivifySeconds !== this.#vivifySeconds
    if (isOther || refreshBelowSeconds !== this.#refreshBelowSeconds) {
      const vivify = vivifySeconds === 0 ? '' : ` N${vivifySeconds}`
      this.#vivifySeconds = vivifySeconds
      this.#refreshBelowSeconds = refreshBelowSeconds
      this.#flags = `${vivify} R${refreshBelowSeconds} v f t c\r\n`
    }
    return `mg ${wireKey}${this.#flags}`
  }
}

/**
 * The reply under way, as refills see it. One for all: an item may be used during the call only.
 */
class ReplyItem implements Item {
  #reply: Reply | undefined
  #request: Request<unknown, AnswerContext> | undefined
  found = false

  about(request: Request<unknown, AnswerContext>, reply: Reply): this {
    this.#request = request
    this.#reply = reply
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
    return this.#reply!.ttl
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

  place(): Place {
    const { context, router } = this.#request!
    return context.placeOf(router as Host)
  }

  decode(flags: number, from: number): unknown {
    const reply = this.#reply!
    const { codec } = this.#request!.context
    if (from === 0) return codec.decode(flags, reply)
    return codec.decode(flags, new BufferBody(reply.valueBuffer().subarray(from)))
  }

  head(length: number): Uint8Array {
    const { data, dataStart } = this.#reply!
    return data.subarray(dataStart, dataStart + length)
  }
}

const replyItem = new ReplyItem()

const MG_ITEM: Verb = {
  name: 'mg',
  safety: 'read',
  accept(request, reply) {
    if (reply.kind !== ReplyKind.Va && reply.kind !== ReplyKind.En) return refuse(request, reply)
    tellReader(request as ReadRequest, reply)
    return true
  },
}

/** The item is read before END comes; nothing but END may follow it. */
const GETS_ITEM: Verb = {
  name: 'gets',
  safety: 'read',
  accept(request, reply) {
    if (reply.kind === ReplyKind.Value) {
      if (!reply.keyEquals(request.wireKey) || request.settled) throw surprising(request)
      tellReader(request as ReadRequest, reply)
      return false
    }
    if (reply.kind !== ReplyKind.End) return refuse(request, reply)
    tellReader(request as ReadRequest, reply)
    return true
  },
}

/** What the reader throws is its callers' error, and no reason to close the lane. */
function tellReader(request: ReadRequest, reply: Reply): void {
  if (request.settled) return
  try {
    request.resolve(request.reader.answered(replyItem.about(request, reply)))
  } catch (error) {
    request.reject(error)
  }
}
