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
import { type Codec, MeasuredCodec } from './values/codec.ts'

/** What tracing needs to know of a client. */
export interface Traced {
  readonly id: string
  readonly cluster: Cluster
  readonly behaviors: Behaviors
  readonly keys: KeyMapping
}

/** How a command is told that goes to where its key lives. */
export type Telling = <Result, Context>(
  traced: Traced,
  request: Request<Result, Context>,
) => Promise<Result>

/** Tells a command as an operation of its own. */
export const traceCommand: Telling = (traced, request) => {
  return traceKeyed(traced, request, (result) => outcomeOf(request.verb.name, result))
}

/** Tells a command as the part of a batch: the batch alone tells what became of its keys. */
export const tracePart: Telling = (traced, request) => traceKeyed(traced, request, () => 'ok')

/** Tells a command as a step of an operation, whose attempts and bytes it adds to. */
export function traceStep(message: CommandMessage): Telling {
  return (traced, request) => {
    measure(request as Request)
    if (request.body !== undefined) message.bytes = request.body.length
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
 * As traceCommand(), for what is asked of one host, such as its part of a batch. What became of the
 * keys in it is not its outcome: that it was answered is.
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
  const { routeKey, body } = request
  const message = commandMessage(traced, request.verb.name, routeKey, host)
  if (body !== undefined) message.bytes = body.length
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

/** Adds what a request tells of itself once it is settled. */
function noteEnd({ cluster }: Traced, message: CommandMessage, request: Request): void {
  message.attempts = (message.attempts ?? 0) + request.attempts
  const { size } = Object(request.context) as { readonly size?: unknown }
  if (typeof size === 'number' && size > 0) message.bytes = size
  const router = request.attempt?.router
  if (router === undefined || router.name === message.host) return
  const last = cluster.hosts.find((one) => one.name === router.name)
  if (last !== undefined) nameHost(message, last)
}

/** Has the value of a read measured: its size is known while it is decoded, and not later. */
function measure(request: { context: unknown }): void {
  const { decode } = Object(request.context) as Partial<Codec>
  if (typeof decode === 'function') request.context = new MeasuredCodec(request.context as Codec)
}

/** Runs a verb on one key that is several commands: they are not told one by one. */
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

/** As traceKey(), for an invalidation; tells nothing while there is no subscriber. */
export function traceMark(
  traced: Traced,
  key: string,
  run: () => Promise<boolean>,
): Promise<boolean> {
  if (!commandTrace.hasSubscribers) return run()
  return traceKey(traced, 'invalidate', key, run, (isDone) => (isDone ? 'ok' : 'refused'))
}

/** As traceKey(), for what may load: tells how the value came. */
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

/** As traceKey(), for a refresh: it is done, whatever was there before. */
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

/** Yields the lines of a long answer; their end, or the reader's, ends the command. */
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

/** How many keys of a batch were found or done, and how many got no answer. */
export interface BatchCount {
  readonly size: number
  readonly hits: number
  readonly failed: number
  /** Of the values that were read or written. */
  readonly bytes?: number | undefined
}

/** Runs a batch as an operation of the channel `mintring:batch`. */
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

/** The message of a command, before it begins. */
export function commandMessage(
  { id, behaviors }: Traced,
  command: string,
  key: string | undefined,
  host: Host | undefined,
): CommandMessage {
  const message: CommandMessage = { command, client: id }
  if (behaviors.traceKeys && key !== undefined) Object.assign(message, { key })
  // The first host: samplers of traces decide at the start.
  if (host !== undefined) nameHost(message, host)
  return message
}

function nameHost(message: CommandMessage, { name, server }: Host): void {
  const { serverAddress, serverPort } = placeOf(server)
  message.host = name
  message.serverAddress = serverAddress
  message.serverPort = serverPort
}

/** Commands whose result is what they found. */
const READS: ReadonlySet<string> = new Set(['get', 'gets', 'gat', 'gats', 'mg', 'me'])

function outcomeOf(command: string, result: unknown): Outcome {
  // What raw() resolves to: that there was an answer is all that is known of it.
  if (Array.isArray(result)) return 'ok'
  const status = statusOf(result)
  const isNo = result === undefined || result === false || status === 'exists'
  if (READS.has(command)) {
    return result === undefined || status === 'missing' ? 'miss' : 'hit'
  }
  return isNo || status === 'missing' || status === 'not_stored' ? 'refused' : 'ok'
}

/** `cas` resolves to a word, the meta commands to an object with one. */
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

/** Errors of hosts and of time: their words are about those. All others may quote a key. */
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

/** What is told of a failure: without `traceKeys` no key, and nothing that a loader said. */
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

/** An error by its code, or by its name. */
function withoutWords(error: unknown): Error {
  if (!isMintringError(error)) {
    return Object.assign(new Error('told without its message'), { name: nameOf(error) })
  }
  const { code, host, command, sent, cause } = error
  const isLoader = LOADER_CODES.has(code)
  const why = isLoader ? `The loader failed: ${nameOf(cause)}` : `${code}, told without its words`
  return new MintringError(code, why, { host, command, sent })
}

const nameOf = (cause: unknown): string => {
  const { name } = Object(cause) as { readonly name?: unknown }
  return typeof name === 'string' && name !== '' ? name : `a ${typeof cause} was thrown`
}

/** Whether an error, or one underneath, has one of the keys in its message. */
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
