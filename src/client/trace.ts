import type { Behaviors } from '../behaviors/behaviors.ts'
import type { CommandMessage, Outcome } from '../channels.ts'
import { commandTrace } from '../channels.ts'
import type { Cluster } from '../hosts/cluster.ts'
import type { Request } from '../net/request.ts'

/** What tracing needs to know of a client. */
export interface Traced {
  readonly cluster: Cluster
  readonly behaviors: Behaviors
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
