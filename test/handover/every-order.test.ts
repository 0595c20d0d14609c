import assert from 'node:assert/strict'
import { test } from 'node:test'
import { states } from './states.ts'

test('three processes and one key that moves, in every order of single commands, return no fresh value that is older than an acknowledged change', async () => {
  const tried = await states('none')
  assert.ok(tried > 10_000, `${tried} states`)
})
