import type { PlainClient } from './plain-verbs.ts'
import { type Script, type ScriptedServer, startScripted } from './scripted-server.ts'
import { testCluster, until } from './test-cluster.ts'

/** A store of one value per key, over the wire. */
export function storing(items: Map<string, string>): Script {
  let pending: string | undefined
  return (line, socket) => {
    const [verb = '', key = ''] = line.split(' ')
    if (pending !== undefined) {
      items.set(pending, line)
      pending = undefined
      socket.write('STORED\r\n')
    } else if (verb === 'set') pending = key
    else if (verb === 'delete') socket.write(items.delete(key) ? 'DELETED\r\n' : 'NOT_FOUND\r\n')
    else if (verb === 'flush_all') {
      items.clear()
      socket.write('OK\r\n')
    } else if (verb === 'get') {
      for (const name of line.split(' ').slice(1)) {
        const value = items.get(name)
        if (value !== undefined) socket.write(`VALUE ${name} 0 ${value.length}\r\n${value}\r\n`)
      }
      socket.write('END\r\n')
    }
  }
}

/** A key that lives on the host with this port. */
export function keyOn(client: PlainClient, port: number, prefix = 'key'): string {
  for (let i = 0; ; i++) {
    const key = `${prefix}${i}`
    if (client.cluster.homeOf(key).server.port === port) return key
  }
}

export interface Pair {
  readonly client: PlainClient
  readonly servers: readonly [ScriptedServer, ScriptedServer]
  readonly items: readonly [Map<string, string>, Map<string, string>]
  /** The first server answers nothing while it is true. */
  hung: boolean
}

export async function startPair(
  t: Parameters<typeof testCluster>[0],
  options: Parameters<typeof testCluster>[2] = {},
): Promise<Pair> {
  const items = [new Map<string, string>(), new Map<string, string>()] as const
  const pair = { hung: false } as { -readonly [K in keyof Pair]: Pair[K] }
  const first = storing(items[0])
  const script: Script = (line, socket) => {
    if (pair.hung) return
    if (line === 'version') socket.write('VERSION 1.6.18\r\n')
    else if (line === 'mn') socket.write('MN\r\n')
    else if (line === 'stats settings') socket.write('END\r\n')
    else first(line, socket)
  }
  const servers = [
    await startScripted(script, { greets: false }),
    await startScripted(storing(items[1])),
  ] as const
  t.after(() => Promise.all(servers.map((server) => server.close())))
  pair.client = testCluster(
    t,
    servers.map(({ port }) => port),
    options,
  )
  return Object.assign(pair, { servers, items })
}

export const stateOf = (client: PlainClient, index = 0): string | undefined =>
  client.cluster.snapshot()[index]?.state

export async function eject(pair: Pair): Promise<void> {
  pair.hung = true
  const key = keyOn(pair.client, pair.servers[0].port, 'eject')
  await until(() => {
    pair.client.get(key).catch(() => undefined)
    return stateOf(pair.client) === 'ejected'
  })
}
