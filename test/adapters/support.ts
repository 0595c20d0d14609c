import { once } from 'node:events'
import type { RequestListener, Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before } from 'node:test'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import { startMemcached } from '../support/memcached.ts'
import type { CacheServer } from '../support/server-kinds.ts'

/** A real memcached and a client of it, for the tests of one suite. */
export interface RealCache {
  readonly cache: MemcachedClient
  /** `host:port` */
  readonly address: string
}

/**
 * Starts a memcached before the suite's tests and stops it after them. Use its fields only inside
 * tests.
 */
export function realCache(
  behaviors: BehaviorsInput = {},
  start: () => Promise<CacheServer> = startMemcached,
): RealCache {
  let server: CacheServer | undefined
  let client: MemcachedClient | undefined
  const address = (): string => `${server?.host}:${server?.port}`
  before(async () => {
    server = await start()
    client = new MemcachedClient([address()], behaviors)
  })
  after(async () => {
    await client?.close()
    await server?.kill()
  })
  return {
    get cache() {
      return client as MemcachedClient
    },
    get address() {
      return address()
    },
  }
}

/** An HTTP service on a free port that runs while `use` runs. */
export async function serving<Result>(
  handler: RequestListener,
  use: (url: string) => Promise<Result>,
): Promise<Result> {
  const server: Server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
}

/** The arguments of the callback. */
export interface Outcome {
  readonly error: (Error & { notStored?: boolean }) | undefined
  readonly result: unknown
  readonly self: Record<string, unknown>
}

/** Calls a method whose last argument is a callback. */
export function called(
  target: object,
  method: string,
  ...words: readonly unknown[]
): Promise<Outcome> {
  return new Promise((resolve) => {
    const methods = target as Record<string, (...all: unknown[]) => void>
    methods[method]?.(...words, function (this: Outcome['self'], error: Error, result: unknown) {
      resolve({ error, result, self: this })
    })
  })
}
