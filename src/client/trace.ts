import type { Behaviors } from '../behaviors/behaviors.ts'
import type { BatchMessage, CommandMessage, Failure, Outcome } from '../channels.ts'
import { batchTrace, commandTrace } from '../channels.ts'
import { placeOf } from '../hosts/address.ts'
import type { Cluster } from '../hosts/cluster.ts'
import type { Host } from '../hosts/host.ts'
import type { Request } from '../net/request.ts'
import type { RefillEntry } from '../refill/finding.ts'
import type { KeyMapping } from './keys.ts'
import { Call } from './trace-call.ts'
import { failureOf, READS } from './trace-failure.ts'
import { bytesWritten, measured } from './wire-bytes.ts'

/** The parts of a client that tracing needs. */
export interface Traced {
  readonly id: string
  readonly cluster: Cluster
  readonly behaviors: Behaviors
  readonly keys: KeyMapping
}

/** Traces a command that is routed by its key. */
export type Telling = <Result, Context>(
  traced: Traced,
  request: Request<Result, Context>,
) => Promise<Result>

/** Traces a command as an operation of its own. */
export const traceCommand: Telling = (traced, request) => {
  return traceKeyed(traced, request, (result) => outcomeOf(request.verb.name, result))
}

/** Traces a command as a part of a batch; only the batch reports the outcome of its keys. */
export const tracePart: Telling = (traced, request) => traceKeyed(traced, request, () => 'ok')

/** Traces a command as a step of an operation, and adds its attempts and bytes to the operation. */
export function traceStep(message: CommandMessage): Telling {
  return (traced, request) => {
    measured(request)
    if (request.body !== undefined) message.bytes = bytesWritten(request.body, request.flags)
    traced.cluster.dispatch(request as Request)
    return request.promise.finally(() => noteEnd(traced, message, request as Request))
  }
}

function traceKeyed<Result, Context>(
  traced: Traced,
  request: Request<Result, Context>,
  outcome: (result: Result) => Outcome,
): Promise<Result> {
  const { cluster } = traced
  const { routeKey } = request
  const host = routeKey === undefined ? undefined : cluster.hostFor(routeKey)
  measured(request)
  const dispatch = (): void => cluster.dispatch(request as Request)
  return traceRequest(traced, request, host, dispatch, outcome)
}

/**
 * Does the same as traceCommand() for a request to one host, such as its part of a batch. The
 * outcome is `ok` as soon as the host replies, whatever the results of its keys.
 */
export function traceHostRequest<Result, Context>(
  traced: Traced,
  request: Request<Result, Context>,
  host: Host,
): Promise<Result> {
  const dispatch = (): void => {
    if (request.group === undefined) traced.cluster.dispatchTo(host, request as Request)
    else traced.cluster.dispatchGroup(host, request as Request)
  }
  return traceRequest(traced, request, host, dispatch, () => 'ok')
}

function traceRequest<Result, Context>(
  traced: Traced,
  request: Request<Result, Context>,
  host: Host | undefined,
  dispatch: () => void,
  outcome: (result: Result) => Outcome,
): Promise<Result> {
  const { routeKey, body, flags } = request
  const message = commandMessage(traced, request.verb.name, routeKey, host)
  if (body !== undefined) message.bytes = bytesWritten(body, flags)
  const send = (): Promise<Result> => {
    dispatch()
    return request.promise
  }
  const told = (result: Result): Outcome => {
    noteEnd(traced, message, request as Request)
    return outcome(result)
  }
  const failed = (error: unknown): Failure => {
    noteEnd(traced, message, request as Request)
    if (message.host === undefined) nameFailed(traced, message, error)
    return failureOf(traced, request.verb.name, () => keysOf(request as Request))(error)
  }
  return commandTrace.run(message, send, told, failed)
}

/** Adds attempts, bytes and the last host of a settled request to the message. */
function noteEnd({ cluster }: Traced, message: CommandMessage, request: Request): void {
  message.attempts = (message.attempts ?? 0) + request.attempts
  const { size } = Object(request.context) as { readonly size?: unknown }
  if (typeof size === 'number' && size > 0) message.bytes = size
  const router = request.attempt?.router
  if (router === undefined || router.name === message.host) return
  const last = cluster.hosts.find((one) => one.name === router.name)
  if (last !== undefined) nameHost(message, last)
}

