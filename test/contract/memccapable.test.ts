import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { startServer } from '../../src/embedded/server.ts'
import { neededCommand } from '../support/commands.ts'

describe('memccapable, libmemcached’s conformance test', () => {
  test('passes all of its ASCII tests against the embedded server', async (context) => {
    const memccapable = neededCommand(context, 'memccapable')
    if (memccapable === undefined) return
    await using server = await startServer()
    const args = ['-h', server.host, '-p', String(server.port), '-a']
    const { stdout, stderr } = await promisify(execFile)(memccapable, args, { timeout: 20_000 })
    const said = stdout + stderr
    assert.equal(said.match(/\[pass\]/g)?.length, 27, said)
    assert.match(said, /All tests passed/)
  })
})
