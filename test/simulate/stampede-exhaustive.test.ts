import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import process from 'node:process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { OLD_WAYS, PLANS, TAG_MISTAKES, TAG_PLANS } from './orders.ts'

const program = fileURLToPath(new URL('./every-order.ts', import.meta.url))

/** In a process of its own: the test runner watches every promise, and here are millions. */
async function orders(name: string, which: string): Promise<number> {
  const args = ['--import', 'tsx', '--unhandled-rejections=strict', program, name, which]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return Number(stdout)
}

const WHOLE = [
  'meta',
  'meta, a reader writes',
  'meta, no stale window',
  'meta, renewals',
  'classic',
]
const BY_CHANCE = Object.keys(PLANS).filter((name) => !WHOLE.includes(name))

describe('two clients, two invalidations and a crash', () => {
  for (const name of WHOLE) {
    test(`keep all promises in every order of single commands: ${name}`, async () => {
      const states = await orders(name, 'every')
      assert.ok(states > 500, `${states} states`)
    })
  }

  // `every-order.ts whole` tries these in every order too: that takes longer than a test may.
  for (const name of BY_CHANCE) {
    test(`keep all promises in many orders: ${name}`, async () => {
      assert.equal(await orders(name, '2000'), 2_000)
    })
  }
})

describe('two clients, two invalidations of a tag, evictions and a crash', () => {
  test('keep all promises in every order of single commands: tags, one invalidation', async () => {
    const states = await orders('tags, one invalidation', 'every')
    assert.ok(states > 500, `${states} states`)
  })

  for (const name of Object.keys(TAG_PLANS)) {
    test(`keep all promises in many orders: ${name}`, async () => {
      assert.equal(await orders(name, '1000'), 1_000)
    })
  }

  for (const [name, { isLoaded }] of Object.entries(TAG_MISTAKES)) {
    test(`show how ${name} would call old values fresh`, async () => {
      // One that takes many steps in one certain order is not found by chance.
      const which = isLoaded === true ? 'every' : '6000'
      await assert.rejects(orders(name, which), /is (fresh|miss) after/)
    })
  }
})

describe('every order of single commands', () => {
  for (const name of Object.keys(OLD_WAYS)) {
    test(`shows how the ${name} called old values fresh`, async () => {
      await assert.rejects(orders(name, 'every'), /0 is fresh after 1/)
    })
  }
})