/** Runs and traces a verb on one key as one command, although it sends several. */
export function traceKey<Result>(
  traced: Traced,
  command: string,
  key: string,
  run: (message: CommandMessage) => Promise<Result>,
  outcome: (result: Result, message: CommandMessage) => Outcome,
): Promise<Result> {
  const isKey = typeof key === 'string'
  const host = isKey ? traced.cluster.hostFor(traced.keys.routeKey(key)) : undefined
  const message = commandMessage(traced, command, isKey ? key : undefined, host)
  const failed = failureOf(traced, command, () => [key])
  return commandTrace.run(
    message,
    () => run(message),
    (result) => outcome(result, message),
    failed,
  )
}

/**
 * Does the same as traceKey() for a verb of refills. Its host at the end is the one that replied
 * last, or failed; for a call that sent nothing itself, the one that serves the key by then.
 */
function traceRefill<Result>(
  traced: Traced,
  command: string,
  key: string,
  run: () => Promise<Result>,
  outcome: (result: Result, message: CommandMessage) => Outcome,
): Promise<Result> {
  const call = new Call()
  const note = (message: CommandMessage): void => {
    const isKey = typeof key === 'string'
    const host =
      call.host ?? (isKey ? traced.cluster.hostFor(traced.keys.routeKey(key)) : undefined)
    if (host !== undefined) nameHost(message, host)
    message.attempts = call.attempts
    if (call.bytes > 0) message.bytes = call.bytes
  }
  const steps = async (message: CommandMessage): Promise<Result> => {
    try {
      return await call.run(run)
    } catch (error) {
      note(message)
      nameFailed(traced, message, error)
      throw error
    }
  }
  return traceKey(traced, command, key, steps, (result, message) => {
    note(message)
    return outcome(result, message)
  })
}

/** Does the same as traceKey() for an invalidation; does nothing without subscribers. */
export function traceMark(
  traced: Traced,
  key: string,
  run: () => Promise<boolean>,
): Promise<boolean> {
  if (!commandTrace.hasSubscribers) return run()
  return traceRefill(traced, 'invalidate', key, run, (isDone) => (isDone ? 'ok' : 'refused'))
}

/** Does the same as traceKey() for calls that may load; adds the state of the result. */
export function traceEntry<Value>(
  traced: Traced,
  command: string,
  key: string,
  run: () => Promise<RefillEntry<Value>>,
): Promise<RefillEntry<Value>> {
  return traceRefill(traced, command, key, run, ({ state }, message) => {
    message.state = state
    return state === 'fresh' ? 'hit' : state === 'stale' ? 'stale' : 'miss'
  })
}

/** Does the same as traceKey() for a refresh; the outcome is always `ok`. */
export function traceRefresh<Value>(
  traced: Traced,
  key: string,
  run: () => Promise<RefillEntry<Value>>,
): Promise<RefillEntry<Value>> {
  return traceRefill(traced, 'refresh', key, run, ({ state }, message) => {
    message.state = state
    return 'ok'
  })
}

/**
 * Yields the lines of a long reply as one traced command, which ends with the last line or when the
 * reader stops.
 */
export async function* traceLines(
  traced: Traced,
  command: string,
  host: Host,
  lines: AsyncIterable<string>,
): AsyncGenerator<string, void, undefined> {
  if (!commandTrace.hasSubscribers) {
    yield* lines
    return
  }
  const message = commandMessage(traced, command, undefined, host)
  const failed = failureOf(traced, command, () => [])
  const end = commandTrace.begin(message, () => 'ok', failed)
  try {
    yield* lines
  } catch (error) {
    end({ error })
    throw error
  } finally {
    end()
  }
}

