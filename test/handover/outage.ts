import { setTimeout as sleep } from 'node:timers/promises'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import type { MemcachedClient } from '../../src/client/client.ts'

/** So long that the announcement still lasts when the test ends, on any machine. */
export const CHANGE = { announce: 600, handover: 600 } as const
const BEHAVIORS: BehaviorsInput = {
  ...{ serverFailureLimit: 1, retries: 0, failover: 'error' },
  ...{ requestTimeoutMs: 10_000, connectTimeoutMs: 10_000 },
}
/** A failed host is not dialled again before the test ends. */
export const SEES_IT_DOWN: BehaviorsInput = { ...BEHAVIORS, retryTimeoutMs: 600_000 }
export const SEES_IT_BACK: BehaviorsInput = {
  ...{ ...BEHAVIORS, autoEjectHosts: false, retryTimeoutMs: 10_000 },
}

export async function begin(client: MemcachedClient, to: readonly string[]): Promise<void> {
  client.setServers(to, CHANGE)
  while (client.handover === undefined) await sleep(10)
}

/** Reads a key of a dead host until the process ejects it. */
export async function seeItDown(client: MemcachedClient, key: string): Promise<void> {
  while (!client.locate(key).ejected) await client.get(key).catch(() => sleep(10))
}
