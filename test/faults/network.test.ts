import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

const CASES = fileURLToPath(new URL('./network-cases.ts', import.meta.url))
/** The time limit of all cases: twice what they take on a busy machine. */
const TIMEOUT_MS = 90_000
const NEEDED = 'needs Linux, root, unshare, ip and iptables (apt-get install iproute2 iptables)'

/**
 * Packets are dropped and names changed in separate namespaces, so that nothing else is affected
 * and nothing remains. Where namespaces are not available the test is skipped with a reason; with
 * MINTRING_REQUIRE_NETNS=1 it fails.
 */
test('network faults of real hosts: black holes, half-open connections, lost replies and packets, moved names', (t) => {
  if (typeof skipWithoutMemcached() === 'string') return t.skip('no memcached found')
  if (!canUnshare()) return unavailable(t)
  const command = ['-n', '-m', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"', process.execPath]
  const node = [...TYPESCRIPT, '--unhandled-rejections=strict', '--test', CASES]
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
