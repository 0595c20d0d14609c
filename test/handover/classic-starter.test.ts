import './frozen-clock.ts'
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import type { MemcachedClient } from '../../src/client/client.ts'
import type { ClientCore } from '../../src/client/core.ts'
import { MintringError } from '../../src/errors.ts'
import { TTL } from './fleet.ts'
import { CHANGE, reach, startFleet } from './frozen-fleet.ts'

const NAMES = Array.from({ length: 60 }, (_, i) => `key:${i}`)
const REFUSED = { code: 'MINTRING_HOST_EJECTED' }
const CLASSIC = { protocol: 'classic' } as const

/** The other processes, the version of the servers, and how the one that starts is set. */
interface Kind {
  readonly peers: BehaviorsInput
  readonly version?: string
  readonly starter: BehaviorsInput
}

const KINDS: Readonly<Record<string, Kind>> = {
  'protocol classic beside meta commands': { peers: {}, starter: CLASSIC },
  'protocol classic beside its like': { peers: CLASSIC, starter: CLASSIC },
  'meta commands beside protocol classic': { peers: CLASSIC, starter: {} },
  'servers without meta commands': { peers: {}, starter: {}, version: '1.5.22' },
}

async function setAll(client: MemcachedClient, value: string): Promise<void> {
  for (const key of NAMES) await client.set(key, value, TTL)
}

async function valuesOf(client: MemcachedClient): Promise<Set<unknown>> {
  return new Set(await Promise.all(NAMES.map((key) => client.get(key))))
}

/** Closes the connections of a client; its next commands open others. */
function disconnect(client: MemcachedClient): void {
  const { cluster } = Reflect.get(client, '_core') as ClientCore
  const error = new MintringError('MINTRING_CONNECTION', 'closed by the test')
  for (const host of cluster.hosts) host.openLane().close(error)
}

interface Change {
  readonly peer: MemcachedClient
  /** A process with three servers that has not heard of the change. */
  readonly ignorant: MemcachedClient
  readonly moved: readonly string[]
  /** Starts a process with as many servers. */
  start(count: number): MemcachedClient
}

/** A process changes three servers to four; goes on to a phase. */
async function changed(
  t: TestContext,
  { peers, starter, version }: Kind,
  phase: 'announce' | 'move' | 'end',
): Promise<Change> {
  const fleet = await startFleet(t, version)
  const ignorant = fleet.join(3, starter)
  await ignorant.getMany(NAMES)
  const peer = fleet.join(3, peers)
  await setAll(peer, 'before')
  peer.setServers(fleet.places(4), CHANGE)
  await reach(fleet, phase, peer)
  const isMoved = (key: string): boolean => ignorant.locate(key).server !== peer.locate(key).server
  const moved = NAMES.filter(isMoved)
  assert.ok(moved.length > 5)
  return { peer, ignorant, moved, start: (count) => fleet.join(count, starter) }
}

for (const [what, kind] of Object.entries(KINDS)) {
  describe(`a process that starts in the middle of a handover, ${what}`, () => {
    test('takes part in the announcement from its first command on, with only the new list', async (t) => {
      const { peer, ignorant, start } = await changed(t, kind, 'announce')
      const batch = await start(4).getMany(NAMES)
      assert.deepEqual(new Set(batch.values()), new Set(['before']))
      const reader = start(4)
      for (const key of NAMES) {
        assert.equal(await reader.getOrSet(key, () => 'loaded', TTL), 'before')
      }
      const writer = start(4)
      await setAll(writer, 'of the starter')
      for (const client of [peer, ignorant, writer]) {
        assert.deepEqual(await valuesOf(client), new Set(['of the starter']))
      }
      assert.equal(writer.handover?.phase, 'announce')
      assert.ok(Math.abs(writer.handover!.endsAtMs - peer.handover!.endsAtMs) <= 1_000)
      const remover = start(4)
      await Promise.all(NAMES.map((key) => remover.delete(key)))
      for (const client of [peer, ignorant]) {
        assert.deepEqual(await valuesOf(client), new Set([undefined]))
      }
    })

    test('takes part in the move from its first command on, with only the new list', async (t) => {
      const { peer, start } = await changed(t, kind, 'move')
      assert.deepEqual(await valuesOf(start(4)), new Set(['before']))
      const writer = start(4)
      await setAll(writer, 'of the starter')
      assert.equal(writer.handover?.phase, 'move')
      assert.deepEqual(await valuesOf(peer), new Set(['of the starter']))
      await setAll(peer, 'of the peer')
      assert.deepEqual(await valuesOf(start(4)), new Set(['of the peer']))
    })

    test('reads no previous host after the end, with only the new list', async (t) => {
      const { peer, start } = await changed(t, kind, 'end')
      await setAll(peer, 'after')
      const starter = start(4)
      assert.deepEqual(await valuesOf(starter), new Set(['after']))
      assert.equal(starter.handover, undefined)
    })

    test('shares the announcement with the others, with the old list', async (t) => {
      const { peer, start } = await changed(t, kind, 'announce')
      const old = start(3)
      assert.deepEqual(await valuesOf(old), new Set(['before']))
      await setAll(old, 'of the old list')
      assert.deepEqual(await valuesOf(peer), new Set(['of the old list']))
    })

    for (const phase of ['move', 'end'] as const) {
      test(`misses keys that moved and rejects changes of them, with the old list, ${phase}`, async (t) => {
        const { peer, moved, start } = await changed(t, kind, phase)
        await setAll(peer, 'current')
        const batch = await start(3).getMany(NAMES)
        const kept = NAMES.filter((key) => !moved.includes(key))
        assert.deepEqual([...batch.keys()].sort(), kept.sort())
        for (const key of moved.slice(0, 3)) {
          await assert.rejects(start(3).set(key, 'x', TTL), REFUSED)
          await assert.rejects(start(3).delete(key), REFUSED)
          await assert.rejects(start(3).invalidate(key), REFUSED)
          assert.equal(await start(3).getOrSet(key, () => 'loaded', TTL), 'loaded')
        }
        assert.deepEqual(await valuesOf(peer), new Set(['current']))
      })
    }

    test('finds the change when it connects anew, with the old list', async (t) => {
      const { peer, ignorant, moved } = await changed(t, kind, 'move')
      await setAll(peer, 'current')
      disconnect(ignorant)
      const batch = await ignorant.getMany(NAMES)
      assert.equal(batch.size, NAMES.length - moved.length)
      await assert.rejects(ignorant.set(moved[0]!, 'x', TTL), REFUSED)
      assert.deepEqual(await valuesOf(peer), new Set(['current']))
    })
  })
}
