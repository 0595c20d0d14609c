import { isMintringError, type MintringError } from '../../errors.ts'

/** An error that a server's reply causes, in the wording of `memcached`. */
export class Refusal extends Error {}

/** The message of `memcached` when a server does not know a command. */
const UNKNOWN = 'Received an ERROR response'

/** Returns the error for a command that every server rejects: an empty key or no CAS id. */
export function unknownCommand(): Refusal {
  return new Refusal(UNKNOWN)
}

/**
 * Returns the callback's arguments for a failure: `[error, false]` if a server rejected the
 * command.
 */
export function outcomeOf(error: unknown, about: About): unknown[] {
  const told = worded(error, about)
  // `memcached` passes the error of an unknown command inside an array, without a result.
  if ((told as Error).message === UNKNOWN) return [[told], undefined]
  return isRefusal(error) ? [told, false] : [told]
}

/** Returns the error for NOT_STORED. */
export function notStored(): Error {
  return Object.assign(new Refusal('Item is not stored'), { notStored: true })
}

/** The context of an error. */
export interface About {
  /** The server that the command was sent to. */
  readonly server: string
  /** The option `maxValue`. */
  readonly maxValue: unknown
}

/**
 * Converts an error to the wording of the package `memcached` where that has one, because packages
 * compare messages. `cause` is the client's error; `code` is the system's (`ECONNREFUSED`), else
 * the client's.
 */
export function worded(error: unknown, about: About): unknown {
  if (!isMintringError(error)) return error
  const text = textFor(error, about)
  if (text === undefined) return error
  const code = isDown(error) ? (systemErrorOf(error)?.code ?? error.code) : error.code
  return Object.assign(new Error(text, { cause: error }), { code })
}

/** Whether a server replied with a rejection, as opposed to no reply at all. */
function isRefusal(error: unknown): boolean {
  if (!isMintringError(error)) return error instanceof Refusal
  return error.code === 'MINTRING_REFUSED' || error.code === 'MINTRING_TOO_LARGE'
}

function textFor(error: MintringError, { server, maxValue }: About): string | undefined {
  switch (error.code) {
    case 'MINTRING_TOO_LARGE':
      return `The length of the value is greater than ${String(maxValue)}`
    case 'MINTRING_REFUSED':
      return npmRefusal(error.message)
    case 'MINTRING_CONNECTION':
      return systemErrorOf(error)?.message
    case 'MINTRING_NO_HOSTS':
    case 'MINTRING_HOST_EJECTED':
      return `Server at ${server} not available`
    default:
      return undefined
  }
}

/** Extracts the server's reply from the end of a message, without its first word. */
export function npmRefusal(message: string): string | undefined {
  const [, word, why] = /\b(ERROR|CLIENT_ERROR|SERVER_ERROR)(?: ([^\r\n]*))?$/.exec(message) ?? []
  return word === 'ERROR' ? UNKNOWN : why
}

function isDown({ code }: MintringError): boolean {
  return code === 'MINTRING_CONNECTION'
}

/** Returns the socket error in the cause chain, if any. */
export function systemErrorOf(error: Error): NodeJS.ErrnoException | undefined {
  const cause = error.cause as NodeJS.ErrnoException | undefined
  if (typeof cause !== 'object' || cause === null) return undefined
  return typeof cause.syscall === 'string' ? cause : systemErrorOf(cause)
}
