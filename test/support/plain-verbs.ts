import { MintringError } from '../../src/errors.ts'
import type { Cluster } from '../../src/hosts/cluster.ts'
import { type Effect, Request, type Verb } from '../../src/net/request.ts'
import { versionHead } from '../../src/protocol/admin.ts'
import { atMostExptime } from '../../src/protocol/exptime.ts'
import type { Reply } from '../../src/protocol/reply.ts'
import { ReplyKind } from '../../src/protocol/reply-kind.ts'
import { deleteHead, incrHead, storeHead } from '../../src/protocol/request.ts'

/**
 * A minimal client, for tests of the layers below the client: text values, no prefix, no checks.
 */
const getVerb: Verb = {
  name: 'get',
  effect: 'read',
  repeatable: true,
  coalesce: true,
  accept(request, reply) {
    if (reply.kind === ReplyKind.Value) {
      request.resolve(reply.valueString())
      return false
    }
    request.reject(refused(reply))
    return true
  },
  miss(request) {
    request.resolve(undefined)
  },
}

function oneReply(
  name: string,
  effect: Effect,
  repeatable: boolean,
  good: readonly ReplyKind[],
  encode: NonNullable<Verb['encode']>,
): Verb {
  return {
    name,
    effect,
    repeatable,
    encode,
    accept(request, reply) {
      if (good.includes(reply.kind)) request.resolve(reply.text())
      else request.reject(refused(reply))
      return true
    },
    miss(request) {
      request.resolve('MISS')
    },
  }
}

const { Stored, Deleted, NotFound, Version } = ReplyKind
const setVerb = oneReply('set', 'change', true, [Stored], (request, out, maxTtl) => {
  const { wireKey, exptime, body } = request
  out.text(storeHead('set', wireKey, 0, atMostExptime(exptime, maxTtl), body!.length))
  out.data(body!)
})
const deleteVerb = oneReply('delete', 'remove', true, [Deleted, NotFound], ({ wireKey }, out) => {
  out.text(deleteHead(wireKey))
})
const incrVerb = oneReply(
  'incr',
  'change',
  false,
  [ReplyKind.Number, NotFound],
  ({ wireKey }, out) => {
    out.text(incrHead(wireKey, 1))
  },
)
const versionVerb = oneReply('version', 'read', true, [Version], (_, out) => {
  out.text(versionHead())
})

function refused(reply: Reply): MintringError {
  return new MintringError('MINTRING_REFUSED', reply.text())
}

export function getRequest(key: string): Request<string | undefined> {
  return new Request<string | undefined>(getVerb, key, key, undefined)
}

export function setRequest(key: string, value: string | Uint8Array, exptime = 0): Request<string> {
  return new Request<string>(setVerb, key, key, undefined, undefined, value, 0, exptime)
}

export function deleteRequest(key: string): Request<string> {
  return new Request<string>(deleteVerb, key, key, undefined)
}

export function incrRequest(key: string): Request<string> {
  return new Request<string>(incrVerb, key, key, undefined)
}

export function versionRequest(): Request<string> {
  return new Request<string>(versionVerb, undefined, '', undefined)
}

/** `get`, `set`, `delete` and `incr` over a cluster. */
export class PlainClient {
  readonly cluster: Cluster

  constructor(cluster: Cluster) {
    this.cluster = cluster
  }

  get(key: string): Promise<string | undefined> {
    return this.#send(getRequest(key))
  }

  set(key: string, value: string | Uint8Array, exptime = 0): Promise<string> {
    return this.#send(setRequest(key, value, exptime))
  }

  delete(key: string): Promise<string> {
    return this.#send(deleteRequest(key))
  }

  incr(key: string): Promise<string> {
    return this.#send(incrRequest(key))
  }

  #send<Result>(request: Request<Result>): Promise<Result> {
    this.cluster.dispatch(request)
    return request.promise
  }
}
