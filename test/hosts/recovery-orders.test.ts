import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import process from 'node:process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { TYPESCRIPT } from '../support/typescript.ts'

const program = fileURLToPath(new URL('./recovery-orders.ts', import.meta.url))

/** In a separate process: the test runner tracks every promise, and this makes many. */
async function states(...mistake: string[]): Promise<number> {
  const args = [...TYPESCRIPT, '--unhandled-rejections=strict', program, ...mistake]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return Number(stdout)
}

describe('processes that hand a value home or change it, in every order of single commands', () => {
  test('leave no old value at home, and read none after a change', async () => {
    const tried = await states()
    assert.ok(tried > 10_000, `${tried} states`)
  })

  for (const mistake of ['change first', 'unguarded', 'record first', 'left open']) {
    test(`read an old value with the planted mistake: ${mistake}`, async () => {
      await assert.rejects(states(mistake), /the old value is/)
    })
  }
})
