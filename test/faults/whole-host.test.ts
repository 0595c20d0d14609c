import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import net from 'node:net'
import process from 'node:process'
import { suite, type TestContext, test } from 'node:test'
import { startFaultCase } from '../support/fault-case.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { QUICK, sleep, until } from '../support/test-cluster.ts'

const { requestTimeoutMs, retryTimeoutMs, serverFailureLimit } = QUICK
/** The pause between two probes: long enough to fill a server in between. */
const FULL_RETRY_MS = 1_000

/** Waits until nine of ten reads within half a second are hits. */
async function untilRefilled(report: { readonly hits: number; readonly misses: number }) {
  for (let windows = 0; windows < 20; windows++) {
    const { hits, misses } = report
    await sleep(500)
    const hitsSince = report.hits - hits
    const missesSince = report.misses - misses
    if (hitsSince > 0 && hitsSince > 9 * missesSince) return
  }
  assert.fail(`the keys are not refilled: ${report.hits} hits, ${report.misses} misses`)
}

suite('one host of real memcacheds fails', { skip: skipWithoutMemcached() }, () => {
  test('SIGKILL and restart: callers get no error and no delay, and the host returns by itself', async (t) => {
    const { servers, load, state, events, finish } = await startFaultCase(t)
    load.start()
    await sleep(500)
    const killedMs = performance.now()
    await servers[0]?.kill()
    await until(() => state() === 'ejected')
    assert.ok(performance.now() - killedMs < 400 + load.report.maxLagMs)
    await untilRefilled(load.report)
    await servers[0]?.restart()
    const restartedMs = performance.now()
    await until(() => state() === 'up')
    assert.ok(performance.now() - restartedMs < retryTimeoutMs * 1.1 + 200 + load.report.maxLagMs)
    await sleep(300)
    const report = await finish()
    assert.equal(report.errors, 0, [...report.errorCodes].join())
    assert.ok(report.maxMs < 100 + report.maxLagMs, `stall of ${report.maxMs} ms`)
    assert.equal(events.filter(({ name }) => name.startsWith('eject')).length, 1)
  })

  test('SIGSTOP and SIGCONT: reads use another host, the host is ejected in time, then no call waits', async (t) => {
    // Two attempts that time out eject the host. With two retries, each operation has time for a
    // third attempt, on another host.
    const { servers, load, state, finish } = await startFaultCase(t, { retries: 2 })
    load.start()
    await sleep(300)
    const stoppedMs = performance.now()
    process.kill(servers[0]!.pid, 'SIGSTOP')
    await until(() => state() === 'ejected')
    const ejectedMs = performance.now() - stoppedMs
    const limitMs = serverFailureLimit * requestTimeoutMs + 300 + load.report.maxLagMs
    assert.ok(ejectedMs <= limitMs, `ejected after ${ejectedMs} ms`)
    await sleep(50)
    load.resetMax()
    await sleep(800)
    assert.ok(load.report.maxMs < 100 + load.report.maxLagMs, `waits ${load.report.maxMs} ms`)
    process.kill(servers[0]!.pid, 'SIGCONT')
    await until(() => state() === 'up')
    const report = await finish()
    assert.equal(report.errors, 0, [...report.errorCodes].join())
    assert.equal(report.stale, 0, 'stale values after the return')
  })

  test('a host that fails and returns every half second causes no error, and other hosts keep their keys', async (t) => {
    const { servers, load, client, events, finish } = await startFaultCase(t)
    load.start()
    for (let i = 0; i < 4; i++) {
      await servers[0]?.kill()
      await sleep(500)
      await servers[0]?.restart()
      await sleep(500)
    }
    const report = await finish()
    assert.equal(report.errors, 0, [...report.errorCodes].join())
    const ejected = events.filter(({ name }) => name.startsWith('eject'))
    assert.ok(ejected.length <= 5, `${ejected.length} ejections`)
    const [, ...others] = client.cluster.hosts
    assert.ok(others.every(({ name }) => !ejected.some((event) => event.name.endsWith(name))))
  })
})

