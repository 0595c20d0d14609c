import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type TestContext, test } from 'node:test'
import type { MemcachedClient } from '../../src/client/client.ts'
import type { ClientCore } from '../../src/client/core.ts'
import { until } from '../support/test-cluster.ts'
import { Fleet } from './fleet.ts'

/** So long that the announcement still lasts when the test ends, on any machine. */
const CHANGE = { announce: 600, handover: 600 } as const

/** Lists the hosts to which clients of this process open connections from now on. */
function dialledHosts(t: TestContext): string[] {
  const hosts: string[] = []
  const note = (message: unknown): void => {
    hosts.push((message as { readonly host: string }).host)
  }
  subscribe('tracing:mintring:connect:start', note)
  t.after(() => unsubscribe('tracing:mintring:connect:start', note))
  return hosts
}

/** Whether a client knows that the fourth host has no old items: that takes a connection, too. */
function isFourthCleared(client: MemcachedClient): boolean {
  const { handover, hosts } = (Reflect.get(client, '_core') as ClientCore).cluster
  return handover?.mayHaveLeftovers(hosts[3]!) === false
}

test('a client that hears of a change of servers after others opens one connection to the new host, and none to others', async (t) => {
  const fleet = await Fleet.start(t)
  const [beginner, other] = [fleet.join(3), fleet.join(3)]
  for (const client of [beginner, other]) await client.version()
  beginner.setServers(fleet.places(4), CHANGE)
  await fleet.until(beginner, 'announce')
  await until(() => isFourthCleared(beginner))
  const dialled = dialledHosts(t)
  other.setServers(fleet.places(4), CHANGE)
  await fleet.until(other, 'announce')
  await other.version()
  assert.deepEqual(dialled, fleet.places(4).slice(3))
})
