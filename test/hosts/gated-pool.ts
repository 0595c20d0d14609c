import type { TestContext } from 'node:test'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import { startServer } from '../../src/embedded/server.ts'
import { MemcachedClient } from '../../src/index.ts'
import { Gate } from '../meetings/gate.ts'

/** Embedded servers behind gates, and the clients that a test opens to them. */
export interface GatedPool {
  readonly gates: readonly Gate[]
  readonly list: readonly string[]
  open(behaviors?: BehaviorsInput): MemcachedClient
}

/** Starts a pool that ends with the test. `settings` are those of its clients. */
export async function gatedPool(
  t: TestContext,
  hosts: number,
  settings: BehaviorsInput,
): Promise<GatedPool> {
  const servers = await Promise.all(Array.from({ length: hosts }, () => startServer()))
  const gates = await Promise.all(servers.map(({ port }) => new Gate(port).open()))
  const clients: MemcachedClient[] = []
  t.after(async () => {
    await Promise.all(clients.map((client) => client.close({ drainMs: 0 })))
    await Promise.all(gates.map((gate) => gate.close()))
    await Promise.all(servers.map((server) => server.close()))
  })
  const list = gates.map(({ port }) => `127.0.0.1:${port}`)
  const open = (behaviors: BehaviorsInput = {}): MemcachedClient => {
    const client = new MemcachedClient(list, { ...settings, ...behaviors })
    clients.push(client)
    return client
  }
  return { gates, list, open }
}
