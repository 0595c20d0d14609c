import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import process from 'node:process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { TYPESCRIPT } from '../support/typescript.ts'
import { MIXED_MISTAKES, MIXED_PLANS, OLD_WAYS, PLANS, TAG_MISTAKES, TAG_PLANS } from './orders.ts'

const program = fileURLToPath(new URL('./every-order.ts', import.meta.url))

/** Runs every-order.ts in its own process: the test runner would track its millions of promises. */
async function orders(name: string, which: string): Promise<number> {
  const args = [...TYPESCRIPT, '--unhandled-rejections=strict', program, name, which]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return Number(stdout)
}

const WHOLE = [
  'meta',
  'meta, a reader writes',
  'meta, no stale window',
  'meta, renewals',
  'meta, policy unknown',
  'meta, no stale window, policy unknown',
]
const BY_CHANCE = Object.keys(PLANS).filter((name) => !WHOLE.includes(name))

describe('refills of two clients, with two invalidations and a crash', () => {
  for (const name of WHOLE) {
    test(`return no old value as fresh in any order of commands: ${name}`, async () => {
      const states = await orders(name, 'every')
      assert.ok(states > 500, `${states} states`)
    })
  }

  // `every-order.ts whole` runs these plans in every order, which takes too long for a test.
  for (const name of BY_CHANCE) {
    test(`return no old value as fresh in many random orders: ${name}`, async () => {
      assert.equal(await orders(name, '2000'), 2_000)
    })
  }
})

const WHOLE_TAGS = ['tags, one invalidation', 'tags, two invalidations']

describe('refills of two clients, with invalidations of a tag, evictions and a crash', () => {
  for (const name of WHOLE_TAGS) {
    test(`return no old value as fresh in any order of commands: ${name}`, async () => {
      const states = await orders(name, 'every')
      assert.ok(states > 500, `${states} states`)
    })
  }

  for (const name of Object.keys(TAG_PLANS).filter((name) => !WHOLE_TAGS.includes(name))) {
    test(`return no old value as fresh in many random orders: ${name}`, async () => {
      assert.equal(await orders(name, '1000'), 1_000)
    })
  }

  for (const name of Object.keys(TAG_MISTAKES)) {
    test(`return old values as fresh with the planted mistake ${name}`, async () => {
      await assert.rejects(orders(name, 'every'), /is (fresh|miss) after/)
    })
  }
})

const WHOLE_MIXED = ['mixed, meta home', 'after an upgrade, sidecar']

describe('refills of two clients, with an invalidation, whose host ends and returns', () => {
  for (const name of WHOLE_MIXED) {
    test(`return no old value as fresh in any order of commands: ${name}`, async () => {
      const states = await orders(name, 'every')
      assert.ok(states > 500, `${states} states`)
    })
  }

  for (const name of Object.keys(MIXED_PLANS).filter((name) => !WHOLE_MIXED.includes(name))) {
    test(`return no old value as fresh in many random orders: ${name}`, async () => {
      assert.equal(await orders(name, '1000'), 1_000)
    })
  }

  for (const name of Object.keys(MIXED_MISTAKES)) {
    test(`return old values as fresh with the planted mistake ${name}`, async () => {
      await assert.rejects(orders(name, 'every'), /is (fresh|miss) after/)
    })
  }
})

describe('orders that are left out because independent moves commute', () => {
  for (const name of ['tags, one invalidation', 'meta']) {
    test(`reach no state that the other orders do not reach: ${name}`, async () => {
      assert.equal(await orders(name, 'every'), await orders(name, 'all'))
    })
  }
})

describe('refills with a mistake of an earlier version, in every order of commands', () => {
  for (const name of Object.keys(OLD_WAYS)) {
    test(`return old values as fresh: ${name}`, async () => {
      await assert.rejects(orders(name, 'every'), /0 is fresh after 1/)
    })
  }
})
