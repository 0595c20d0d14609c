import './frozen-clock.ts'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MemcachedClient } from '../../src/client/client.ts'
import type { ClientCore } from '../../src/client/core.ts'
import { type ServerOptions, startServer } from '../../src/embedded/server.ts'
import { Fleet, type Server, TTL } from './fleet.ts'
import { frozenClock } from './frozen-clock.ts'

export const KEYS = 200
const NAMES = Array.from({ length: KEYS }, (_, i) => [`plain:${i}`, `page:${i}`]).flat()
export const CHANGE = { announce: 2, handover: 14 } as const
/** When each phase begins, and a little more, since the end is given in whole milliseconds. */
const AFTER_MS = { announce: 0, move: 2_001, end: 16_001 } as const
type Told = keyof typeof AFTER_MS

/** Four embedded servers on the frozen clock. */
export async function startFleet(
  context: TestContext,
  version?: string,
  options: ServerOptions = {},
): Promise<Fleet> {
  return await Fleet.start(context, async (): Promise<Server> => {
    const server = await startServer({
      ...{ ...options, clock: frozenClock },
      ...(version && { version }),
    })
    return { host: '127.0.0.1', port: server.port, stop: () => server.close() }
  })
}

/** Advances the clock to a phase of the last change, and waits until all clients know of it. */
export async function reach(
  fleet: Fleet,
  phase: Told,
  ...clients: MemcachedClient[]
): Promise<void> {
  for (const client of clients) {
    await fleet.until(client, 'announce')
    await rest(client)
  }
  const endsAtMs = clients[0]!.handover?.endsAtMs
  if (endsAtMs !== undefined) {
    const atMs = endsAtMs - 16_000 + AFTER_MS[phase]
    frozenClock.advance(Math.max(0, atMs - frozenClock.nowMs()))
  }
  for (const client of clients) {
    await fleet.until(client, phase)
    await rest(client)
  }
}

/**
 * Waits for background work, which the next jump of the clock would cut off: values that move after
 * reads found them, and old items that are deleted on new hosts before keys move.
 */
async function rest(client: MemcachedClient): Promise<void> {
  const { cluster } = Reflect.get(client, '_core') as ClientCore
  const isBusy = (): boolean => {
    const isMoving = client.handover?.phase === 'move'
    const { current } = cluster.handovers
    const isUnclear = isMoving && NAMES.some((key) => current?.readHomeOf(key) !== undefined)
    return isUnclear || cluster.operations.isBusy
  }
  while (isBusy()) await sleep(1)
}

export async function fill(client: MemcachedClient): Promise<void> {
  for (let i = 0; i < KEYS; i++) {
    await client.set(`plain:${i}`, `v${i}`, TTL)
    await client.getOrSet(`page:${i}`, () => `p${i}`, { ttl: 300 })
  }
}
