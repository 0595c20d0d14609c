import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startBehindProxies } from '../support/behind-proxies.ts'
import type { Chaos } from '../support/chaos-proxy.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { sleep, until } from '../support/test-cluster.ts'

const SEEDS = process.env.SEED === undefined ? [1, 2] : [Number(process.env.SEED)]

const kinds: Readonly<Record<string, Chaos>> = {
  'pieces of 1 to 40 bytes': { chunk: true },
  'answers held back longer than an attempt': { stallShare: 0.005, stallMs: 350 },
  'connections cut in the middle of an answer': { cutShare: 0.01 },
  'all of these': { chunk: true, stallShare: 0.002, stallMs: 350, cutShare: 0.005 },
}

suite('a proxy delays, splits, stalls or cuts replies of a real memcached', {
  skip: skipWithoutMemcached(),
}, () => {
  for (const [what, chaos] of Object.entries(kinds)) {
    for (const seed of SEEDS) {
      test(`${what}, seed ${seed}: reads return no wrong value, and every call settles in time`, async (t) => {
        const load = { opsPerSecond: 300 }
        const { fault, proxies } = await startBehindProxies(t, seed, { load })
        fault.load.start()
        for (const proxy of proxies) proxy.chaos = chaos
        await sleep(1_500)
        for (const proxy of proxies) proxy.chaos = {}
        const report = await fault.finish()
        assert.ok(report.hits > 100, `${report.hits} hits`)
        // Two faults in a row are too many for one retry; three in a row are unlikely.
        const isStarved = report.maxLagMs > 100
        const share = isStarved ? 0.2 : 0.02
        assert.ok(report.errors <= report.issued * share, `${report.errors} of ${report.issued}`)
        for (const proxy of proxies) assert.ok(proxy.open <= 2, `${proxy.open} connections`)
      })
    }
  }

  test('one slow reply in a hundred ejects no host', async (t) => {
    const { fault, proxies } = await startBehindProxies(t, 7, { load: { opsPerSecond: 300 } })
    fault.load.start()
    for (const proxy of proxies) proxy.chaos = { stallShare: 0.01, stallMs: 150 }
    await sleep(5_000)
    const report = await fault.finish()
    assert.deepEqual(fault.events, [])
    assert.equal(report.errors, 0, [...report.errorCodes].join())
  })

  test('many connection resets cause no error and few new connections', async (t) => {
    const { fault, proxies } = await startBehindProxies(t, 3)
    fault.load.start()
    const before = proxies[0]!.accepted
    for (let i = 0; i < 100; i++) {
      proxies[0]!.resetAll()
      await sleep(10)
    }
    const dials = proxies[0]!.accepted - before
    await until(() => fault.state() === 'up')
    const report = await fault.finish()
    assert.equal(report.errors, 0, [...report.errorCodes].join())
    assert.ok(dials <= 20, `${dials} dials in a second of resets`)
  })
})
