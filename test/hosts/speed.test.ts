import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { SlowMessage } from '../../src/channels.ts'
import { startServer } from '../../src/embedded/server.ts'
import type { Cluster } from '../../src/hosts/cluster.ts'
import { MemcachedClient } from '../../src/index.ts'
import { testCluster } from '../support/test-cluster.ts'

const SECOND = 1_000

/** Seconds of replies on a virtual clock: each host takes `tookMs` for a reply. */
class Load {
  readonly #cluster: Cluster
  #nowMs = 1

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  run(seconds: number, tookMs: readonly (number | undefined)[]): void {
    const endMs = this.#nowMs + seconds * SECOND
    for (; this.#nowMs < endMs; this.#nowMs += SECOND / 10) {
      this.#cluster.hosts.forEach((host, at) => {
        if (!host.isEjected) host.laneAnswered(this.#nowMs, tookMs[at])
      })
    }
  }
}

describe('the detection of slow hosts', () => {
  test('reports a host ten times slower than its peers for three seconds once, and its recovery once', (t) => {
    const told: SlowMessage[] = []
    const { cluster } = testCluster(t, [1, 2, 3, 4], { hooks: { slow: (one) => told.push(one) } })
    const load = new Load(cluster)
    load.run(5, [1, 1, 1, 1])
    load.run(2, [1, 1, 1, 200])
    assert.equal(told.length, 0, 'two seconds are a hiccup')
    load.run(8, [1, 1, 1, 200])
    assert.deepEqual(
      told.map(({ host, isSlow, peersMs }) => ({ host, isSlow, peersMs })),
      [{ host: '127.0.0.1:4', isSlow: true, peersMs: 1 }],
    )
    const [, , , row] = cluster.snapshot()
    assert.deepEqual([row!.isSlow, row!.replyMs, row!.state], [true, 200, 'up'])
    load.run(8, [1, 1, 1, 1])
    assert.deepEqual(
      told.map(({ isSlow }) => isSlow),
      [true, false],
    )
  })

  test('does not report hosts that are slow together, nor a single host', (t) => {
    const told: SlowMessage[] = []
    const hooks = { slow: (one: SlowMessage) => told.push(one) }
    new Load(testCluster(t, [1, 2, 3], { hooks }).cluster).run(20, [200, 210, 190])
    new Load(testCluster(t, [1], { hooks }).cluster).run(20, [600])
    new Load(testCluster(t, [1, 2], { hooks }).cluster).run(20, [0.2, 15])
    assert.deepEqual(told, [])
  })

  test('keeps reporting a host as slow when it has too few replies to measure', (t) => {
    const { cluster } = testCluster(t, [1, 2, 3])
    const load = new Load(cluster)
    load.run(6, [1, 90, 1])
    load.run(6, [1, undefined, 1])
    const row = cluster.snapshot()[1]!
    assert.deepEqual([row.isSlow, row.replyMs], [true, 90])
  })

  test('with slowHosts eject removes a slow host from the ring, but not a single host', (t) => {
    const reasons: unknown[] = []
    const hooks = { eject: ({ reason }: { reason?: string | undefined }) => reasons.push(reason) }
    const { cluster } = testCluster(t, [1, 2, 3], { hooks, slowHosts: 'eject' })
    new Load(cluster).run(6, [1, 40, 1])
    assert.deepEqual(
      cluster.snapshot().map(({ state }) => state),
      ['up', 'ejected', 'up'],
    )
    assert.deepEqual(reasons, ['MINTRING_TIMEOUT'])
    assert.match(
      cluster.hosts[1]!.lastError!.message,
      /replies in 40 ms on average, its peers in 1 ms/,
    )
  })

  test('ejects a host that was slow before slowHosts became eject, while the client runs', (t) => {
    const { cluster } = testCluster(t, [1, 2, 3])
    const load = new Load(cluster)
    load.run(6, [1, 40, 1])
    const states = (): string[] => cluster.snapshot().map(({ state }) => state)
    assert.deepEqual(states(), ['up', 'up', 'up'])
    cluster.setPolicy({ ...cluster.policy, slowHosts: 'eject' })
    load.run(6, [1, 40, 1])
    assert.deepEqual(states(), ['up', 'ejected', 'up'])
  })

  test('with slowHosts bypass makes getOrSet load without the host, and asks it now and then', async (t) => {
    const servers = await Promise.all([startServer({ port: 0 }), startServer({ port: 0 })])
    const client = new MemcachedClient(
      servers.map(({ address }) => address),
      { slowHosts: 'bypass' },
    )
    t.after(async () => {
      await client.close()
      await Promise.all(servers.map((server) => server.close()))
    })
    const keys = Array.from({ length: 64 }, (_, i) => `k${i}`)
    const key = keys.find((one) => client.locate(one).server === servers[0]!.address)!
    await client.getOrSet(key, () => 'stored', { ttl: 60 })
    const { _core } = client as unknown as { readonly _core: { readonly cluster: Cluster } }
    _core.cluster.hosts[0]!.speed.isSlow = true
    const states: string[] = []
    for (let i = 0; i < 32; i++) {
      const { state } = await client.getOrSetEntry(key, () => 'x', { ttl: 60 })
      states.push(state)
    }
    assert.equal(states.filter((state) => state === 'fresh').length, 2)
    assert.equal(states.filter((state) => state === 'bypass').length, 30)
    assert.equal(await client.get(key), 'stored', 'other commands are as ever')
  })
})
