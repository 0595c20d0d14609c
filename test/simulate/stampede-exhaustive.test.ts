import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import process from 'node:process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const program = fileURLToPath(new URL('./every-order.ts', import.meta.url))

/** In a process of its own: the test runner watches every promise, and here are millions. */
async function orders(dialect: string, which: string): Promise<number> {
  const args = ['--import', 'tsx', '--unhandled-rejections=strict', program, dialect, which]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return Number(stdout)
}

describe('two clients, two invalidations and one crash', () => {
  test('keep all promises in every order, meta commands', async () => {
    const tried = await orders('meta', 'every')
    assert.ok(tried > 10_000, `${tried} orders`)
  })

  // There are too many orders to try them all: an invalidation takes more commands.
  test('keep all promises in many orders, classic commands', async () => {
    assert.equal(await orders('classic', '5000'), 5_000)
  })
})
