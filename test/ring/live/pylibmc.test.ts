import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it, type TestContext } from 'node:test'
import { compat } from '../../../src/ring/compat.ts'
import { findCommand, skipOrFail } from '../../support/commands.ts'
import { clientOf, type FleetServer, heldBy, KEYS, startFleet } from './fleet.ts'

const SCRIPT = `
import json, pylibmc, sys
task = json.load(sys.stdin)
client = pylibmc.Client(task['servers'], behaviors=task['behaviors'])
if task['verb'] == 'set':
    print(sum(bool(client.set(key, 'from python ' + key)) for key in task['keys']))
else:
    print(sum(client.get(key) == 'from node ' + key for key in task['keys']))
`

/** A Python that has pylibmc: the first one on the PATH need not be the system's. */
function pythonWithPylibmc(test: TestContext): string | undefined {
  const candidates = [findCommand('python3'), '/usr/bin/python3']
  const python = candidates.find((path) => {
    return path !== undefined && spawnSync(path, ['-c', 'import pylibmc']).status === 0
  })
  if (python === undefined)
    skipOrFail(test, 'no Python with pylibmc found', 'MINTRING_REQUIRE_PEERS')
  return python
}

function ask(
  python: string,
  verb: 'set' | 'get',
  fleet: readonly FleetServer[],
  behaviors: object,
): number {
  const servers = fleet.map(({ host, port, weight }) => `${host}:${port}:${weight}`)
  const input = JSON.stringify({ servers, behaviors, verb, keys: KEYS })
  const { status, stdout, stderr } = spawnSync(python, ['-c', SCRIPT], { input, encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return Number(stdout)
}

const configurations = [
  ['ketama_weighted', { ketama_weighted: true }, compat.libmemcachedWeighted],
  ['modula', { hash: 'md5' }, { ...compat.libmemcachedModula, hash: 'md5' }],
  [
    'ketama',
    { hash: 'md5', ketama: true },
    // pylibmc adds servers after it sets the distribution, so that their weights change the ring.
    { ...compat.libmemcached, hash: 'md5' },
  ],
] as const

describe('pylibmc and mintring share a cache', () => {
  for (const [name, behaviors, preset] of configurations) {
    it(`with ${name}: all of 1,000 keys are found in both directions`, async (test) => {
      const python = pythonWithPylibmc(test)
      const fleet = python === undefined ? undefined : await startFleet(test)
      if (python === undefined || fleet === undefined) return
      const { duplicates: _all, ...placement } = preset
      const cache = clientOf(test, fleet, { ...placement, valueFlags: 'pylibmc' })

      assert.equal(ask(python, 'set', fleet, behaviors), 1000)
      const held = await heldBy(fleet)
      assert.ok(held.every((count) => count > 50))
      const values = await Promise.all(KEYS.map((key) => cache.get(key)))
      assert.deepEqual(
        values,
        KEYS.map((key) => `from python ${key}`),
      )

      await Promise.all(KEYS.map((key) => cache.set(key, `from node ${key}`)))
      assert.equal(ask(python, 'get', fleet, behaviors), 1000)
      assert.deepEqual(await heldBy(fleet), held, 'no key is on two hosts')
    })
  }
})
