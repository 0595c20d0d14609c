import { MintringError, reasonsOf } from '../errors.ts'

/**
 * What a verb over many keys, or over all hosts, came to: a Map of what was answered, in the order
 * asked, and beside it what could not be asked. Nothing is lost between the two.
 */
export class Outcomes<Value> extends Map<string, Value> {
  /** The keys (or hosts) that got no answer, each with the reason. */
  readonly failed: Map<string, MintringError> = new Map()
}

/**
 * What to reject with when all that was asked failed: the reason of each host, a bounded number of
 * them, under the code of the first. Undefined when nothing was asked.
 */
export function allFailed(failed: Iterable<MintringError>): MintringError | undefined {
  const byHost = new Map<string | undefined, MintringError>()
  for (const error of failed) if (!byHost.has(error.host)) byHost.set(error.host, error)
  const errors = [...byHost.values()]
  // That one names every host.
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
