import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import {
  type Check,
  fail,
  hearOf,
  KEY,
  KEYS,
  lifeOf,
  live,
  load,
  POLICY,
  pause,
  until,
  type World,
} from './live-world.ts'
import { connect, PATIENT } from './support.ts'

/** Returns the keys that are placed on the first server. */
function keysOfFirst({ servers: [first], cache }: World): string[] {
  return KEYS.filter((key) => cache.locate(key).server === first!.address)
}

const stateOfFirst = ({ servers: [first], cache }: World): string =>
  cache.hosts().find(({ address }) => address === first!.address)!.state

/** Waits until the first server, which is down, is ejected. */
async function ejected(world: World): Promise<void> {
  const [key] = keysOfFirst(world)
  const ask = (): Promise<unknown> => world.cache.get(key!).catch(() => {})
  await until(() => stateOfFirst(world) === 'ejected', ask)
}

/** Makes the first server break its connections and accept no new ones. */
async function breakOff({ servers: [first] }: World): Promise<void> {
  await first!.inject({ refuse: true, resetAfterBytes: 0 })
}

const QUICK = {
  ...{
    serverFailureLimit: 1,
    retryTimeoutMs: 2_000,
    deadTimeoutMs: 2_000,
    connectTimeoutMs: 2_000,
  },
}
const QUICKER = { ...QUICK, retryTimeoutMs: 500, connectTimeoutMs: 500 }

/** Runs a test with two hosts, after the first has broken its connections. */
const failing = (base: BehaviorsInput, check: (world: World) => Promise<void>): Check =>
  live(
    base,
    async (world) => {
      await breakOff(world)
      await check(world)
    },
    2,
  )

/** Live tests of the behaviors for failing hosts, by the name of the behavior. */
export const health: Readonly<Record<string, Check>> = {
  autoEjectHosts: failing({ serverFailureLimit: 1 }, async (world) => {
    world.cache.configure({ autoEjectHosts: false })
    const [key] = keysOfFirst(world)
    for (let i = 0; i < 5; i++) await assert.rejects(world.cache.get(key!, { timeoutMs: 200 }))
    assert.notEqual(stateOfFirst(world), 'ejected')
  }),
  serverFailureLimit: failing({ serverFailureLimit: 1_000 }, async (world) => {
    const [key] = keysOfFirst(world)
    await world.cache.get(key!).catch(() => {})
    assert.notEqual(stateOfFirst(world), 'ejected')
    world.cache.configure({ serverFailureLimit: 1 })
    await ejected(world)
  }),
  deadTimeoutMs: failing({ ...QUICKER, deadTimeoutMs: 86_400_000 }, async (world) => {
    const { cache } = world
    let probes = 0
    cache.on('probe', () => probes++)
    await ejected(world)
    await until(() => probes >= 2)
    cache.configure({ deadTimeoutMs: 500 })
    const seen = probes
    await until(() => probes > seen + 1)
    const next = cache.hosts().find(({ state }) => state !== 'up')?.nextProbeAtMs
    assert.ok(next === undefined || next - Date.now() <= 600, String(next))
  }),
  ejectLoneHost: live({ serverFailureLimit: 1 }, async (world) => {
    await breakOff(world)
    await world.cache.get(KEY, { timeoutMs: 200 }).catch(() => {})
    assert.notEqual(stateOfFirst(world), 'ejected')
    world.cache.configure({ ejectLoneHost: true })
    const ask = (): Promise<unknown> => world.cache.get(KEY, { timeoutMs: 200 }).catch(() => {})
    await until(() => stateOfFirst(world) === 'ejected', ask)
  }),
  failover: failing({ serverFailureLimit: 1 }, async (world) => {
    const [key] = keysOfFirst(world)
    await ejected(world)
    assert.equal(await world.cache.get(key!), undefined)
    world.cache.configure({ failover: 'error' })
    await assert.rejects(world.cache.get(key!), { code: 'MINTRING_HOST_EJECTED' })
  }),
  ejection: live(
    { serverFailureLimit: 1, distribution: 'modula' },
    async (world) => {
      await breakOff(world)
      await ejected(world)
      const homes = (): string => JSON.stringify(KEYS.map((key) => world.cache.locate(key)))
      const before = homes()
      world.cache.configure({ ejection: 'rebuild' })
      assert.notEqual(homes(), before)
    },
    3,
  ),
  onReturn: failing(QUICK, async (world) => {
    const key = keysOfFirst(world).at(-1)!
    await ejected(world)
    world.cache.configure({ onReturn: 'flush' })
    await world.servers[0]!.heal()
    await until(() => stateOfFirst(world) === 'up')
    assert.equal(await world.cache.get(key), undefined)
  }),
  maxOwedKeys: failing(QUICK, async (world) => {
    const { cache } = world
    await ejected(world)
    let lost = 0
    cache.on('invalidationsLost', () => lost++)
    cache.configure({ maxOwedKeys: 1 })
    for (const key of keysOfFirst(world).slice(0, 5)) await cache.delete(key)
    await world.servers[0]!.heal()
    await until(() => lost > 0)
  }),
  precautionsMs: live(
    { serverFailureLimit: 1_000 },
    async ({ servers, cache }) => {
      const deletes = async (): Promise<number> => {
        const all = [...(await cache.stats()).values()]
        return all.reduce((sum, stats) => sum + Number(stats.delete_misses), 0)
      }
      await servers[0]!.inject({ resetAfterBytes: 0, only: ['get'], times: 1 })
      await Promise.allSettled(KEYS.map((key) => cache.get(key)))
      const before = await deletes()
      await cache.set(KEY, 1)
      const careful = await deletes()
      assert.ok(careful > before)
      cache.configure({ precautionsMs: 0 })
      await cache.set(KEY, 1)
      assert.equal(await deletes(), careful)
    },
    2,
  ),
  missedTtl: failing({ ...QUICKER, missedTtl: 0 }, async (world) => {
    const { servers, cache } = world
    await ejected(world)
    const keys = keysOfFirst(world)
    await cache.delete(keys[0]!)
    const counted = async (): Promise<number> => {
      const stats = (await cache.stats()).get(servers[1]!.address)
      return Number(stats?.incr_hits)
    }
    const before = await counted()
    await cache.delete(keys[1]!)
    assert.equal(await counted(), before)
    cache.configure({ missedTtl: 60 })
    await cache.delete(keys[2]!)
    assert.ok((await counted()) > before)
  }),
}

