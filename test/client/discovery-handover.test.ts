import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { HandoverMessage } from '../../src/channels.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'

const names = (client: MemcachedClient): string[] => client.hosts().map((host) => host.name)

describe('discovery of a client with handover', () => {
  it('applies its first list at once, and later lists with a handover', async () => {
    await using one = await startServer()
    await using two = await startServer()
    await using endpoint = await startServer({ cluster: [one.address] })
    const discovery = { endpoint: endpoint.address, intervalMs: 100 }
    await using client = new MemcachedClient(endpoint.address, { discovery })
    await client.discover()
    assert.deepEqual(names(client), [one.address])
    await client.set('key', 'value')
    const begun = new Promise<HandoverMessage>((resolve) => client.on('handover', resolve))
    endpoint.setCluster([one.address, two.address])
    const { phase, fromServers, toServers } = await begun
    assert.equal(phase, 'announce')
    assert.deepEqual([fromServers, toServers], [[one.address], [one.address, two.address]])
    assert.equal(await client.get('key'), 'value')
  })

  it('announces a change for twice a long interval, so that every process sees it in time', async () => {
    await using one = await startServer()
    await using two = await startServer()
    const discovery = { servers: () => [one.address], intervalMs: 3_600_000 }
    await using client = new MemcachedClient(one.address, { discovery })
    await client.discover()
    client.setServers([one.address, two.address])
    const { endsAtMs } = await new Promise<HandoverMessage>((resolve) => {
      client.on('handover', resolve)
    })
    // Announced for twice the interval of one hour; then values move for as long again.
    assert.ok(endsAtMs - Date.now() > 3.9 * 3_600_000)
  })
})
