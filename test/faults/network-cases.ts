import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startFaultCase } from '../support/fault-case.ts'
import { type Memcached, startMemcached } from '../support/memcached.ts'
import { QUICK, sleep, until } from '../support/test-cluster.ts'

/**
 * Run by network.test.ts in its own network and mount namespaces: the firewall rules and host names
 * made here affect no other process.
 */
const { requestTimeoutMs, retryTimeoutMs, serverFailureLimit } = QUICK

function iptables(...rule: readonly (string | number)[]): void {
  execFileSync('iptables', ['-w', ...rule.map(String)])
}

/** Also called before each case: a failed case may have left its rules. */
function heal(): void {
  iptables('-F', 'INPUT')
}

for (const seconds of [1, 4]) {
  test(`a black hole of ${seconds} s, established connections included: reads use another host`, async (t) => {
    heal()
    const { servers, load, state, finish } = await startFaultCase(t)
    t.after(heal)
    load.start()
    await sleep(300)
    const startMs = performance.now()
    iptables('-I', 'INPUT', '-p', 'tcp', '--dport', servers[0]!.port, '-j', 'DROP')
    iptables('-I', 'INPUT', '-p', 'tcp', '--sport', servers[0]!.port, '-j', 'DROP')
    await until(() => state() === 'ejected')
    const ejectedMs = performance.now() - startMs
    const limitMs = serverFailureLimit * requestTimeoutMs + 300 + load.report.maxLagMs
    assert.ok(ejectedMs < limitMs, `ejected after ${ejectedMs} ms`)
    // Operations that began before the ejection may still try their second host. Wait for their end
    // before measuring.
    await sleep(2 * requestTimeoutMs)
    const peak = load.report.peakInFlight
    const peakBurst = (600 * 3 * load.report.maxLagMs) / 1_000
    load.resetMax()
    await sleep(seconds * 1_000)
    assert.ok(load.report.maxMs < 100 + load.report.maxLagMs, `waits ${load.report.maxMs} ms`)
    // The failed host gets about 200 operations a second, each with up to two attempts. After a
    // late timer, several operations start at once.
    const burst = (600 * load.report.maxLagMs) / 1_000
    const inFlight = load.report.peakInFlight
    assert.ok(inFlight < 60 + burst * 2, `${inFlight} in flight`)
    assert.ok(peak < (200 * 2 * requestTimeoutMs) / 1_000 + 100 + peakBurst, `${peak} in flight`)
    heal()
    const healedMs = performance.now()
    await until(() => state() === 'up')
    assert.ok(performance.now() - healedMs < retryTimeoutMs * 1.2 + 500 + load.report.maxLagMs)
    const report = await finish()
    const codes = [...report.errorCodes].join()
    assert.equal(report.readErrors, 0, codes)
    // A few writes may fail: they are retried only on their own host, so the first ones can time
    // out before it is ejected.
    assert.ok(report.errors < 20, codes)
    assert.equal(report.stale, 0)
  })
}

test('replies are lost after their commands ran: reads return no wrong value, and failed writes say what is known', async (t) => {
  heal()
  const { servers, load, client, finish } = await startFaultCase(t)
  t.after(heal)
  load.start()
  await sleep(200)
  const { port } = servers[0]!
  iptables(
    '-I',
    'INPUT',
    '-p',
    'tcp',
    '--sport',
    port,
    '-m',
    'length',
    '--length',
    '60:65535',
    '-j',
    'DROP',
  )
  const key = Array.from({ length: 999 }, (_, i) => `counter${i}`).find(
    (name) => client.cluster.homeOf(name).server.port === port,
  )!
  await assert.rejects(client.incr(key), (error: { sent?: boolean }) => error.sent === true)
  await sleep(800)
  heal()
  await sleep(800)
  const report = await finish()
  assert.equal(report.errors, 0, [...report.errorCodes].join())
})

for (const percent of [5, 20]) {
  test(`${percent} % of packets are lost: no wrong value, and every call settles in time`, async (t) => {
    heal()
    const { servers, load, finish } = await startFaultCase(t)
    t.after(heal)
    load.start()
    const random = ['-m', 'statistic', '--mode', 'random', '--probability', percent / 100]
    for (const { port } of servers) {
      iptables('-I', 'INPUT', '-p', 'tcp', '--dport', port, ...random, '-j', 'DROP')
    }
    await sleep(2_000)
    heal()
    await finish()
  })
}

test('connections are reset in mid-stream and then refused: callers get no error', async (t) => {
  heal()
  const { servers, load, state, finish } = await startFaultCase(t)
  t.after(heal)
  load.start()
  await sleep(200)
  const reject = ['-j', 'REJECT', '--reject-with', 'tcp-reset']
  iptables('-I', 'INPUT', '-p', 'tcp', '--dport', servers[0]!.port, ...reject)
  await until(() => state() === 'ejected')
  heal()
  await until(() => state() === 'up')
  const report = await finish()
  assert.equal(report.errors, 0, [...report.errorCodes].join())
  assert.ok(report.maxMs < 150 + report.maxLagMs, `stall of ${report.maxMs} ms`)
})

async function hitsOf({ host, port }: Memcached): Promise<number> {
  const socket = net.connect(port, host)
  socket.end('stats\r\nquit\r\n')
  let said = ''
  for await (const bytes of socket) said += bytes
  return Number(/STAT get_hits (\d+)/.exec(said)?.[1])
}

/**
 * Host names for this process alone, in front of /etc/hosts. Returns a function that changes them.
 */
function ownNames(t: TestContext): (lines: string) => void {
  const folder = mkdtempSync(join(tmpdir(), 'mintring-names-'))
  const file = join(folder, 'hosts')
  writeFileSync(file, '127.0.0.1 localhost\n')
  execFileSync('mount', ['--bind', file, '/etc/hosts'])
  t.after(() => {
    // Unmount lazily (-l), because a lookup may still use the file.
    execFileSync('umount', ['-l', '/etc/hosts'])
    rmSync(folder, { recursive: true })
  })
  return (lines) => writeFileSync(file, `127.0.0.1 localhost\n${lines}\n`)
}

test('a host name moves to another address while its host is down: callers get no error', async (t) => {
  heal()
  const name = 'cache-1.test'
  const tell = ownNames(t)
  tell(`127.0.0.1 ${name}`)
  const { servers, load, state, finish } = await startFaultCase(t, {
    through: async ([first, ...others]) => [
      `${name}:${first!.port}`,
      ...others.map(({ port }) => port),
    ],
  })
  load.start()
  await sleep(300)
  const { port } = servers[0]!
  await servers[0]!.kill()
  await until(() => state() === 'ejected')
  const replacement = await startMemcached({ host: '127.0.0.2', port, args: ['-t', '1'] })
  t.after(() => replacement.kill())
  tell(`127.0.0.2 ${name}`)
  await until(() => state() === 'up')
  await sleep(1_000)
  const report = await finish()
  assert.equal(report.errors, 0, [...report.errorCodes].join())
  assert.ok((await hitsOf(replacement)) > 20, 'few hits where the name went')
})
