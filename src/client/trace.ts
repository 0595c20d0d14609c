import type { Behaviors } from '../behaviors/behaviors.ts'
import type { BatchMessage, CommandMessage, Outcome } from '../channels.ts'
import { batchTrace, commandTrace } from '../channels.ts'
import type { Cluster } from '../hosts/cluster.ts'
import type { Request } from '../net/request.ts'
import type { KeyMapping } from './keys.ts'

/** What tracing needs to know of a client. */
export interface Traced {
  readonly cluster: Cluster
  readonly behaviors: Behaviors
  readonly keys: KeyMapping
}

/** Sends a request while somebody listens to `mintring:command`. */
export function traceCommand<Result, Context>(
  traced: Traced,
  request: Request<Result, Context>,
): Promise<Result> {
  const { cluster, behaviors } = traced
  const message: CommandMessage = { command: request.verb.name }
  if (behaviors.traceKeys) Object.assign(message, { key: request.routeKey })
  const send = (): Promise<Result> => {
    cluster.dispatch(request as Request)
    return request.promise.finally(() => nameHost(cluster, message, request.router?.name))
  }
  return commandTrace.run(message, send, (result) => outcomeOf(request.verb.safety, result))
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
  const named = (): Promise<Result> => {
    if (typeof key === 'string')
      nameHost(cluster, message, cluster.hostFor(keys.routeKey(key))?.name)
    return run()
  }
  return commandTrace.run(message, named, () => 'ok')
}

/** Runs a batch, while whoever listens to `mintring:batch` is told of it. */
export function traceBatch<Done extends ReadonlyMap<string, unknown>>(
  command: string,
  keys: readonly string[],
  traceKeys: boolean,
  run: () => Promise<Done>,
): Promise<Done> {
  if (!batchTrace.hasSubscribers) return run()
  const message: BatchMessage = { command, batchSize: keys.length }
  if (traceKeys) Object.assign(message, { keys })
  return batchTrace.run(message, run, (done) => {
    let hits = 0
    for (const value of done.values()) if (value !== false) hits++
    message.hits = hits
    if (command === 'getMany') return hits > 0 ? 'hit' : 'miss'
    return hits === keys.length ? 'ok' : 'refused'
  })
}

function nameHost(cluster: Cluster, message: CommandMessage, name: string | undefined): void {
  const host = cluster.hosts.find((one) => one.name === name)
  if (host === undefined) return
  const port = /:(\d+)$/.exec(host.address)
  message.host = host.name
  message.serverAddress = port === null ? host.address : host.address.slice(0, port.index)
  message.serverPort = port === null ? undefined : Number(port[1])
}

function outcomeOf(safety: Request['verb']['safety'], result: unknown): Outcome {
  if (safety === 'read') return result === undefined ? 'miss' : 'hit'
  return result === false || result === undefined ? 'refused' : 'ok'
}
