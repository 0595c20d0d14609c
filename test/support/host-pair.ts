import type { Socket } from 'node:net'
import type { PlainClient } from './plain-verbs.ts'
import { type Script, type ScriptedServer, startScripted } from './scripted-server.ts'
import { QUICK, testCluster, until } from './test-cluster.ts'

/** Returns a scripted server's handler that stores values in `items`, with increasing CAS ids. */
export function storing(items: Map<string, string>): Script {
  const ids = new Map<string, number>()
  let lastId = 0
  let pending: { key: string; mayStore: boolean } | undefined
  const store = (line: string, socket: Socket): void => {
    const { key, mayStore } = pending!
    pending = undefined
    if (mayStore) {
      items.set(key, line)
      ids.set(key, ++lastId)
    }
    socket.write(mayStore ? 'STORED\r\n' : 'NOT_STORED\r\n')
  }
  const get = (names: readonly string[], hasId: boolean, socket: Socket): void => {
    for (const name of names) {
      const value = items.get(name)
      if (value === undefined) continue
      const id = hasId ? ` ${ids.get(name) ?? 0}` : ''
      socket.write(`VALUE ${name} 0 ${value.length}${id}\r\n${value}\r\n`)
    }
    socket.write('END\r\n')
  }
  return (line, socket) => {
    const [verb = '', key = '', , , , id] = line.split(' ')
    if (pending !== undefined) store(line, socket)
    else if (verb === 'set') pending = { key, mayStore: true }
    else if (verb === 'add') pending = { key, mayStore: !items.has(key) }
    else if (verb === 'cas') pending = { key, mayStore: ids.get(key) === Number(id) }
    else if (verb === 'delete') socket.write(items.delete(key) ? 'DELETED\r\n' : 'NOT_FOUND\r\n')
    else if (verb === 'incr') socket.write(items.has(key) ? '1\r\n' : 'NOT_FOUND\r\n')
    else if (verb === 'touch') socket.write(items.has(key) ? 'TOUCHED\r\n' : 'NOT_FOUND\r\n')
    else if (/^gets? /.test(line)) get(line.split(' ').slice(1), verb === 'gets', socket)
    else if (verb === 'flush_all') {
      items.clear()
      socket.write('OK\r\n')
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
  /** Whether the first server receives commands without replying. */
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
    { ...QUICK, ...options },
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
