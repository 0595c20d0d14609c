import { AsyncLocalStorage } from 'node:async_hooks'
import { commandTrace } from '../channels.ts'
import type { Cluster } from '../hosts/cluster.ts'
import type { Host } from '../hosts/host.ts'
import { commandMessage, failureOf, type Traced } from './trace.ts'

/** What the hosts are asked on behalf of a batch whose commands are not requests of its own. */
class HostParts {
  readonly #traced: Traced
  readonly #parts = new Map<Host, { pending: number; end: (error?: unknown) => void }>()

  constructor(traced: Traced) {
    this.#traced = traced
  }

  /** A read begins on a host: answers what to call when it ends. */
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
    const failed = failureOf(this.#traced, () => [])
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
/** Batches under way that are traced: while there are none, reads ask for nothing else. */
let tracedBatches = 0

/** Tells, as commands, what each host is asked by reads that are begun within. */
export function inBatch<Result>(traced: Traced, run: () => Promise<Result>): Promise<Result> {
  if (!commandTrace.hasSubscribers) return run()
  tracedBatches++
  return running.run(new HostParts(traced), run).finally(() => {
    tracedBatches--
  })
}

/** What a loader reads is not part of the batch that called it. */
export function outsideBatch<Args extends unknown[], Result>(
  loader: (...args: Args) => Result,
): (...args: Args) => Result {
  return (...args) => running.exit(() => loader(...args))
}

/** For a read within a batch: what to call when it was answered, or undefined. */
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
