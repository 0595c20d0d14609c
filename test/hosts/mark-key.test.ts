import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseServers } from '../../src/hosts/address.ts'
import { Cluster } from '../../src/hosts/cluster.ts'
import { defaultClusterPolicy } from '../../src/hosts/policy.ts'

test('a handshake gets the key of the mark without looking at every server of the list', async () => {
  let reads = 0
  const servers = parseServers(['127.0.0.1:1', '127.0.0.1:2']).map((server) => {
    return new Proxy(server, {
      get(target, name) {
        reads++
        return Reflect.get(target, name)
      },
    })
  })
  const cluster = new Cluster(servers, defaultClusterPolicy)
  const { handovers } = cluster
  handovers.joining = {
    times: { announceMs: 1_000, handoverMs: 2_000 },
    ...{ isOurs: () => true, isAllOurs: true, routeKeyOf: (wireKey) => wireKey },
    isConfigured: false,
  }
  assert.ok(reads > 0)
  const { markKey } = handovers
  assert.match(markKey!, /~handover~/)
  reads = 0
  for (let i = 0; i < 10; i++) assert.equal(handovers.markKey, markKey)
  assert.equal(reads, 0)
  await cluster.close()
})
