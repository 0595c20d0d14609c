import { isMintringError, type MintringError } from '../../errors.ts'

/** What a server would have said to a command, in the words of that package. */
export class Refusal extends Error {}

/** What that package says when a server did not know the command. */
const UNKNOWN = 'Received an ERROR response'

/** The error of a command that no server knows: an empty key, no CAS id. */
export function unknownCommand(): Refusal {
  return new Refusal(UNKNOWN)
}

/** What the callback gets for a failure: `false` beside it where a server said no. */
export function outcomeOf(error: unknown, about: About): unknown[] {
  const told = worded(error, about)
  // There the error of this one reply comes in an array, and alone.
  if ((told as Error).message === UNKNOWN) return [[told], undefined]
  return isRefusal(error) ? [told, false] : [told]
}

/** The error of NOT_STORED. */
export function notStored(): Error {
  return Object.assign(new Refusal('Item is not stored'), { notStored: true })
}

/** What an error is about. */
export interface About {
  /** The server the command was for. */
  readonly server: string
  /** The largest value. */
  readonly maxValue: unknown
}

/**
 * A failure in the words of the package `memcached`, where it has words for it: packages compare
 * them. The client's own error is its `cause`; `code` is the system's (`ECONNREFUSED`), else the
 * client's.
 */
export function worded(error: unknown, about: About): unknown {
  if (!isMintringError(error)) return error
  const text = textFor(error, about)
  if (text === undefined) return error
  const code = isDown(error) ? (systemErrorOf(error)?.code ?? error.code) : error.code
  return Object.assign(new Error(text, { cause: error }), { code })
}

/** Whether a server said no, rather than nothing. */
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

/** What a server said, without its first word: the end of the message. */
export function npmRefusal(message: string): string | undefined {
  const [, word, why] = /\b(ERROR|CLIENT_ERROR|SERVER_ERROR)(?: ([^\r\n]*))?$/.exec(message) ?? []
  return word === 'ERROR' ? UNKNOWN : why
}

function isDown({ code }: MintringError): boolean {
  return code === 'MINTRING_CONNECTION'
}

/** The socket's error under the client's. */
export function systemErrorOf(error: Error): NodeJS.ErrnoException | undefined {
  const cause = error.cause as NodeJS.ErrnoException | undefined
  if (typeof cause !== 'object' || cause === null) return undefined
  return typeof cause.syscall === 'string' ? cause : systemErrorOf(cause)
}
