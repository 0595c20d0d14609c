import type { Behaviors } from '../behaviors/behaviors.ts'
import type { BatchMessage, CommandMessage, Outcome } from '../channels.ts'
import { batchTrace, commandTrace } from '../channels.ts'
import { placeOf } from '../hosts/address.ts'
import type { Cluster } from '../hosts/cluster.ts'
import type { Host } from '../hosts/host.ts'
import type { Effect, Request } from '../net/request.ts'
import type { KeyMapping } from './keys.ts'

/** What tracing needs to know of a client. */
export interface Traced {
  readonly cluster: Cluster
  readonly behaviors: Behaviors
  readonly keys: KeyMapping
}

/** Sends a request to where its key lives while somebody listens to `mintring:command`. */
export function traceCommand<Result, Context>(
  traced: Traced,
  request: Request<Result, Context>,
): Promise<Result> {
  const { cluster } = traced
  const { routeKey } = request
  const host = routeKey === undefined ? undefined : cluster.hostFor(routeKey)
  const dispatch = (): void => cluster.dispatch(request as Request)
  return traceRequest(traced, request, host, dispatch, (result) =>
    outcomeOf(request.verb.effect, result),
  )
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
  { cluster, behaviors }: Traced,
  request: Request<Result, Context>,
  host: Host | undefined,
  dispatch: () => void,
  outcome: (result: Result) => Outcome,
): Promise<Result> {
  const message: CommandMessage = { command: request.verb.name }
  if (behaviors.traceKeys && request.routeKey !== undefined) {
    Object.assign(message, { key: request.routeKey })
  }
  // Where it goes first: whoever samples traces wants to know at the start.
  if (host !== undefined) nameHost(message, host)
  const send = (): Promise<Result> => {
    dispatch()
    return request.promise.finally(() => {
      const router = request.attempt?.router
      if (router === undefined || router.name === message.host) return
      const last = cluster.hosts.find((one) => one.name === router.name)
      if (last !== undefined) nameHost(message, last)
    })
  }
  return commandTrace.run(message, send, outcome)
}

/** Runs a verb that may load, with the host of its key; its commands are not told one by one. */
export function traceRefill<Result>(
  { cluster, behaviors, keys }: Traced,
  command: string,
  key: string,
  run: () => Promise<Result>,
): Promise<Result> {
  const message: CommandMessage = { command }
  if (behaviors.traceKeys) Object.assign(message, { key })
  const host = typeof key === 'string' ? cluster.hostFor(keys.routeKey(key)) : undefined
  if (host !== undefined) nameHost(message, host)
  return commandTrace.run(message, run, () => 'ok')
}

/** What a batch did, and the keys that got no answer where they are told with it. */
type Done = ReadonlyMap<string, unknown> & { readonly failed?: ReadonlyMap<string, unknown> }

/**
 * Runs a batch, while whoever listens to `mintring:batch` is told of it. `failed` is filled by the
 * batch, where what it resolves to does not have it.
 */
export function traceBatch<Answer extends Done>(
  command: string,
  keys: readonly string[],
  traceKeys: boolean,
  run: () => Promise<Answer>,
  failed?: ReadonlyMap<string, unknown>,
): Promise<Answer> {
  if (!batchTrace.hasSubscribers) return run()
  const message: BatchMessage = { command, batchSize: keys.length }
  if (traceKeys) Object.assign(message, { keys })
  return batchTrace.run(message, run, (done) => {
    const isRead = command === 'getMany'
    const hits = isRead ? done.size : [...done.values()].filter((value) => value !== false).length
    message.hits = hits
    message.failed = (failed ?? done.failed)?.size ?? 0
    if (keys.length > 0 && message.failed === keys.length) return 'error'
    if (isRead) return hits > 0 ? 'hit' : 'miss'
    return hits === keys.length ? 'ok' : 'refused'
  })
}

function nameHost(message: CommandMessage, { name, server }: Host): void {
  Object.assign(message, { host: name, ...placeOf(server) })
}

function outcomeOf(effect: Effect, result: unknown): Outcome {
  if (effect === 'read') return result === undefined ? 'miss' : 'hit'
  return result === false || result === undefined ? 'refused' : 'ok'
}
