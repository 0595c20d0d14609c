import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startServer } from '../../src/embedded/server.ts'
import type { Memcached } from '../../src/integrations/compat.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

const door = new URL('../../src/integrations/compat.ts', import.meta.url).href
const root = fileURLToPath(new URL('../../', import.meta.url))
const LIMIT_MS = 20_000

/**
 * Runs a program that never calls end(). Returns its output and exit code, null when it was killed.
 */
async function run(context: TestContext, options: Memcached.options, dies = false) {
  const server = await startServer()
  context.after(() => server.close())
  if (dies) await server.close()
  const program = `import { Memcached } from ${JSON.stringify(door)}
    const memcached = new Memcached(${JSON.stringify(server.address)},
      ${JSON.stringify(options)})
    memcached.get('k', (error) => console.log(error === undefined ? 'a miss' : 'an error'))`
  const args = [...TYPESCRIPT, '--input-type=module', '--eval', program]
  const child = spawn(process.execPath, args, { cwd: root, timeout: LIMIT_MS })
  let printed = ''
  child.stdout.on('data', (bytes) => {
    printed += bytes
  })
  const [code] = await once(child, 'close')
  return [code, printed.trim()]
}

test('a process on mintring/compat exits by itself when its connections are idle', async (context) => {
  assert.deepEqual(await run(context, { idle: 300, poolSize: 10 }), [0, 'a miss'])
})

test('a process on mintring/compat exits by itself when its server is dead', async (context) => {
  const options = { idle: 300, timeout: 300, retry: 3_600_000, remove: true }
  assert.deepEqual(await run(context, options, true), [0, 'an error'])
})
