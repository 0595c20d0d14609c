import {
  type Channel,
  channel,
  type TracingChannel,
  tracingChannel,
} from 'node:diagnostics_channel'
import { performance } from './runtime.ts'

/**
 * What mintring tells observers, through `node:diagnostics_channel`: no code has to touch the
 * client, and a channel without subscribers costs one property read. No message ever carries a
 * value or a credential; keys travel only when the behavior `traceKeys` asks for it.
 */

/**
 * How an operation ended, in one word that is safe as a metric's label. `hit`, `stale` and `miss`
 * are what a read found. `ok`: done. `refused`: the server said no. `partial`: some keys of a batch
 * got no answer. `loaderError`: the cache did its part, the loader did not. `aborted`: by the
 * caller's signal. `error`: the cache failed.
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
  | 'error'

/** `mintring:command`: one verb of the client, from the call to the answer, retries included. */
export interface CommandMessage {
  /** The verb as the caller wrote it: `get`, `set`, `getOrSet`. */
  readonly command: string
  /** The `id` of the client. */
  readonly client?: string | undefined
  /** Only with `traceKeys`. */
  readonly key?: string | undefined
  /** The host as `hosts()` names it; absent when the verb has no single host. */
  host?: string | undefined
  serverAddress?: string | undefined
  serverPort?: number | undefined
  /** How a getOrSet got its value: fresh, stale, miss, uncached, bypass. Set before `asyncEnd`. */
  state?: string
  /**
   * Bytes of the value that is written or was read, as they travel; of a host's part of a batch all
   * of them. Absent for what may load.
   */
  bytes?: number
  /** How many tries on a host it took. Set before `asyncEnd`; absent for what may load. */
  attempts?: number
  /** From the call to the answer. Set before `asyncEnd`. */
  durationMs?: number
  /** Set before `asyncEnd`. */
  outcome?: Outcome
  /** Set before `error` and `asyncEnd` when it failed. Without `traceKeys` it has no key. */
  error?: unknown
}

/** `mintring:batch`: one verb over many keys (`getMany`, `setMany`, `deleteMany`, …). */
export interface BatchMessage {
  readonly command: string
  /** The `id` of the client. */
  readonly client?: string | undefined
  /** How many different keys. `warm` tells it at the end. */
  batchSize: number
  /** Only with `traceKeys`. */
  readonly keys?: readonly string[] | undefined
  /** How many of the keys were found (reads) or done (writes). Set before `asyncEnd`. */
  hits?: number
  /** How many of the keys got no answer; all of them when the outcome is `error`. */
  failed?: number
  /** Bytes of the values of getMany and setMany, as they travel. Set before `asyncEnd`. */
  bytes?: number
  /** From the call to the answer. Set before `asyncEnd`. */
  durationMs?: number
  outcome?: Outcome
  /** Without `traceKeys` it has no key. */
  error?: unknown
}

/** `mintring:connect`: one connection, from the dial until the host can be used. */
export interface ConnectMessage {
  readonly host: string
  /** The `id` of the client. */
  readonly client?: string | undefined
  readonly serverAddress?: string | undefined
  readonly serverPort?: number | undefined
  readonly tls?: boolean | undefined
  /** Set before `asyncEnd`. */
  durationMs?: number
  outcome?: Outcome
  error?: unknown
}

/** `mintring:eject`: a host left the ring. */
export interface EjectMessage {
  /** The host, as `hosts()` names it. */
  readonly host: string
  /** The `id` of the client. */
  readonly client?: string | undefined
  /** `host:port`, or the path of a socket. */
  readonly address?: string | undefined
  /** Failures in a row that made it leave. */
  readonly failures?: number | undefined
  /** The code of the error that was one too many. */
  readonly reason?: string | undefined
  /** Unix time in milliseconds of the next probe. */
  readonly nextProbeAtMs?: number | undefined
}

/** `mintring:probe`: an ejected host was tried in the background. */
export interface ProbeMessage {
  /** The host, as `hosts()` names it. */
  readonly host: string
  /** The `id` of the client. */
  readonly client?: string | undefined
  /** `host:port`, or the path of a socket. */
  readonly address?: string | undefined
  /** Whether it answered. */
  readonly ok: boolean
  /** The code of the error, when it did not. */
  readonly reason?: string | undefined
  /** Unix time in milliseconds of the next probe. */
  readonly nextProbeAtMs?: number | undefined
}

