import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { test } from 'node:test'
import { root } from '../house/sources.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

test('mintring remap reports how many keys move when one of ten hosts leaves', () => {
  const words = 'remap --servers 10 --remove 1 --keys 200000 --json'.split(' ')
  const args = [...TYPESCRIPT, 'src/cli/main.ts', ...words]
  const told = JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' }))
  const of = (distribution: string) =>
    told.results.find((row: { distribution: string }) => row.distribution === distribution)
  assert.equal(told.keys, 200_000)
  assert.ok(of('ketama').moved >= 0.08 && of('ketama').moved <= 0.12, `${of('ketama').moved}`)
  assert.equal(of('ketama').unrelated, 0)
  assert.ok(of('modula').moved >= 0.88 && of('modula').moved <= 0.92, `${of('modula').moved}`)
})
