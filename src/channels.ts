import {
  type Channel,
  channel,
  type TracingChannel,
  tracingChannel,
} from 'node:diagnostics_channel'
import { performance } from './runtime.ts'

/**
 * The channels of `node:diagnostics_channel` through which mintring reports what it does. Observers
 * need no access to the client. A channel without subscribers costs one property read. Messages
 * never contain values or credentials; they contain keys only if the behavior `traceKeys` is on.
 */

/**
 * How an operation ended: one word of a small set, safe as a metric label. `hit`, `stale` and
 * `miss`: what a read found. `ok`: a write succeeded. `refused`: the server declined the command,
 * as add() of a key that exists, or incr() of a text. `partial`: some keys of a batch failed.
 * `loaderError`: the loader failed or took too long, not the cache. `aborted`: the caller's signal
 * fired. `invalid`: an argument was invalid, and nothing was sent. `error`: the cache failed.
 */
export type Outcome =
  | 'hit'
  | 'stale'
  | 'miss'
  | 'ok'
  | 'refused'
  | 'partial'
  | 'loaderError'
  | 'aborted'
  | 'invalid'
  | 'error'

/**
 * `mintring:command`: one verb of the client, from the call until its promise settles, retries
 * included.
 */
export interface CommandMessage {
  /** The name of the method that was called: `get`, `set`, `getOrSet`. */
  readonly command: string
  /** The `id` of the client. */
  readonly client?: string | undefined
  /** The key; present only with `traceKeys`. */
  readonly key?: string | undefined
  /** The host as `hosts()` names it; absent if the verb uses more than one host. */
  host?: string | undefined
  serverAddress?: string | undefined
  serverPort?: number | undefined
  /**
   * Where getOrSet() found its value: fresh, stale, miss, uncached, bypass. Set before `asyncEnd`.
   */
  state?: string
  /**
   * Bytes of the value on the wire, written or read, with those of its chunks. For one host's part
   * of a batch: the bytes of all its values. For a verb that may call a loader: of the value that
   * it read and of the one that it stored.
   */
  bytes?: number
  /**
   * How many attempts the verb made on hosts. 0 for a call that shared the read or the load of
   * another. Set before `asyncEnd`.
   */
  attempts?: number
  /** Time from the call until the promise settled, in milliseconds. Set before `asyncEnd`. */
  durationMs?: number
  /** How the verb ended. Set before `asyncEnd`. */
  outcome?: Outcome
  /**
   * The error, if the verb failed. Set before `error` and `asyncEnd`. Without `traceKeys`, its
   * message contains no key.
   */
  error?: unknown
}

/** `mintring:batch`: one verb over many keys (`getMany`, `setMany`, `deleteMany`, …). */
export interface BatchMessage {
  readonly command: string
  /** The `id` of the client. */
  readonly client?: string | undefined
  /** The number of different keys. For `warm` it is final only at the end. */
  batchSize: number
  /** The keys; present only with `traceKeys`. */
  readonly keys?: readonly string[] | undefined
  /** Keys that were found (reads) or written (writes). Set before `asyncEnd`. */
  hits?: number
  /** Keys that failed. Set before `asyncEnd`. */
  failed?: number
  /** Bytes of the values of getMany, setMany and getOrSetMany on the wire. */
  bytes?: number
  /**
   * How many attempts the batch made on hosts. Absent for `warm` and for `invalidate`, each key of
   * which is a command of its own. Set before `asyncEnd`.
   */
  attempts?: number
  /** Time from the call until the promise settled, in milliseconds. Set before `asyncEnd`. */
  durationMs?: number
  outcome?: Outcome
  /** The error, if the verb failed. Without `traceKeys`, its message contains no key. */
  error?: unknown
}

/** `mintring:connect`: one connection, from the attempt to open it until it can be used. */
export interface ConnectMessage {
  readonly host: string
  /** The `id` of the client. */
  readonly client?: string | undefined
  readonly serverAddress?: string | undefined
  readonly serverPort?: number | undefined
  readonly tls?: boolean | undefined
  /** Time that connecting took, in milliseconds. Set before `asyncEnd`. */
  durationMs?: number
  outcome?: Outcome
  error?: unknown
}

