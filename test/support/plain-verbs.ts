import { MintringError } from '../../src/errors.ts'
import type { Cluster } from '../../src/hosts/cluster.ts'
import { Request, type Verb } from '../../src/net/request.ts'
import type { Reply } from '../../src/protocol/reply.ts'
import { ReplyKind } from '../../src/protocol/reply-kind.ts'

/** The least a client does, for tests of what is below it: text values, no prefix, no checks. */
const getVerb: Verb = {
  name: 'get',
  safety: 'read',
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

function oneReply(name: string, safety: Verb['safety'], good: readonly ReplyKind[]): Verb {
  return {
    name,
    safety,
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

const setVerb = oneReply('set', 'idempotent', [ReplyKind.Stored])
const deleteVerb = oneReply('delete', 'idempotent', [ReplyKind.Deleted, ReplyKind.NotFound])
const incrVerb = oneReply('incr', 'once', [ReplyKind.Number, ReplyKind.NotFound])
const versionVerb = oneReply('version', 'read', [ReplyKind.Version])

function refused(reply: Reply): MintringError {
  return new MintringError('MINTRING_REFUSED', reply.text())
}

export function getRequest(key: string): Request<string | undefined> {
  return new Request<string | undefined>(getVerb, key, key, '', undefined, undefined)
}

export function setRequest(key: string, value: string | Uint8Array, exptime = 0): Request<string> {
  const head = `set ${key} 0 ${exptime} ${value.length}\r\n`
  return new Request<string>(setVerb, key, key, head, value, undefined)
}

export function deleteRequest(key: string): Request<string> {
  return new Request<string>(deleteVerb, key, key, `delete ${key}\r\n`, undefined, undefined)
}

export function incrRequest(key: string): Request<string> {
  return new Request<string>(incrVerb, key, key, `incr ${key} 1\r\n`, undefined, undefined)
}

export function versionRequest(): Request<string> {
  return new Request<string>(versionVerb, undefined, '', 'version\r\n', undefined, undefined)
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
