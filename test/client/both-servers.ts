import { after, before, describe } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { abilitiesOf, type ServerAbilities } from '../../src/embedded/abilities.ts'
import { startServer } from '../../src/embedded/server.ts'
import {
  memcachedAbilities,
  skipWithoutMemcached,
  skipWithoutMeta,
  startMemcached,
} from '../support/memcached.ts'

interface Server {
  readonly address: string
  stop(): Promise<void>
}

interface Kind {
  readonly name: string
  readonly skip: string | false
  readonly can: ServerAbilities
  readonly start: () => Promise<Server>
}

function embedded(version: string): Kind {
  const start = async (): Promise<Server> => {
    const server = await startServer({ version })
    return { address: server.address, stop: () => server.close() }
  }
  return { name: `the embedded ${version}`, skip: false, can: abilitiesOf(version), start }
}

const real: Kind = {
  name: 'a real memcached',
  skip: skipWithoutMemcached(),
  can: memcachedAbilities(),
  async start() {
    const server = await startMemcached({ args: ['-o', 'watcher_logbuf_size=64'] })
    return { address: `${server.host}:${server.port}`, stop: () => server.stop() }
  },
}

/** A server and a client of it, for one test. */
export interface Pair {
  readonly cache: MemcachedClient
  readonly server: Server
  readonly can: ServerAbilities
}

/**
 * Runs the same tests on the embedded server, with and without meta commands, and on a real
 * memcached where there is one.
 */
export function onBothServers(define: (pair: Pair) => void): void {
  on([embedded('1.6.18'), embedded('1.4.39'), real], define)
}

/** Like onBothServers(), for tests of meta commands: leaves out servers that lack them. */
export function onMetaServers(define: (pair: Pair) => void): void {
  on([embedded('1.6.18'), { ...real, skip: skipWithoutMeta() }], define)
}

function on(kinds: readonly Kind[], define: (pair: Pair) => void): void {
  for (const { name, skip, can, start } of kinds) {
    describe(`on ${name}`, { skip }, () => {
      const pair = { can } as { cache: MemcachedClient; server: Server; can: ServerAbilities }
      before(async () => {
        pair.server = await start()
        pair.cache = new MemcachedClient([pair.server.address], { requestTimeoutMs: 5000 })
      })
      after(async () => {
        await pair.cache.close()
        await pair.server.stop()
      })
      define(pair)
    })
  }
}
