import type { Behaviors } from '../behaviors/behaviors.ts'
import type { Failure, Outcome } from '../channels.ts'
import { isMintringError, MintringError } from '../errors.ts'
import { isMistake } from '../net/refusal.ts'

/** Commands whose outcome is a hit or a miss. */
export const READS: ReadonlySet<string> = new Set(['get', 'gets', 'gat', 'gats', 'mg', 'me'])

const LOADER_CODES: ReadonlySet<string> = new Set([
  'MINTRING_LOADER',
  'MINTRING_LOADER_TIMEOUT',
  'MINTRING_WAIT_TIMEOUT',
])

/** Codes of errors about hosts and time, whose messages contain no keys. Other messages may. */
const WORDS_OF_HOSTS: ReadonlySet<string> = new Set([
  'MINTRING_ABORTED',
  'MINTRING_AUTH',
  'MINTRING_CLOSED',
  'MINTRING_CONNECTION',
  'MINTRING_HOST_EJECTED',
  'MINTRING_NO_HOSTS',
  'MINTRING_OVERLOADED',
  'MINTRING_REFUSED',
  'MINTRING_TIMEOUT',
  'MINTRING_TOO_LARGE',
  'MINTRING_UNSUPPORTED',
])

/** Codes of invalid arguments: the call rejected before it sent anything. */
const MISTAKES: ReadonlySet<string> = new Set([
  'MINTRING_BAD_ARGUMENT',
  'MINTRING_BAD_KEY',
  'MINTRING_BAD_POLICY',
  'MINTRING_BAD_TTL',
])

const READS_OF_MANY = new Set([...READS, 'getMany'])
const LOADING: ReadonlySet<string> = new Set(['getOrSet', 'getOrSetMany', 'refresh', 'warm'])

/** Returns the outcome of a command, or of a key of a batch, that failed. */
export function outcomeOfError(command: string, error: unknown): Outcome {
  if (!isMintringError(error)) return 'error'
  const { code, cause } = error
  if (code === 'MINTRING_ABORTED') return 'aborted'
  if (MISTAKES.has(code)) return 'invalid'
  if (isMistake(error)) return 'refused'
  // A value that the client did not send, because no server would store it.
  if (code === 'MINTRING_TOO_LARGE' && !error.sent) return 'invalid'
  if (code === 'MINTRING_BAD_VALUE' && LOADING.has(command)) return 'loaderError'
  if (code === 'MINTRING_BAD_VALUE' && !READS_OF_MANY.has(command)) return 'invalid'
  // A caller whose time ended while a loader or a serializer was running.
  const isLate =
    isMintringError(cause) && (LOADER_CODES.has(cause.code) || cause.code === 'MINTRING_BAD_VALUE')
  return LOADER_CODES.has(code) || isLate ? 'loaderError' : 'error'
}

/** Returns the failure to report: without `traceKeys` it contains no key and no loader message. */
export function failureOf(
  { behaviors }: { readonly behaviors: Behaviors },
  command: string,
  keysOf: () => readonly string[],
): (error: unknown) => Failure {
  return (error) => {
    const code = isMintringError(error) ? error.code : undefined
    const outcome = outcomeOfError(command, error)
    const isPlain = code !== undefined && WORDS_OF_HOSTS.has(code) && !tells(error, keysOf())
    return { outcome, error: behaviors.traceKeys || isPlain ? error : withoutWords(error) }
  }
}

/** Returns an error with the same code or name, but without its message. */
function withoutWords(error: unknown): Error {
  if (!isMintringError(error)) {
    return Object.assign(new Error('message withheld: it may contain a key'), {
      name: nameOf(error),
    })
  }
  const { code, host, command, sent, cause } = error
  const withheld = `${code} (message withheld: it may contain a key)`
  const why = code === 'MINTRING_LOADER' ? `The loader failed: ${nameOf(cause)}` : withheld
  return new MintringError(code, why, { host, command, sent })
}

const nameOf = (cause: unknown): string => {
  const { name } = Object(cause) as { readonly name?: unknown }
  return typeof name === 'string' && name !== '' ? name : `${typeof cause} was thrown`
}

/** Whether the message of an error, or of its causes, contains one of the keys. */
function tells(error: unknown, keys: readonly string[]): boolean {
  for (let at = error, depth = 0; at !== undefined && depth < MAX_CAUSES; depth++) {
    const { message = '', cause } = Object(at) as { message?: unknown; cause?: unknown }
    const text = String(message)
    if (keys.some((key) => typeof key === 'string' && key !== '' && text.includes(key))) return true
    at = cause
  }
  return false
}

const MAX_CAUSES = 8
