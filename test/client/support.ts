import { createServer } from 'node:net'
import type { TestContext } from 'node:test'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import type { EmbeddedServer } from '../../src/embedded/embedded-server.ts'
import { type ServerOptions, startServer } from '../../src/embedded/server.ts'
import { startScripted } from '../support/scripted-server.ts'

/** Long timeouts for tests of healthy hosts, so that a slow machine causes none. */
export const PATIENT = {
  ...{ requestTimeoutMs: 20_000, connectTimeoutMs: 20_000, retryTimeoutMs: 20_000 },
} as const

/** An embedded server and a client of it, both closed after the test. */
export async function serve(
  test: TestContext,
  behaviors: BehaviorsInput = {},
  options: ServerOptions = {},
): Promise<{ server: EmbeddedServer; cache: MemcachedClient }> {
  const server = await startServer(options)
  const cache = connect(test, [server.address], behaviors)
  test.after(() => server.close())
  return { server, cache }
}

/** A client whose calls wait long that is closed after the test. */
export function connect(
  test: TestContext,
  servers: string | readonly string[],
  behaviors: BehaviorsInput = {},
): MemcachedClient {
  const cache = new MemcachedClient(servers, {
    requestTimeoutMs: PATIENT.requestTimeoutMs,
    ...behaviors,
  })
  test.after(() => cache.close())
  return cache
}

/** A client of a server that accepts connections and never replies. */
export async function hanging(test: TestContext): Promise<MemcachedClient> {
  const server = await startScripted(() => {}, { greets: false })
  const cache = new MemcachedClient(`127.0.0.1:${server.port}`, PATIENT)
  test.after(async () => {
    await cache.close({ drainMs: 0 })
    await server.close()
  })
  return cache
}

/** A server that only counts connections. */
export async function countKnocks(
  test: TestContext,
): Promise<{ address: string; knocks: () => number }> {
  let count = 0
  const server = createServer((socket) => {
    count++
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  test.after(() => server.close())
  const { port } = server.address() as { port: number }
  return { address: `127.0.0.1:${port}`, knocks: () => count }
}
