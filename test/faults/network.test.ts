import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { skipWithoutMemcached } from '../support/memcached.ts'

const CASES = fileURLToPath(new URL('./network-cases.ts', import.meta.url))
/** Twice what it takes on a busy machine. */
const TIMEOUT_MS = 90_000
const NEEDED = 'needs Linux, root, unshare, ip and iptables (apt-get install iproute2 iptables)'

/**
 * Packets are dropped and names changed in namespaces of its own, where nothing else can be hurt
 * and nothing is left behind. Where it is not possible, the test says so; MINTRING_REQUIRE_NETNS=1
 * makes it fail.
 */
test('the network fails: black hole, half-open, lost replies and packets, moved names', (t) => {
  if (typeof skipWithoutMemcached() === 'string') return t.skip('no memcached found')
  if (!canUnshare()) return unavailable(t)
  const command = ['-n', '-m', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"', process.execPath]
  const node = ['--import', 'tsx', '--unhandled-rejections=strict', '--test', CASES]
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const run = spawnSync('unshare', [...command, ...node], {
    env,
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  })
  for (const line of run.stdout.split('\n')) {
    if (/^ *(not )?ok \d+ - /.test(line)) t.diagnostic(line.trim())
  }
  assert.equal(run.status, 0, `${run.stdout}\n${run.stderr}`)
})

function canUnshare(): boolean {
  const script = 'ip link set lo up && iptables -L -n'
  const run = spawnSync('unshare', ['-n', '-m', 'sh', '-c', script], { stdio: 'ignore' })
  return run.status === 0
}

function unavailable(t: TestContext): void {
  if (process.env.MINTRING_REQUIRE_NETNS === '1') throw new Error(NEEDED)
  t.skip(NEEDED)
}
