import { AsyncLocalStorage } from 'node:async_hooks'
import { commandTrace } from '../channels.ts'
import type { Cluster } from '../hosts/cluster.ts'
import type { Host } from '../hosts/host.ts'
import { commandMessage, type Traced } from './trace.ts'
import { failureOf } from './trace-failure.ts'

/** Traces the reads of a batch as one command per host, for verbs that send a read per key. */
class HostParts {
  readonly #traced: Traced
  readonly #parts = new Map<Host, { pending: number; end: (error?: unknown) => void }>()

  constructor(traced: Traced) {
    this.#traced = traced
  }

  /** Records the start of a read on a host; returns a function to call when it ends. */
  begin(command: string, host: Host): (error?: unknown) => void {
    const part = this.#parts.get(host) ?? this.#open(command, host)
    part.pending++
    return (error) => {
      if (--part.pending > 0 && error === undefined) return
      this.#parts.delete(host)
      part.end(error)
    }
  }

  #open(command: string, host: Host): { pending: number; end: (error?: unknown) => void } {
    const part = { pending: 0, end: (_error?: unknown): void => {} }
    const whole = new Promise<void>((resolve, reject) => {
      part.end = (error) => (error === undefined ? resolve() : reject(error))
    })
    const message = commandMessage(this.#traced, command, undefined, host)
    const failed = failureOf(this.#traced, command, () => [])
    void commandTrace
      .run(
        message,
        () => whole,
        () => 'ok',
        failed,
      )
      .catch(() => {})
    this.#parts.set(host, part)
    return part
  }
}

const running = new AsyncLocalStorage<HostParts>()
/** The number of traced batches in progress; reads skip the lookup while it is 0. */
let tracedBatches = 0

/** Traces, as one command per host, the reads that start inside `run`. */
export function inBatch<Result>(traced: Traced, run: () => Promise<Result>): Promise<Result> {
  if (!commandTrace.hasSubscribers) return run()
  tracedBatches++
  return running.run(new HostParts(traced), run).finally(() => {
    tracedBatches--
  })
}

/** Runs a loader outside the batch that called it, so that its reads are not part of the batch. */
export function outsideBatch<Args extends unknown[], Result>(
  loader: (...args: Args) => Result,
): (...args: Args) => Result {
  return (...args) => running.exit(() => loader(...args))
}

/** Returns the function that a read inside a batch calls when it ends; undefined elsewhere. */
export function partOfBatch(
  command: string,
  cluster: Cluster,
  routeKey: string,
): ((error?: unknown) => void) | undefined {
  if (tracedBatches === 0) return undefined
  const parts = running.getStore()
  const host = parts === undefined ? undefined : cluster.hostFor(routeKey)
  return host === undefined ? undefined : parts!.begin(command, host)
}
