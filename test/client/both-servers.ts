import { after, before, describe } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { skipWithoutMemcached, startMemcached } from '../support/memcached.ts'

interface Server {
  readonly address: string
  stop(): Promise<void>
}

const servers: readonly (readonly [string, string | false, () => Promise<Server>])[] = [
  [
    'the embedded server',
    false,
    async () => {
      const server = await startServer()
      return { address: server.address, stop: () => server.close() }
    },
  ],
  [
    'a real memcached',
    skipWithoutMemcached(),
    async () => {
      const server = await startMemcached({ args: ['-o', 'watcher_logbuf_size=64'] })
      return { address: `${server.host}:${server.port}`, stop: () => server.stop() }
    },
  ],
]

/** A server and a client of it, there while a test runs. */
export interface Pair {
  readonly cache: MemcachedClient
  readonly server: Server
}

/** Runs the same tests on the embedded server and, where there is one, on a real memcached. */
export function onBothServers(define: (pair: Pair) => void): void {
  for (const [name, skip, start] of servers) {
    describe(`on ${name}`, { skip }, () => {
      const pair = {} as { cache: MemcachedClient; server: Server }
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