/** `mintring:return`: a host is back in the ring. */
export interface ReturnMessage {
  /** The host, as `hosts()` names it. */
  readonly host: string
  /** The `id` of the client. */
  readonly client?: string | undefined
  /** `host:port`, or the path of a socket. */
  readonly address?: string | undefined
  /** How long it was out. */
  readonly ejectedForMs?: number | undefined
}

/** `mintring:slow`: a host replies much more slowly than its peers, or no longer does. */
export interface SlowMessage {
  /** The host, as `hosts()` names it. */
  readonly host: string
  /** The `id` of the client. */
  readonly client?: string | undefined
  /** `host:port`, or the path of a socket. */
  readonly address?: string | undefined
  /** Whether it is slow now; false when it has recovered. */
  readonly isSlow: boolean
  /** How long its replies took on average in the last second, in milliseconds. */
  readonly replyMs: number
  /** The median of its peers. */
  readonly peersMs: number
}

/** `mintring:refill`: something a refill did that an operator may want to count. */
export interface RefillMessage {
  /** `refill`, `refillError`, `leaseLost`, `leaseTakenOver`, `stale`, `invalidationsLost`, … */
  readonly event: string
  /** The `id` of the client. */
  readonly client?: string | undefined
  /** The host, as `hosts()` names it. */
  readonly host?: string | undefined
  /** Only with `traceKeys`. */
  readonly key?: string | undefined
  /** How long the load took, in milliseconds. */
  readonly tookMs?: number | undefined
  /** How long the served value had been stale. */
  readonly staleForSeconds?: number | undefined
  /** Why it was stale: 'ttl', 'tag' or 'invalidated'; absent where that cannot be told. */
  readonly staleBecause?: string | undefined
  /** Why, in a word or a code. */
  readonly reason?: string | undefined
}

/** `mintring:handover`: a handover began, went on to its next phase, or is over. */
export interface HandoverMessage {
  /** `end`: the previous placement is forgotten. */
  readonly phase: 'announce' | 'move' | 'end'
  /** The servers before, as `hosts()` named them. */
  readonly fromServers: readonly string[]
  /** The servers now. */
  readonly toServers: readonly string[]
  /** Unix time in milliseconds at which it is over. */
  readonly endsAtMs: number
  /** Values that this process moved until now. */
  readonly copied: number
  /** Keys that this process looked for at their previous home in vain. */
  readonly absent: number
  /** The `id` of the client. */
  readonly client?: string | undefined
}

/** `mintring:configure`: settings or membership changed while running. */
export interface ConfigureMessage {
  /** The `id` of the client. */
  readonly client?: string | undefined
  /** Old and new of what changed and nothing else; credentials are shown as `[set]`. */
  readonly changes: Readonly<
    Record<
      string,
      {
        /** What it was. */
        readonly from: unknown
        /** What it is. */
        readonly to: unknown
      }
    >
  >
}

/** What is told of a failure. */
export interface Failure {
  readonly outcome: Outcome
  readonly error: unknown
}

/** The fields that the end of an operation fills in. */
interface Traced {
  durationMs?: number
  outcome?: Outcome
  error?: unknown
}

const asIs = (error: unknown): Failure => ({ outcome: 'error', error })

/** A traced operation: its five moments are those of `TracingChannel`. */
class Trace<Message extends object & Traced> {
  readonly #moments: TracingChannel<object, Message>

  constructor(name: string) {
    this.#moments = tracingChannel<object, Message>(name)
  }

  /** Asked once per operation. The channel's own getter says the same at ten times the price. */
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
   * Runs `operation` inside the trace. `outcomeOf` names a result without showing it:
   * tracePromise() would put the result, a cached value, into the message. `failureOf` is what is
   * told of an error; the caller gets the error itself.
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
      error.publish(message)
      throw cause
    } finally {
      asyncStart.publish(message)
      asyncEnd.publish(message)
    }
  }
}

/** `tracing:mintring:command:start|end|asyncStart|asyncEnd|error`. */
export const commandTrace: Trace<CommandMessage> = new Trace('mintring:command')
/** `tracing:mintring:batch:…`. */
export const batchTrace: Trace<BatchMessage> = new Trace('mintring:batch')
/** `tracing:mintring:connect:…`. */
export const connectTrace: Trace<ConnectMessage> = new Trace('mintring:connect')

/** A plain channel of one message type. */
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
