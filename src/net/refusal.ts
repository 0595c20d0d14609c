import { MintringError } from '../errors.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import type { Attempt, Request, Verb } from './request.ts'

/**
 * Takes a reply that is none of a command's own: an error line rejects the request, anything else
 * throws MINTRING_PROTOCOL, and the lane closes. Answers true, as `Verb.accept` does at the end.
 *
 * A server that did not understand a command with a data block reads the block as commands. The
 * lane must not live on then, so that also throws, after the request got its reason.
 */
export function refuse(request: Request, reply: Reply): boolean {
  const { kind } = reply
  request.reject(errorLine(request, reply))
  if (request.body !== undefined && kind !== ReplyKind.ServerError) throw surprising(request)
  return true
}

type OnReply = (request: Request, reply: Reply, attempt: Attempt) => void

/**
 * `Verb.accept` of a command that asks one key: VALUE and END, or END alone. `onEnd` is called
 * after a value too. A reply is read even if its caller has left: the lane lives on.
 */
export function acceptOneValue(
  onValue: OnReply,
  onEnd: OnReply = (request) => request.resolve(undefined),
): Verb['accept'] {
  return (request, reply, attempt) => {
    if (reply.kind === ReplyKind.Value) {
      if (!reply.keyEquals(request.wireKey)) throw surprising(request)
      onValue(request, reply, attempt)
      return false
    }
    if (reply.kind !== ReplyKind.End) return refuse(request, reply)
    onEnd(request, reply, attempt)
    return true
  }
}

/** The error of a reply that is an error line; throws MINTRING_PROTOCOL for any other. */
export function errorLine(request: Request, reply: Reply): MintringError {
  const { kind } = reply
  const isError = kind === ReplyKind.Error || kind === ReplyKind.ClientError
  if (isError || kind === ReplyKind.ServerError) return refusalOf(request, reply)
  throw surprising(request)
}

/** The error of a reply that cannot belong to the command. */
export function surprising(request: Request): MintringError {
  return new MintringError(
    'MINTRING_PROTOCOL',
    `the server's reply is not one to ${request.verb.name}`,
    { host: request.attempt?.router.name, command: request.verb.name, sent: true },
  )
}

/** The error of an error line. Servers put no keys and no values in it. */
export function refusalOf(request: Request, reply: Reply): MintringError {
  const text = reply.text()
  const code = text.startsWith('SERVER_ERROR object too large')
    ? 'MINTRING_TOO_LARGE'
    : 'MINTRING_REFUSED'
  return new MintringError(code, `the server answered ${request.verb.name} with: ${text}`, {
    host: request.attempt?.router.name,
    command: request.verb.name,
    sent: true,
  })
}
