import { commandTrace, type EndTrace } from '../channels.ts'
import type { Host } from '../hosts/host.ts'
import { commandMessage, type Traced } from './trace.ts'
import { type BeginPart, Call } from './trace-call.ts'
import { failureOf } from './trace-failure.ts'

/** Returns a call that sends a read per key, which are traced as one command per host. */
export function callOfBatch(traced: Traced): Call {
  if (!commandTrace.hasSubscribers) return new Call()
  const parts = new Map<Host, HostPart>()
  return new Call((command, host) => {
    let part = parts.get(host)
    if (part === undefined) {
      part = new HostPart(traced, command, host, () => parts.delete(host))
      parts.set(host, part)
    }
    return part.begin()
  })
}

/** The reads of a batch on one host, traced as one command from the first to the last. */
class HostPart {
  #pending = 0
  readonly #end: EndTrace
  readonly #sum = { attempts: 0, bytes: 0 }
  readonly #onEnd: () => void

  constructor(traced: Traced, command: string, host: Host, onEnd: () => void) {
    this.#onEnd = onEnd
    const message = commandMessage(traced, command, undefined, host)
    const sum = (): void => void Object.assign(message, this.#sum)
    const told = failureOf(traced, command, () => [])
    const ok = (): 'ok' => {
      sum()
      return 'ok'
    }
    const failed = (error: unknown): ReturnType<typeof told> => {
      sum()
      return told(error)
    }
    this.#end = commandTrace.begin(message, ok, failed)
  }

  begin(): ReturnType<BeginPart> {
    this.#pending++
    return (attempts, bytes, error) => {
      this.#sum.attempts += attempts
      this.#sum.bytes += bytes
      if (--this.#pending > 0 && error === undefined) return
      this.#onEnd()
      this.#end(error === undefined ? undefined : { error })
    }
  }
}
