import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startBehindProxies } from '../support/behind-proxies.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { QUICK, sleep, until } from '../support/test-cluster.ts'

const { requestTimeoutMs, serverFailureLimit } = QUICK
const load = { opsPerSecond: 300 }

suite('a real memcached becomes slow', { skip: skipWithoutMemcached() }, () => {
  test('200 ms more for every reply, within the timeout: callers get no error, and no host is ejected', async (t) => {
    const connections = { min: 1, max: 8, idleMs: 0 }
    const options = { load, connections, requestTimeoutMs: 1_000 }
    const { fault, proxies } = await startBehindProxies(t, 1, options)
    fault.load.start()
    proxies[0]!.chaos = { delayMs: 200 }
    await sleep(3_000)
    const report = await fault.finish()
    assert.deepEqual(fault.events, [])
    assert.equal(report.errors, 0, [...report.errorCodes].join())
    assert.ok(report.maxMs >= 200, `${report.maxMs} ms: nothing was slow`)
    // That a connection waits 200 ms for replies is no reason to open more and more connections.
    assert.ok(proxies[0]!.open <= 2, `${proxies[0]!.open} connections`)
  })

  const beyond = {
    'every answer comes after its deadline': { delayMs: requestTimeoutMs + 100 },
    'answers drip, one byte a second': { dripMs: 1_000 },
  }
  for (const [what, chaos] of Object.entries(beyond)) {
    test(`${what}: reads use another host, and the host returns when it is fast again`, async (t) => {
      const { fault, proxies } = await startBehindProxies(t, 1, { load })
      fault.load.start()
      await sleep(300)
      proxies[0]!.chaos = chaos
      const slowMs = performance.now()
      await until(() => fault.state() === 'ejected')
      const ejectedMs = performance.now() - slowMs
      const limitMs = serverFailureLimit * requestTimeoutMs + 300 + fault.load.report.maxLagMs
      assert.ok(ejectedMs < limitMs, `ejected after ${ejectedMs} ms`)
      // Operations that began before the ejection may still try their second host. Wait for their
      // end before measuring.
      await sleep(2 * requestTimeoutMs)
      fault.load.resetMax()
      await sleep(1_000)
      const { maxMs, maxLagMs } = fault.load.report
      assert.ok(maxMs < 100 + maxLagMs, `waits ${maxMs} ms`)
      proxies[0]!.chaos = {}
      // Reset the proxy's connections: bytes that still arrive on those given up long ago do not
      // matter.
      proxies[0]!.resetAll()
      await until(() => fault.state() === 'up')
      const report = await fault.finish()
      assert.equal(report.readErrors, 0, [...report.errorCodes].join())
      // A few writes may fail: they are retried only on their own host, so the first ones can time
      // out before it is ejected.
      assert.ok(report.errors < 20, [...report.errorCodes].join())
      assert.equal(report.stale, 0)
    })
  }
})
