import type { Behaviors } from '../behaviors/behaviors.ts'
import type { BatchMessage, CommandMessage, Failure, Outcome } from '../channels.ts'
import { batchTrace, commandTrace } from '../channels.ts'
import { isMintringError, MintringError } from '../errors.ts'
import { placeOf } from '../hosts/address.ts'
import type { Cluster } from '../hosts/cluster.ts'
import type { Host } from '../hosts/host.ts'
import type { Request } from '../net/request.ts'
import type { RefillEntry } from '../refill/entry.ts'
import type { KeyMapping } from './keys.ts'
import type { Decoder } from './values/codec.ts'
import { bytesWritten, MeasuredCodec } from './wire-bytes.ts'

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
    measure(request as Request)
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
  measure(request as Request)
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
    return failureOf(traced, () => keysOf(request as Request))(error)
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

/** Wraps the codec of a read to measure the value, whose size is known only while it is decoded. */
function measure(request: { context: unknown }): void {
  const { decode } = Object(request.context) as Partial<Decoder>
  if (typeof decode === 'function') request.context = new MeasuredCodec(request.context as Decoder)
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
  const failed = failureOf(traced, () => [key])
  return commandTrace.run(
    message,
    () => run(message),
    (result) => outcome(result, message),
    failed,
  )
}

/** Does the same as traceKey() for an invalidation; does nothing without subscribers. */
export function traceMark(
  traced: Traced,
  key: string,
  run: () => Promise<boolean>,
): Promise<boolean> {
  if (!commandTrace.hasSubscribers) return run()
  return traceKey(traced, 'invalidate', key, run, (isDone) => (isDone ? 'ok' : 'refused'))
}

/** Does the same as traceKey() for calls that may load; adds the state of the result. */
export function traceEntry<Value>(
  traced: Traced,
  command: string,
  key: string,
  run: () => Promise<RefillEntry<Value>>,
): Promise<RefillEntry<Value>> {
  return traceKey(traced, command, key, run, ({ state }, message) => {
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
  return traceKey(traced, 'refresh', key, run, ({ state }, message) => {
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
  const failed = failureOf(traced, () => [])
  let end = (_failure?: { readonly error: unknown }): void => {}
  const whole = new Promise<void>((resolve, reject) => {
    end = (failure) => (failure === undefined ? resolve() : reject(failure.error))
  })
  const told = commandTrace.run(
    message,
    () => whole,
    () => 'ok',
    failed,
  )
  told.catch(() => {})
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
  /** The bytes of the values that were read or written. */
  readonly bytes?: number | undefined
}

/** Runs a batch as an operation on the channel `mintring:batch`. */
export function traceBatch<Result>(
  traced: Traced,
  command: string,
  keys: readonly string[],
  run: () => Promise<Result>,
  count: (result: Result) => BatchCount,
): Promise<Result> {
  const message: BatchMessage = { command, client: traced.id, batchSize: keys.length }
  if (traced.behaviors.traceKeys && keys.length > 0) Object.assign(message, { keys })
  const isRead = command === 'getMany' || command === 'getOrSetMany'
  const told = (result: Result): Outcome => {
    const { size, hits, failed, bytes } = count(result)
    Object.assign(message, { batchSize: size, hits, failed }, bytes === undefined ? {} : { bytes })
    if (failed > 0) return failed === size ? 'error' : 'partial'
    if (isRead) return hits > 0 ? 'hit' : 'miss'
    return hits === size ? 'ok' : 'refused'
  }
  const toldOf = failureOf(traced, () => keys)
  const failed = (error: unknown): Failure => {
    Object.assign(message, { hits: 0, failed: message.batchSize })
    return toldOf(error)
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

/** Commands whose outcome is a hit or a miss. */
const READS: ReadonlySet<string> = new Set(['get', 'gets', 'gat', 'gats', 'mg', 'me'])

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

/** Returns the failure to report: without `traceKeys` it contains no key and no loader message. */
export function failureOf(
  { behaviors }: Traced,
  keysOf: () => readonly string[],
): (error: unknown) => Failure {
  return (error) => {
    const code = isMintringError(error) ? error.code : undefined
    const isLoader = code !== undefined && LOADER_CODES.has(code)
    const outcome = isLoader ? 'loaderError' : code === 'MINTRING_ABORTED' ? 'aborted' : 'error'
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
  const isLoader = LOADER_CODES.has(code)
  const why = isLoader
    ? `The loader failed: ${nameOf(cause)}`
    : `${code} (message withheld: it may contain a key)`
  return new MintringError(code, why, { host, command, sent })
}

const nameOf = (cause: unknown): string => {
  const { name } = Object(cause) as { readonly name?: unknown }
  return typeof name === 'string' && name !== '' ? name : `a ${typeof cause} was thrown`
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

function keysOf({ routeKey, group }: Request): readonly string[] {
  if (routeKey !== undefined) return [routeKey]
  return Array.from({ length: group?.size ?? 0 }, (_, i) => group!.routeKey(i))
}
