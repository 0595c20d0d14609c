import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import process from 'node:process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const program = fileURLToPath(new URL('./every-order.ts', import.meta.url))

/** In a process of its own: the test runner watches every promise, and here are millions. */
async function orders(name: string, which: string): Promise<number> {
  const args = ['--import', 'tsx', '--unhandled-rejections=strict', program, name, which]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return Number(stdout)
}

describe('two clients, invalidations and a crash, in every order of single commands', () => {
  for (const name of ['meta, one write', 'meta, no stale window', 'meta, renewals']) {
    test(`keep all promises: ${name}`, async () => {
      const states = await orders(name, 'every')
      assert.ok(states > 1_000, `${states} states`)
    })
  }

  // Too many to try them all in a test: every-order.ts tries them.
  for (const name of ['meta', 'sidecar', 'sidecar, no stale window', 'sidecar, renewals']) {
    test(`keep all promises in many orders: ${name}`, async () => {
      assert.equal(await orders(name, '3000'), 3_000)
    })
  }

  for (const name of ['classic', 'classic, renewals']) {
    test(`keep all promises in many orders: ${name}`, async () => {
      assert.equal(await orders(name, '3000'), 3_000)
    })
  }
})

describe('every order of single commands', () => {
  for (const name of ['old renewal', 'old sidecar store']) {
    test(`shows how the ${name} called old values fresh`, async () => {
      await assert.rejects(orders(name, 'every'), /0 is fresh after 1/)
    })
  }
})