/** `mintring:eject`: the client removed a host from its ring. */
export interface EjectMessage {
  /** The host, as `hosts()` names it. */
  readonly host: string
  /** The `id` of the client. */
  readonly client?: string | undefined
  /** `host:port`, or the path of a socket. */
  readonly address?: string | undefined
  /** Consecutive failures that led to the ejection. */
  readonly failures?: number | undefined
  /** The error code of the last failure before the ejection. */
  readonly reason?: string | undefined
  /** Unix time in milliseconds of the next probe. */
  readonly nextProbeAtMs?: number | undefined
}

/** `mintring:probe`: the client tried an ejected host in the background. */
export interface ProbeMessage {
  /** The host, as `hosts()` names it. */
  readonly host: string
  /** The `id` of the client. */
  readonly client?: string | undefined
  /** `host:port`, or the path of a socket. */
  readonly address?: string | undefined
  /** Whether the host replied. */
  readonly ok: boolean
  /** The code of the error; absent if the host replied. */
  readonly reason?: string | undefined
  /** Unix time in milliseconds of the next probe. */
  readonly nextProbeAtMs?: number | undefined
}

/** `mintring:return`: the client took a host back into its ring. */
export interface ReturnMessage {
  /** The host, as `hosts()` names it. */
  readonly host: string
  /** The `id` of the client. */
  readonly client?: string | undefined
  /** `host:port`, or the path of a socket. */
  readonly address?: string | undefined
  /** How long the host was out of the ring, in milliseconds. */
  readonly ejectedForMs?: number | undefined
}

/** `mintring:slow`: a host has become much slower than its peers, or has recovered. */
export interface SlowMessage {
  /** The host, as `hosts()` names it. */
  readonly host: string
  /** The `id` of the client. */
  readonly client?: string | undefined
  /** `host:port`, or the path of a socket. */
  readonly address?: string | undefined
  /** Whether the host is slow now; false when it has recovered. */
  readonly isSlow: boolean
  /** The host's average reply time over the last second, in milliseconds. */
  readonly replyMs: number
  /** The median reply time of the other hosts, in milliseconds. */
  readonly peersMs: number
}

/** `mintring:refill`: an event of a refill that an operator may want to count. */
export interface RefillMessage {
  /**
   * The name of the event: `refill`, `refillError`, `leaseLost`, `leaseTakenOver`, `stale`,
   * `invalidationsLost`, …
   */
  readonly event: string
  /** The `id` of the client. */
  readonly client?: string | undefined
  /** The host, as `hosts()` names it. */
  readonly host?: string | undefined
  /** The key; present only with `traceKeys`. */
  readonly key?: string | undefined
  /** How long the load took, in milliseconds. */
  readonly tookMs?: number | undefined
  /** How many seconds ago the served value became stale. */
  readonly staleForSeconds?: number | undefined
  /** Why the value was stale: 'ttl', 'tag' or 'invalidated'; absent if unknown. */
  readonly staleBecause?: string | undefined
  /** The reason of the event: a word or an error code. */
  readonly reason?: string | undefined
}

/** `mintring:handover`: a handover began, entered its next phase, or ended. */
export interface HandoverMessage {
  /** The phase that begins. `end`: the client no longer uses the previous servers. */
  readonly phase: 'announce' | 'move' | 'end'
  /** The servers before the change, as `hosts()` named them. */
  readonly fromServers: readonly string[]
  /** The servers after the change. */
  readonly toServers: readonly string[]
  /** Unix time in milliseconds at which the handover ends. */
  readonly endsAtMs: number
  /** How many values this process has copied to their new host so far. */
  readonly copied: number
  /** How many keys this process looked up on their previous host and did not find. */
  readonly absent: number
  /** The `id` of the client. */
  readonly client?: string | undefined
}

/** `mintring:configure`: the settings or the servers of a running client changed. */
export interface ConfigureMessage {
  /** The `id` of the client. */
  readonly client?: string | undefined
  /** The old and new value of each setting that changed. Credentials are shown as `[set]`. */
  readonly changes: Readonly<
    Record<
      string,
      {
        /** The value before the change. */
        readonly from: unknown
        /** The value after the change. */
        readonly to: unknown
      }
    >
  >
}

/** How a failure is reported to observers. */
export interface Failure {
  readonly outcome: Outcome
  readonly error: unknown
}

/** The fields that are set when an operation ends. */
interface Traced {
  durationMs?: number
  outcome?: Outcome
  error?: unknown
}

const asIs = (error: unknown): Failure => ({ outcome: 'error', error })

