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
  'classic, set and delete',
  'sidecar, set and delete',
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

const OTHER_PLANS = [
  {
    what: 'with invalidations of a tag, evictions and a crash',
    plans: TAG_PLANS,
    whole: ['tags, one invalidation', 'tags, two invalidations'],
    mistakes: TAG_MISTAKES,
  },
  {
    what: 'with an invalidation, whose host ends and returns',
    plans: MIXED_PLANS,
    whole: ['mixed, meta home', 'after an upgrade, sidecar'],
    mistakes: MIXED_MISTAKES,
  },
]

for (const { what, plans, whole, mistakes } of OTHER_PLANS) {
  describe(`refills of two clients, ${what}`, () => {
    for (const name of whole) {
      test(`return no old value as fresh in any order of commands: ${name}`, async () => {
        const states = await orders(name, 'every')
        assert.ok(states > 500, `${states} states`)
      })
    }

    for (const name of Object.keys(plans).filter((name) => !whole.includes(name))) {
      test(`return no old value as fresh in many random orders: ${name}`, async () => {
        assert.equal(await orders(name, '1000'), 1_000)
      })
    }

    for (const name of Object.keys(mistakes)) {
      test(`return old values as fresh with the planted mistake ${name}`, async () => {
        await assert.rejects(orders(name, 'every'), /is (fresh|miss) after/)
      })
    }
  })
}

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
