import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Place, RefillStore, StoreAnswer, StoreCommand } from '../../src/refill/store.ts'
import type { StampedeFleetPlan } from '../../src/simulate/stampede-fleet.ts'
import { StampedeFleet } from '../../src/simulate/stampede-fleet.ts'
import type { Mutation } from '../refill/mutants.ts'
import { MUTATIONS, mutate } from '../refill/mutants.ts'

const SECONDS = 30
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8]

/** A small, busy fleet: deletes and restarts cause many misses, and writes happen during loads. */
function plan(seed: number): StampedeFleetPlan {
  return {
    seed,
    processes: 6,
    keys: 2,
    dialect: 'meta',
    loaderMs: 80,
    latencyMs: 8,
    interleaves: true,
    policy: {
      ttl: 2,
      staleWhileRevalidate: 6,
      lease: 2,
      errorBackoff: 2,
      loaderTimeoutMs: 20_000,
      waitTimeoutMs: 60_000,
    },
    faults: { crash: 0.02, fail: 0.05, slow: 0.03 },
    rates: { reads: 600, writes: 6, restarts: 0.2, evictions: 0.2 },
    writeKinds: ['invalidate', 'refresh', 'set', 'delete', 'delete'],
  }
}

/** A fleet whose server restarts during most loads, so that CAS ids repeat. */
function shortLives(seed: number): StampedeFleetPlan {
  const { rates, ...rest } = plan(seed)
  return { ...rest, loaderMs: 400, rates: { ...rates, restarts: 2 } }
}

/** Returns an `ms` that, with an older CAS id, stores the value and marks the item stale. */
function staleStoreOf(fleet: () => StampedeFleet, inner: RefillStore) {
  return async (place: Place, key: string, command: StoreCommand): Promise<StoreAnswer> => {
    const [answer] = await inner.exchange(place, key, [command])
    const isStore = command.name === 'ms' && answer!.status === 'exists'
    if (!isStore || fleet().server.peek(key) === undefined) return answer!
    const unfenced = { name: 'ms', encoded: command.encoded, ttlSeconds: 6 } as const
    const [forced] = await inner.exchange(place, key, [unfenced, { name: 'md', invalidate: true }])
    return forced!
  }
}

async function violationsOf(mutation: Mutation | undefined): Promise<string[]> {
  const all: string[] = []
  const planOf = mutation === 'noEpoch' ? shortLives : plan
  for (const seed of SEEDS) {
    const fleet: StampedeFleet = new StampedeFleet(planOf(seed), (store) =>
      mutate(
        store,
        mutation,
        staleStoreOf(() => fleet, store),
      ),
    )
    await fleet.run(SECONDS)
    all.push(...fleet.check.violations.map((what) => `seed ${seed} ${what}`))
    if (all.length > 0) break
  }
  return all
}

describe('the checks of the simulated fleet', () => {
  test('find no fault in the unchanged algorithm', async () => {
    assert.deepEqual(await violationsOf(undefined), [])
  })

  for (const mutation of MUTATIONS) {
    test(`find the planted mistake ${mutation}`, async () => {
      assert.notDeepEqual(await violationsOf(mutation), [])
    })
  }
})
