import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import { type Memcached, startMemcached } from '../support/memcached.ts'

/** Long timeouts, so that no request fails on a busy machine. */
const PATIENT = {
  requestTimeoutMs: 10_000,
  connectTimeoutMs: 10_000,
  retryTimeoutMs: 10_000,
} as const
export const TTL = { ttl: 600 } as const

export type Server = Pick<Memcached, 'host' | 'port' | 'stop'>

/** Four servers, and the phases that each client has reported. */
export class Fleet {
  readonly servers: Server[] = []
  readonly #phases = new Map<MemcachedClient, string[]>()

  static async start(
    context: TestContext,
    start: (index: number) => Promise<Server> = () => startMemcached(),
  ): Promise<Fleet> {
    const fleet = new Fleet()
    for (let i = 0; i < 4; i++) fleet.servers.push(await start(i))
    context.after(async () => {
      await Promise.all([...fleet.#phases.keys()].map((client) => client.close()))
      await Promise.all(fleet.servers.map((server) => server.stop()))
    })
    return fleet
  }

  places(count: number): string[] {
    return this.servers.slice(0, count).map(({ host, port }) => `${host}:${port}`)
  }

  /** A client of the first servers, or of a list. */
  join(of: number | readonly string[], behaviors: BehaviorsInput = {}): MemcachedClient {
    const servers = typeof of === 'number' ? this.places(of) : of
    const client = new MemcachedClient(servers, { ...PATIENT, ...behaviors })
    const told: string[] = []
    this.#phases.set(client, told)
    client.on('handover', ({ phase }) => told.push(phase))
    return client
  }

  /** Forgets the phases that a client has reported, before its next change. */
  forget(client: MemcachedClient): void {
    this.#phases.get(client)!.length = 0
  }

  /** Resolves when the client has reported the phase. */
  async until(client: MemcachedClient, phase: 'announce' | 'move' | 'end'): Promise<void> {
    while (!this.#phases.get(client)!.includes(phase)) await sleep(20)
  }
}