/** Errors of operations that were reported. */
const reported = new WeakSet<object>()

/** Records that the operations behind an error were reported, so that it is not reported again. */
export function noteReported(error: unknown): void {
  if (typeof error === 'object' && error !== null) reported.add(error)
}

/** Whether the operation that failed with this error was reported. */
export function wasReported(error: unknown): boolean {
  return typeof error === 'object' && error !== null && reported.has(error)
}

/** Ends the report of an operation; gets the error if the operation failed. */
export type EndTrace = (failure?: { readonly error: unknown }) => void

/** Reports one kind of operation through the five channels of a `TracingChannel`. */
class Trace<Message extends object & Traced> {
  readonly #moments: TracingChannel<object, Message>

  constructor(name: string) {
    this.#moments = tracingChannel<object, Message>(name)
  }

  /**
   * Whether any of the five channels has a subscriber. The getter of TracingChannel itself is ten
   * times slower, and this one is read once per operation.
   */
  get hasSubscribers(): boolean {
    const { start, end, asyncStart, asyncEnd, error } = this.#moments
    return (
      start.hasSubscribers ||
      end.hasSubscribers ||
      asyncStart.hasSubscribers ||
      asyncEnd.hasSubscribers ||
      error.hasSubscribers
    )
  }

  /**
   * Runs `operation` and reports it. `outcomeOf` classifies the result: tracePromise() of Node
   * would put the result, a cached value, into the message. `failureOf` says how to report an
   * error; the caller gets the error itself.
   */
  async run<Result>(
    message: Message,
    operation: () => Promise<Result>,
    outcomeOf: (result: Result) => Outcome,
    failureOf: (error: unknown) => Failure = asIs,
  ): Promise<Result> {
    const { start, end, asyncStart, asyncEnd, error } = this.#moments
    const startMs = performance.now()
    try {
      const pending = start.runStores(message, operation)
      end.publish(message)
      const result = await pending
      message.durationMs = performance.now() - startMs
      message.outcome = outcomeOf(result)
      return result
    } catch (cause) {
      message.durationMs = performance.now() - startMs
      Object.assign(message, failureOf(cause))
      noteReported(cause)
      error.publish(message)
      throw cause
    } finally {
      asyncStart.publish(message)
      asyncEnd.publish(message)
    }
  }

  /** Reports an operation of several steps, from now until the returned function is called. */
  begin(
    message: Message,
    outcomeOf: () => Outcome,
    failureOf: (error: unknown) => Failure = asIs,
  ): EndTrace {
    let end: EndTrace
    const operation = new Promise<void>((resolve, reject) => {
      end = (failure) => (failure === undefined ? resolve() : reject(failure.error))
    })
    this.run(message, () => operation, outcomeOf, failureOf).catch(() => {})
    return end!
  }
}

/** The channels `tracing:mintring:command:start|end|asyncStart|asyncEnd|error`. */
export const commandTrace: Trace<CommandMessage> = new Trace('mintring:command')
/** The channels `tracing:mintring:batch:…`. */
export const batchTrace: Trace<BatchMessage> = new Trace('mintring:batch')
/** The channels `tracing:mintring:connect:…`. */
export const connectTrace: Trace<ConnectMessage> = new Trace('mintring:connect')

/** Whether commands or batches have a subscriber: the parts of a batch are commands. */
export const isTraced = (): boolean => batchTrace.hasSubscribers || commandTrace.hasSubscribers

/** A plain channel with messages of one type. */
export interface Notices<Message> {
  readonly hasSubscribers: boolean
  publish(message: Message): void
}

const notices = <Message>(name: string): Notices<Message> =>
  channel(name) as Channel<unknown, unknown> as Notices<Message>

export const ejectChannel: Notices<EjectMessage> = notices<EjectMessage>('mintring:eject')
export const probeChannel: Notices<ProbeMessage> = notices<ProbeMessage>('mintring:probe')
export const returnChannel: Notices<ReturnMessage> = notices<ReturnMessage>('mintring:return')
export const slowChannel: Notices<SlowMessage> = notices<SlowMessage>('mintring:slow')
export const refillChannel: Notices<RefillMessage> = notices<RefillMessage>('mintring:refill')
export const handoverChannel: Notices<HandoverMessage> =
  notices<HandoverMessage>('mintring:handover')
export const configureChannel: Notices<ConfigureMessage> =
  notices<ConfigureMessage>('mintring:configure')
