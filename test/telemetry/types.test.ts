import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'

const compiler = fileURLToPath(new URL('../../node_modules/typescript/lib/tsc.js', import.meta.url))
const folder = fileURLToPath(new URL('.', import.meta.url))

it('the integrations accept the published types of their packages: these tests compile', () => {
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', folder], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stdout)
})
