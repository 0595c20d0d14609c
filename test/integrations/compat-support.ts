import type { TestContext } from 'node:test'
import type { EmbeddedServer } from '../../src/embedded/embedded-server.ts'
import { startServer } from '../../src/embedded/server.ts'
import { Memcached } from '../../src/integrations/compat.ts'

/** The arguments of a callback. */
export type Told = { error: unknown; result: unknown; call: Memcached.CommandData }

/** Embedded servers and a callback client of them, closed after the test. */
export async function serve(
  test: TestContext,
  options: Memcached.options = {},
  count = 1,
): Promise<{ memcached: Memcached; servers: EmbeddedServer[] }> {
  const servers = await Promise.all(Array.from({ length: count }, () => startServer()))
  const addresses = servers.map((server) => server.address)
  const memcached = new Memcached(addresses, options)
  test.after(async () => {
    await memcached.client.close()
    await Promise.all(servers.map((server) => server.close()))
  })
  return { memcached, servers }
}

/** Calls a method with a callback as its last argument. */
export function call(memcached: Memcached, method: string, ...words: unknown[]): Promise<Told> {
  const methods = memcached as unknown as Record<string, (...all: unknown[]) => void>
  return new Promise((resolve) => {
    methods[method]?.(
      ...words,
      function (this: Memcached.CommandData, error: unknown, result: unknown) {
        resolve({ error, result, call: this })
      },
    )
  })
}