suite('several hosts of real memcacheds fail and return', { skip: skipWithoutMemcached() }, () => {
  test('all hosts down: calls reject at once, and succeed when the hosts are back', async (t) => {
    const { servers, load, client, finish } = await startFaultCase(t)
    load.start()
    await Promise.all(servers.map((server) => server.kill()))
    await until(() => client.cluster.snapshot().every(({ state }) => state === 'ejected'))
    load.resetMax()
    await sleep(400)
    assert.ok(load.report.maxMs < 50 + load.report.maxLagMs, `waits ${load.report.maxMs} ms`)
    assert.ok((load.report.errorCodes.get('MINTRING_NO_HOSTS') ?? 0) > 100)
    await Promise.all(servers.map((server) => server.restart()))
    await until(() => client.cluster.snapshot().every(({ state }) => state === 'up'))
    const { errors } = load.report
    await sleep(300)
    const report = await finish()
    assert.equal(report.errors, errors)
  })

  test('a host restarted at once counts as one incident and is not ejected', async (t) => {
    const { servers, load, events, finish } = await startFaultCase(t, { serverFailureLimit: 3 })
    load.start()
    await sleep(200)
    await servers[0]?.restart()
    await sleep(500)
    const report = await finish()
    assert.equal(report.errors, 0, [...report.errorCodes].join())
    assert.deepEqual(events, [])
  })

  test('100 kills and restarts: the host always returns, and never has too many connections', async (t) => {
    const { servers, load, client, finish } = await startFaultCase(t, { retryTimeoutMs: 60 })
    load.start()
    for (let i = 0; i < 100; i++) {
      await servers[i % 3]?.kill()
      await sleep(i % 4 === 0 ? 150 : 20)
      await servers[i % 3]?.restart()
      await until(() => client.cluster.snapshot().every(({ state }) => state === 'up'))
    }
    const report = await finish()
    assert.equal(report.errors, 0, [...report.errorCodes].join())
  })

  test('a host whose server is full at its return gets few connections, causes no error, and is used when there is room', async (t) => {
    const { servers, load, state, finish } = await startFaultCase(t, {
      serverArgs: ['-c', '20'],
      connections: { min: 1, max: 1, idleMs: 0 },
      retryTimeoutMs: FULL_RETRY_MS,
      deadTimeoutMs: FULL_RETRY_MS,
    })
    load.start()
    await servers[0]?.kill()
    await until(() => state() === 'ejected')
    await servers[0]?.restart()
    const greedy: net.Socket[] = []
    // Dial once more after a pause: a request that checks whether the server is up takes a
    // connection too.
    for (const afterMs of [0, 50]) {
      await sleep(afterMs)
      for (let i = 0; i < 40; i++) {
        const socket = net.connect(servers[0]!.port, '127.0.0.1')
        greedy.push(socket.on('error', () => undefined))
      }
    }
    const dials = countDials(t)
    const fullMs = performance.now()
    await sleep(3 * FULL_RETRY_MS)
    assert.notEqual(state(), 'up')
    const most = Math.ceil((performance.now() - fullMs) / FULL_RETRY_MS)
    assert.ok(dials.count >= 2 && dials.count <= most, `${dials.count} dials, at most ${most}`)
    for (const socket of greedy) socket.destroy()
    await until(() => state() === 'up')
    const report = await finish()
    assert.equal(report.errors, 0, [...report.errorCodes].join())
  })
})

/** Counts the connections that clients of this process open from now on. */
function countDials(t: TestContext): { count: number } {
  const dials = { count: 0 }
  const note = (): void => {
    dials.count++
  }
  subscribe('tracing:mintring:connect:start', note)
  t.after(() => unsubscribe('tracing:mintring:connect:start', note))
  return dials
}
