import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { bentocacheDriver } from '../../src/integrations/bentocache.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { TYPESCRIPT } from '../support/typescript.ts'
import { realCache } from './support.ts'

/** How many tests bentocache's suite for drivers has. */
const SUITE_TESTS = 21

describe('bentocache on mintring', { skip: skipWithoutMemcached() }, () => {
  const real = realCache()

  test("passes bentocache's own suite for drivers", async (context) => {
    const script = fileURLToPath(new URL('bentocache-suite.ts', import.meta.url))
    const child = spawn(process.execPath, [...TYPESCRIPT, script], {
      env: { ...process.env, SUITE_MEMCACHED: real.address },
      timeout: 60_000,
    })
    const said = { stdout: '', stderr: '' }
    child.stdout.on('data', (bytes) => (said.stdout += bytes))
    child.stderr.on('data', (bytes) => (said.stderr += bytes))
    const [status] = await once(child, 'close')
    const lines = said.stdout.split('\n').filter((line) => line.startsWith('{'))
    const results = lines.map((line) => JSON.parse(line) as { name: string; isGood: boolean })
    const bad = results.filter((result) => !result.isGood).map((result) => result.name)
    assert.deepEqual(bad, [], said.stderr)
    assert.equal(status, 0, said.stdout + said.stderr)
    assert.equal(results.length, SUITE_TESTS)
    context.diagnostic(`${results.length} tests of bentocache passed`)
  })

  test('is a second level that several instances share', async () => {
    const newBento = () =>
      new BentoCache({
        default: 'both',
        stores: {
          both: bentostore()
            .useL1Layer(memoryDriver())
            .useL2Layer(bentocacheDriver({ client: real.cache }) as never),
        },
      })
    const one = newBento()
    const two = newBento()
    let calls = 0
    const factory = async () => ({ calls: ++calls })
    const wanted = { key: 'user:1', ttl: '1m', factory }
    assert.deepEqual(await one.getOrSet(wanted), { calls: 1 })
    assert.deepEqual(await two.getOrSet(wanted), { calls: 1 })
    await two.clear()
    assert.deepEqual(await newBento().getOrSet(wanted), { calls: 2 })
    await Promise.all([one.disconnect(), two.disconnect()])
    assert.equal(await real.cache.set('still', 'open'), true)
  })

  test('has tags without clocks: one process invalidates a tag for all, whatever its clock', async (context) => {
    const newBento = () =>
      new BentoCache({
        default: 'second',
        stores: {
          second: bentostore().useL2Layer(bentocacheDriver({ client: real.cache }) as never),
        },
      })
    const [one, two] = [newBento(), newBento()]
    let version = 1
    const read = (bento: typeof one) =>
      bento.getOrSet({ key: 'tagged', ttl: '1m', tags: ['all'], factory: () => version })
    // The first load finds out the tags of a key, and the second one uses them.
    await read(one)
    await read(one)
    assert.deepEqual([await read(one), await read(two)], [1, 1])
    version = 2
    // The clock of `two` is 15 minutes slow: bentocache's own tags would keep every value valid.
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() - 15 * 60_000 })
    await two.deleteByTag({ tags: ['all'] })
    context.mock.timers.reset()
    assert.deepEqual([await read(one), await read(two)], [2, 2])
    await Promise.all([one.disconnect(), two.disconnect()])
  })
})
