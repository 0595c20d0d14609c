import { MintringError } from '../errors.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import type { Attempt, Request, Verb } from './request.ts'

/**
 * Handles a reply that is not one of the command's own: an error line rejects the request; anything
 * else throws MINTRING_PROTOCOL, which closes the connection. Returns true, as the end of
 * `Verb.accept`.
 *
 * A server that did not understand a command with data executes the data as commands. So in this
 * case it also throws after it rejected the request: the connection must be closed.
 */
export function refuse(request: Request, reply: Reply): boolean {
  const { kind } = reply
  request.reject(errorLine(request, reply))
  if (request.body !== undefined && kind !== ReplyKind.ServerError) throw surprising(request)
  return true
}

type OnReply = (request: Request, reply: Reply, attempt: Attempt) => void

/**
 * Returns the `Verb.accept` of a command that reads one key. The reply is VALUE and END, or END
 * alone; `onEnd` is called in both cases. Replies are parsed even after the caller has given up,
 * because the connection stays in use.
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

/** Returns the error of an error line; throws MINTRING_PROTOCOL for any other reply. */
export function errorLine(request: Request, reply: Reply): MintringError {
  const { kind } = reply
  const isError = kind === ReplyKind.Error || kind === ReplyKind.ClientError
  if (isError || kind === ReplyKind.ServerError) return refusalOf(request, reply)
  throw surprising(request)
}

/** Returns the error for a reply that cannot belong to the command. */
export function surprising(request: Request): MintringError {
  return new MintringError(
    'MINTRING_PROTOCOL',
    `the server sent a reply that does not fit ${request.verb.name}`,
    { host: request.attempt?.router.name, command: request.verb.name, sent: true },
  )
}

/** Errors of CLIENT_ERROR lines: the server works, and does not accept the command. */
const mistakes = new WeakSet<object>()

/** Whether a server refused a command as a mistake of the caller, such as `incr` of a text. */
export function isMistake(error: MintringError): boolean {
  return mistakes.has(error)
}

/** Returns the error of an error line. Servers put no keys or values in it. */
export function refusalOf(request: Request, reply: Reply): MintringError {
  const text = reply.text()
  const code = text.startsWith('SERVER_ERROR object too large')
    ? 'MINTRING_TOO_LARGE'
    : 'MINTRING_REFUSED'
  const why = `the server replied to ${request.verb.name} with: ${text}`
  const host = request.attempt?.router.name
  const error = new MintringError(code, why, { host, command: request.verb.name, sent: true })
  if (reply.kind === ReplyKind.ClientError) mistakes.add(error)
  return error
}
