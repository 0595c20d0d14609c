import type { Behaviors } from '../../behaviors/behaviors.ts'
import { toClusterPolicy } from '../../behaviors/policies.ts'
import { MintringError } from '../../errors.ts'
import { parseServers } from '../../hosts/address.ts'
import { Cluster } from '../../hosts/cluster.ts'
import { surprising } from '../../net/refusal.ts'
import { Request, type Verb, verbOf } from '../../net/request.ts'
import { configGetHead } from '../../protocol/admin.ts'
import { ReplyKind } from '../../protocol/reply-kind.ts'
import { getHead } from '../../protocol/request.ts'
import type { RingServer } from '../../ring/server.ts'
import { encodeLine, wordsOfLine } from '../verbs/hosts.ts'
import { parseClusterConfig } from './cluster-config.ts'
import type { Source } from './source.ts'

/** The key that holds the configuration in ElastiCache before 1.4.14. */
const OLD_KEY = 'AmazonElastiCache:cluster'

/** Resolves to the configuration, or to undefined when the server has none. */
const CONFIG: Verb = verbOf({
  name: 'config',
  effect: 'read',
  repeatable: true,
  words: wordsOfLine,
  encode: encodeLine,
  accept(request, reply) {
    const found = request.context as { text: string | undefined }
    switch (reply.kind) {
      case ReplyKind.Config:
      case ReplyKind.Value:
        found.text = reply.valueString()
        return false
      case ReplyKind.End:
      case ReplyKind.Error:
      case ReplyKind.ClientError:
      case ReplyKind.ServerError:
        request.resolve(found.text)
        return true
      default:
        throw surprising(request)
    }
  },
})

/**
 * Returns a source that reads the nodes from an ElastiCache or Memorystore configuration endpoint.
 * Each lookup opens a connection of its own, because the endpoint's name moves when its node is
 * replaced. It ignores the version: replacing a node in place, or recreating a cluster, changes the
 * text without a higher version.
 */
export function endpointSource(endpoint: string, behaviors: () => Behaviors): Source {
  const servers = parseServers(endpoint)
  return async () => {
    const { nodes } = parseClusterConfig(await configurationOf(servers, behaviors()))
    return nodes.map((node): RingServer => node)
  }
}

async function configurationOf(
  servers: ReturnType<typeof parseServers>,
  behaviors: Behaviors,
): Promise<string> {
  const cluster = new Cluster(servers, { ...toClusterPolicy(behaviors), failover: 'error' })
  try {
    const text = (await ask(cluster, configGetHead())) ?? (await ask(cluster, getHead([OLD_KEY])))
    if (text !== undefined) return text
    throw new MintringError(
      'MINTRING_UNSUPPORTED',
      'The endpoint returned no cluster configuration',
      {
        host: cluster.hosts[0]?.name,
        command: 'config',
      },
    )
  } finally {
    await cluster.close({ drainMs: 0 })
  }
}

function ask(cluster: Cluster, head: string): Promise<string | undefined> {
  const context = { text: undefined }
  const request = new Request<string | undefined>(CONFIG, undefined, '', context, head)
  cluster.dispatchTo(cluster.hosts[0]!, request as Request)
  return request.promise
}
