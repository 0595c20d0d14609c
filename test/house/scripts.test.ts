import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after, describe, test } from 'node:test'
import { root } from './sources.ts'

// Outside node_modules, because Node 22 and newer find no tests there.
const folder = mkdtempSync(join(tmpdir(), 'mintring-scripts-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** Runs one of the scripts as npm would, with a changed environment. */
function run(script: string, args: readonly string[], changes: NodeJS.ProcessEnv = {}) {
  const { NODE_TEST_CONTEXT: _ours, MEMCACHED_BIN: _named, ...inherited } = process.env
  const env = { ...inherited, ...changes }
  const options = { cwd: root, env, encoding: 'utf8' as const }
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], options)
  return { status, said: stdout + stderr }
}

/** Writes a test file and runs it with scripts/test.mjs. */
function runTest(name: string, body: string, changes: NodeJS.ProcessEnv = {}) {
  const path = join(folder, `${name}.test.ts`)
  const support = join(root, 'test', 'support', 'memcached.ts')
  writeFileSync(
    path,
    `import { test } from 'node:test'\nimport { realMemcached } from '${support}'\n${body}`,
  )
  return run('scripts/test.mjs', [path], changes)
}

const NEEDS_MEMCACHED = `test('needs one', (t) => { if (!realMemcached(t)) return })`
const NOWHERE = { MEMCACHED_BIN: join(folder, 'memcached') }

describe('scripts/test.mjs', () => {
  test('fails when there is no test to run', () => {
    const empty = join(folder, 'empty')
    mkdirSync(empty)
    const { status, said } = run('scripts/test.mjs', [empty])
    assert.equal(status, 1)
    assert.match(said, /No test file/)
  })

  test('fails for a file that does not exist', () => {
    assert.equal(run('scripts/test.mjs', ['test/gone.test.ts']).status, 1)
  })

  test('exits with 0 when its tests pass, and with 1 when one fails', () => {
    const good = runTest('good', "test('is good', () => {})")
    assert.equal(good.status, 0, good.said)
    assert.match(good.said, /pass 1/)
    assert.equal(runTest('bad', "test('is bad', () => { throw new Error('no') })").status, 1)
  })

  test('fails on an unhandled rejection', () => {
    const stray = "test('strays', () => { void Promise.reject(new Error('stray')) })"
    assert.equal(runTest('stray', stray).status, 1)
  })

  test('runs every test file in either npm test or npm run test:long', () => {
    const listed = (...args: string[]) => {
      const { status, said } = run('scripts/test.mjs', ['--list', ...args])
      assert.equal(status, 0, said)
      return said.trim().split('\n')
    }
    const [short, long] = [listed(), listed('--long')]
    assert.deepEqual([...short, ...long].sort(), listed('test').sort())
    assert.ok(short.length > 5 * long.length && long.length > 10)
    assert.ok(long.includes('test/chaos/chaos.test.ts'))
  })

  test('passes options to the test runner', () => {
    const path = join(folder, 'named.test.ts')
    const two = "import { test } from 'node:test'\ntest('one', () => {})\ntest('two', () => {})\n"
    writeFileSync(path, two)
    const { said } = run('scripts/test.mjs', ['--test-name-pattern=two', path])
    assert.match(said, /✔ two/)
    assert.doesNotMatch(said, /✔ one/)
  })
})

describe('tests that need memcached, on a machine without it', () => {
  test('are skipped with a reason', () => {
    const env = { ...NOWHERE, MINTRING_REQUIRE_MEMCACHED: '0' }
    const { status, said } = runTest('skips', NEEDS_MEMCACHED, env)
    assert.equal(status, 0, said)
    assert.match(said, /skipped 1/)
    assert.match(said, /no memcached found/)
  })

  test('fail where MINTRING_REQUIRE_MEMCACHED is 1', () => {
    const env = { ...NOWHERE, MINTRING_REQUIRE_MEMCACHED: '1' }
    assert.equal(runTest('fails', NEEDS_MEMCACHED, env).status, 1)
  })

  test('are announced by the setup script, which succeeds', () => {
    const env = { ...NOWHERE, MINTRING_NO_INSTALL: '1' }
    const { status, said } = run('scripts/setup.mjs', ['--memcached'], env)
    assert.equal(status, 0)
    assert.match(said, /tests on a real server will be skipped/)
  })
})