/** How many keys of a batch were found or written, and how many failed. */
export interface BatchCount {
  readonly size: number
  readonly hits: number
  readonly failed: number
  /** Keys that were deliberately not written. */
  readonly skipped?: number | undefined
  /** The outcome of a batch of which all keys failed. Default `error`. */
  readonly fate?: Outcome | undefined
  /** The bytes of the values that were read or written. */
  readonly bytes?: number | undefined
  /** How many attempts the commands of the batch made on hosts. */
  readonly attempts?: number | undefined
}

/**
 * Runs a batch as an operation on the channel `mintring:batch`. `reached` counts the keys of a
 * batch that rejects; without it, all of its keys failed.
 */
export function traceBatch<Result>(
  traced: Traced,
  command: string,
  keys: readonly string[],
  run: () => Promise<Result>,
  count: (result: Result) => BatchCount,
  reached?: () => BatchCount,
): Promise<Result> {
  const message: BatchMessage = { command, client: traced.id, batchSize: keys.length }
  if (traced.behaviors.traceKeys && keys.length > 0) Object.assign(message, { keys })
  const isRead = command === 'getMany' || command === 'getOrSetMany'
  const note = ({ size, hits, failed, bytes, attempts }: BatchCount): void => {
    Object.assign(message, { batchSize: size, hits, failed })
    if (bytes !== undefined) message.bytes = bytes
    if (attempts !== undefined) message.attempts = attempts
  }
  const told = (result: Result): Outcome => {
    const counted = count(result)
    note(counted)
    const { size, hits, failed } = counted
    const { skipped = 0, fate = 'error' } = counted
    if (failed > 0) return failed === size ? fate : 'partial'
    if (isRead) return hits > 0 ? 'hit' : 'miss'
    return hits + skipped === size ? 'ok' : 'refused'
  }
  const toldOf = failureOf(traced, command, () => keys)
  const failed = (error: unknown): Failure => {
    const failure = toldOf(error)
    const { batchSize: size } = message
    const counted = reached?.() ?? { size, hits: 0, failed: size }
    note(counted)
    const isPartial = counted.failed < counted.size && failure.outcome === 'error'
    return isPartial ? { ...failure, outcome: 'partial' } : failure
  }
  return batchTrace.run(message, run, told, failed)
}

/** Creates the message of a command before it starts. */
export function commandMessage(
  { id, behaviors }: Traced,
  command: string,
  key: string | undefined,
  host: Host | undefined,
): CommandMessage {
  const message: CommandMessage = { command, client: id }
  if (behaviors.traceKeys && key !== undefined) Object.assign(message, { key })
  // Add the first host now: samplers decide at the start whether to keep a trace.
  if (host !== undefined) nameHost(message, host)
  return message
}

function nameHost(message: CommandMessage, { name, server }: Host): void {
  const { serverAddress, serverPort } = placeOf(server)
  message.host = name
  message.serverAddress = serverAddress
  message.serverPort = serverPort
}

/** Names the host that an error is about. */
function nameFailed({ cluster }: Traced, message: CommandMessage, error: unknown): void {
  const { host: name } = Object(error) as { readonly host?: unknown }
  const host = cluster.hosts.find((one) => one.name === name)
  if (host !== undefined) nameHost(message, host)
}

function outcomeOf(command: string, result: unknown): Outcome {
  // For the result of raw(), all that is known is that a reply arrived.
  if (Array.isArray(result)) return 'ok'
  const status = statusOf(result)
  const isNo = result === undefined || result === false || status === 'exists'
  if (READS.has(command)) {
    return result === undefined || status === 'missing' ? 'miss' : 'hit'
  }
  return isNo || status === 'missing' || status === 'not_stored' ? 'refused' : 'ok'
}

/** Returns the status in a result of `cas` or of a meta command. */
function statusOf(result: unknown): string | undefined {
  if (result === 'exists' || result === 'not_found') return 'exists'
  const { status } = Object(result) as { readonly status?: string }
  return status
}

function keysOf({ routeKey, group }: Request): readonly string[] {
  if (routeKey !== undefined) return [routeKey]
  return Array.from({ length: group?.size ?? 0 }, (_, i) => group!.routeKey(i))
}
