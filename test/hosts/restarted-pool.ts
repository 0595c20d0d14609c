import type { TestContext } from 'node:test'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import { createManualClock, type EmbeddedServer, startServer } from '../../src/embedded/index.ts'
import { MemcachedClient } from '../../src/index.ts'
import { Gate } from '../meetings/gate.ts'
import { until } from '../support/test-cluster.ts'

/** Embedded servers of which the first one can be stopped and started, and clients of them. */
export class RestartedPool {
  readonly #servers: EmbeddedServer[]
  /** Proxies in front of servers, by the place of the server. */
  readonly #gates = new Map<number, Gate>()
  readonly #clients: MemcachedClient[] = []
  readonly list: string[]

  /** `ageMs`: for how long the first server has been running. */
  static async start(t: TestContext, ageMs = 0): Promise<RestartedPool> {
    const clock = createManualClock(Date.now() - ageMs)
    const old = ageMs > 0 ? { clock } : {}
    const servers = await Promise.all([startServer(old), startServer(), startServer()])
    clock.advance(ageMs)
    const pool = new RestartedPool(servers)
    t.after(() => pool.#end())
    return pool
  }

  private constructor(servers: EmbeddedServer[]) {
    this.#servers = servers
    this.list = servers.map(({ port }) => `127.0.0.1:${port}`)
  }

  /** Puts a proxy in front of a server, before clients are opened. */
  async gate(index: number): Promise<Gate> {
    const gate = await new Gate(this.#servers[index]!.port).open()
    this.#gates.set(index, gate)
    this.list[index] = `127.0.0.1:${gate.port}`
    return gate
  }

  /** A client: one process. No host hangs in these tests, so a busy machine has time. */
  open(behaviors: BehaviorsInput = {}): MemcachedClient {
    const times = { requestTimeoutMs: 20_000, connectTimeoutMs: 500, retryTimeoutMs: 500 }
    const client = new MemcachedClient(this.list, { ...times, ...behaviors })
    this.#clients.push(client)
    return client
  }

  /** Keys of the host that is restarted, all with the same fallback host. */
  keys(count: number): string[] {
    const keys: string[] = []
    const client = this.open()
    for (let i = 0; keys.length < count; i++) {
      const { server, fallback } = client.locate(`key:${i}`)
      if (server === this.list[0] && fallback === this.list[1]) keys.push(`key:${i}`)
    }
    return keys
  }

  /** Stops the host, which refuses connections then, and waits until clients have noticed. */
  async stop(...clients: MemcachedClient[]): Promise<void> {
    await this.#servers[0]!.close()
    await this.lost(...clients)
  }

  /** Starts it again, empty, once it has refused another dial of these clients. */
  async restart(...clients: MemcachedClient[]): Promise<void> {
    for (const client of clients) {
      const { lastError } = client.hosts()[0]!
      await until(() => client.hosts()[0]!.lastError !== lastError)
    }
    const { port } = this.#servers[0]!
    this.#servers[0] = await startServer({ port })
  }

  /** Waits until clients see the host refuse connections. */
  async lost(...clients: MemcachedClient[]): Promise<void> {
    for (const client of clients) await this.#see(client, (state) => state !== 'up')
  }

  async ejected(client: MemcachedClient): Promise<void> {
    await this.#see(client, (state) => state === 'ejected')
  }

  /** Waits until clients use the host again. */
  async back(...clients: MemcachedClient[]): Promise<void> {
    for (const client of clients) await this.#see(client, (state) => state === 'up')
  }

  async #see(client: MemcachedClient, isThere: (state: string) => boolean): Promise<void> {
    await until(() => {
      client.version().catch(() => {})
      return isThere(client.hosts()[0]!.state)
    })
  }

  async #end(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close({ drainMs: 0 })))
    await Promise.all([...this.#gates.values()].map((gate) => gate.close().catch(() => {})))
    await Promise.all(this.#servers.map((server) => server.close()))
  }
}
