import { noteReported } from '../channels.ts'
import { MintringError, reasonsOf } from '../errors.ts'

/**
 * The results of a call for many keys, or for all hosts: a Map of the successful ones in the order
 * requested, and the others in `failed`. Each key or host is in exactly one of them.
 */
export class Outcomes<Value> extends Map<string, Value> {
  /** The keys (or hosts) that failed, each with the reason. */
  readonly failed: Map<string, MintringError> = new Map()
}

/**
 * Returns the error to reject with when everything failed: the reasons of the hosts, up to a limit,
 * under the code of the first. Returns undefined when nothing was requested.
 */
export function allFailed(failed: Iterable<MintringError>): MintringError | undefined {
  const error = errorOfAll(failed)
  // The part of each host was reported.
  noteReported(error)
  return error
}

function errorOfAll(failed: Iterable<MintringError>): MintringError | undefined {
  const byHost = new Map<string | undefined, MintringError>()
  for (const error of failed) if (!byHost.has(error.host)) byHost.set(error.host, error)
  const errors = [...byHost.values()]
  // MINTRING_NO_HOSTS names every host already.
  const everyHost = errors.find(({ code }) => code === 'MINTRING_NO_HOSTS')
  const [first] = errors
  if (first === undefined || errors.length === 1 || everyHost !== undefined) {
    return everyHost ?? first
  }
  const { code, command } = first
  const sent = errors.some((error) => error.sent)
  const message = `All ${errors.length} hosts failed: ${reasonsOf(errors, errors.length)}`
  return new MintringError(code, message, { command, sent, cause: first })
}