/** Live tests of timeouts and retries, by the name of the behavior. */
export const requests: Readonly<Record<string, Check>> = {
  requestTimeoutMs: live({ retries: 0 }, async ({ servers: [server], cache }) => {
    await server!.inject({ dropReplies: true })
    cache.configure({ requestTimeoutMs: 30 })
    await assert.rejects(cache.get(KEY), { code: 'MINTRING_TIMEOUT' })
  }),
  retries: live(
    { retries: 0 },
    async ({ t, servers, cache }) => {
      for (const server of servers) await server.inject({ dropReplies: true, only: ['get'] })
      cache.configure({ requestTimeoutMs: 200, retries: 3 })
      const tried: unknown[] = []
      hearOf(t, cache, ({ attempts }) => tried.push(attempts))
      await assert.rejects(cache.get(KEY))
      assert.ok(Number(tried[0]) > 1)
    },
    2,
  ),
  retryWrites: live({}, async ({ servers: [server], cache }) => {
    cache.configure({ retryWrites: false })
    await server!.inject({ resetAfterBytes: 0, only: ['set'], times: 1 })
    await assert.rejects(cache.set(KEY, 1), { sent: true })
  }),
  connectTimeoutMs: live({}, async ({ servers: [server], cache }) => {
    await server!.inject({ blackHole: true })
    cache.configure({ connectTimeoutMs: 30, connections: { min: 3, max: 3 } })
    await until(() => cache.hosts()[0]!.lastError !== undefined)
  }),
  maxQueuedPerHost: live({}, async ({ cache }) => {
    cache.configure({ maxQueuedPerHost: 1 })
    const settled = await Promise.allSettled(KEYS.map((key) => cache.gets(key)))
    const errors = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []))
    assert.deepEqual([...new Set(errors)], ['MINTRING_OVERLOADED'])
  }),
  handover: live({}, async ({ servers: [server], cache }) => {
    cache.configure({ handover: 0 })
    cache.setServers([server!.address, '127.0.0.1:1'])
    await sleep(20)
    assert.equal(cache.handover, undefined)
  }),
  announce: live(
    {},
    async ({ servers, cache }) => {
      cache.configure({ announce: 1 })
      cache.setServers(servers.map(({ address }) => `${address}:2`).slice(0, 1))
      await until(() => cache.handover?.phase === 'move')
    },
    2,
  ),
}

