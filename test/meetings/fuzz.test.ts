import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { suite, test } from 'node:test'
import { MintringError } from '../../src/errors.ts'
import { settle } from '../fuzz/calls.ts'
import { LoopClock } from '../fuzz/loop-clock.ts'
import { mutants } from '../fuzz/mutants.ts'
import { Report } from '../fuzz/report.ts'
import { fuzz } from '../fuzz/run.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

const CONTROL = { operations: 3_000, hosts: 1, ejection: false } as const
const CONTROL_SEEDS = [1, 2, 3, 4, 5, 6]

test('a call of the fuzzer tells its error at once, because the client may delete from then on', async () => {
  const clock = new LoopClock()
  clock.stop()
  const caller = { report: new Report(clock), hasFailed: false }
  const error = new MintringError('MINTRING_TIMEOUT', 'late')
  const told = settle(caller, 'set k', 1_000, () => Promise.reject(error))
  const later = new Promise((resolve) => setImmediate(resolve, 'later'))
  assert.deepEqual(await Promise.race([told, later]), { error })
  assert.equal(caller.hasFailed, true)
})

suite('the fuzzer finds planted mistakes', {
  skip: skipWithoutMemcached(),
}, () => {
  for (const [name, mutant] of Object.entries(mutants)) {
    // Skip mistakes that crash the process: the test runner itself fails a test with an unhandled
    // rejection.
    if (mutant.finds === 'crashes') continue
    test(`it finds ${name}`, async () => {
      // A rare mistake may do no harm with one seed: the next seed shows it then.
      let found = 0
      for (const seed of CONTROL_SEEDS) {
        if (found === 0) found = (await fuzz({ ...CONTROL, seed, mutant })).found[mutant.finds]
      }
      assert.ok(found > 0)
    })
  }

  test('as a script it finds an unhandled rejection, and exits with 1', () => {
    const script = [...TYPESCRIPT, 'scripts/fuzz-road.mjs', '--seeds', '1']
    const options = ['--operations', '2000', '--mutant', 'a rejection that nobody handles']
    const run = spawnSync(process.execPath, [...script, ...options], { encoding: 'utf8' })
    assert.match(run.stdout, /"crashes":[1-9]/)
    assert.equal(run.status, 1)
  })
})