/** Live tests of the default refill policy, by the name of the behavior. */
export const refills: Readonly<Record<string, Check>> = {
  staleWhileRevalidate: refilled({ staleWhileRevalidate: 5_000 }, async ({ cache }) => {
    await cache.getOrSet(KEY, load, POLICY)
    assert.ok((await lifeOf(cache)) > 4_000)
  }),
  staleIfError: refilled({ staleIfError: 5_000 }, async ({ cache }) => {
    await cache.getOrSet(KEY, load, POLICY)
    assert.ok((await lifeOf(cache)) > 4_000)
  }),
  lease: refilled({ lease: 3_000 }, async ({ cache }) => {
    let life = 0
    await cache.getOrSet(KEY, async () => (life = await lifeOf(cache)), POLICY)
    assert.ok(life > 2_000)
  }),
  earlyRefresh: refilled({ earlyRefresh: 59 }, async ({ cache }) => {
    const read = async (): Promise<void> => {
      await cache.getOrSet(KEY, load, POLICY)
      await pause()
    }
    await until(() => cache.refillCounters.refills.ok > 1, read)
  }),
  jitter: refilled({ jitter: 0.5 }, async ({ cache }) => {
    const lives = new Set<number>()
    for (let i = 0; i < 20; i++) {
      await cache.delete(KEY)
      await cache.getOrSet(KEY, load, { ttl: 100_000 })
      lives.add(Math.round((await lifeOf(cache)) / 100))
    }
    assert.ok(lives.size > 2)
  }),
  staleTimeoutMs: refilled({ staleTimeoutMs: 5_000 }, async ({ cache }) => {
    await cache.getOrSet(KEY, load, POLICY)
    await cache.invalidate(KEY)
    assert.equal(await cache.getOrSet(KEY, () => 'new', POLICY), 'new')
  }),
  loaderTimeoutMs: refilled({ loaderTimeoutMs: 20 }, async ({ cache }) => {
    const endless = cache.getOrSet(KEY, () => new Promise(() => {}), POLICY)
    await assert.rejects(endless, { code: 'MINTRING_LOADER_TIMEOUT' })
  }),
  waitTimeoutMs: refilled({ waitTimeoutMs: 20 }, rejectsWhileAnotherLoads, {
    ...{ waitTimeoutMs: 600_000, onWaitTimeout: 'throw', lease: 600 },
  }),
  onWaitTimeout: refilled({ onWaitTimeout: 'throw' }, rejectsWhileAnotherLoads, {
    ...{ waitTimeoutMs: 20, lease: 600 },
  }),
  errorBackoff: refilled({ errorBackoff: 0 }, async ({ cache }) => {
    for (let i = 0; i < 2; i++) await cache.getOrSet(KEY, fail, POLICY).catch(() => {})
    assert.equal(cache.refillCounters.refills.failed, 2)
  }),
  sharedValues: refilled({ sharedValues: true }, async ({ cache }) => {
    const both = [0, 1].map(() => cache.getOrSet(KEY, () => ({ a: 1 }), POLICY))
    const [one, other] = await Promise.all(both)
    assert.equal(one, other)
  }),
  negativeTtl: refilled({ negativeTtl: 50 }, async ({ cache }) => {
    await cache.getOrSet(KEY, () => null, POLICY)
    const life = await lifeOf(cache)
    assert.ok(life > 0)
    assert.equal((await cache.getOrSetEntry(KEY, load, POLICY)).value, null)
  }),
  placeholder: refilled({ placeholder: 'sidecar' }, async ({ cache }) => {
    let status: string | undefined
    const look = async (): Promise<string> => (await cache.meta.mg(KEY, { v: true })).status
    await cache.getOrSet(KEY, async () => (status = await look()), POLICY)
    assert.equal(status, 'missing')
  }),
}

async function rejectsWhileAnotherLoads({ t, servers: [server], cache }: World): Promise<void> {
  const other = connect(t, [server!.address], { ...PATIENT, lease: 600 })
  await new Promise<void>((begun) => {
    const endless = (): Promise<never> => {
      begun()
      return new Promise(() => {})
    }
    other.getOrSet(KEY, endless, POLICY).catch(() => {})
  })
  await assert.rejects(cache.getOrSet(KEY, load, POLICY), { code: 'MINTRING_WAIT_TIMEOUT' })
  await other.close({ drainMs: 0 })
}

/** Runs a test on an empty cache, after its default refill policy has changed. */
function refilled(
  change: BehaviorsInput,
  check: (world: World) => Promise<void>,
  base: BehaviorsInput = {},
): Check {
  return live({ staleWhileRevalidate: 60, ...base }, async (world) => {
    await world.cache.delete(KEY)
    world.cache.configure(change)
    await check(world)
  })
}
