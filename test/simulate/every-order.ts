import assert from 'node:assert/strict'
import process from 'node:process'
import { seededRandom } from '../../src/simulate/virtual-time.ts'
import { Choices } from './choices.ts'
import {
  MIXED_MISTAKES,
  MIXED_PLANS,
  OLD_WAYS,
  PLANS,
  type Plan,
  TAG_MISTAKES,
  TAG_PLANS,
} from './orders.ts'
import { follow } from './scenario.ts'

/*
 * `every-order.ts PLAN every` runs a plan in all orders and prints the number of states; `all` does
 * the same, but also tries those orders of independent moves that reach no other state;
 * `every-order.ts PLAN 2000` runs it in that many random orders; `every-order.ts whole` runs all
 * plans in all orders. Throws at the first order in which a read violates a guarantee.
 */

/** Runs a plan in all orders. Returns the number of different states that it reached. */
async function everyOrder(plan: Plan, mayLeaveOut = true): Promise<number> {
  const choices = new Choices(undefined, mayLeaveOut)
  do await follow(choices, plan)
  while (choices.next())
  return choices.states
}

const [name = '', orders] = process.argv.slice(2)
const right = { ...PLANS, ...TAG_PLANS, ...MIXED_PLANS }
const plan = { ...right, ...OLD_WAYS, ...TAG_MISTAKES, ...MIXED_MISTAKES }[name]
if (name === 'whole') {
  for (const [each, plan] of Object.entries(right)) {
    const startMs = performance.now()
    const states = await everyOrder(plan)
    const seconds = Math.round((performance.now() - startMs) / 1000)
    console.log(JSON.stringify({ plan: each, states, seconds }))
  }
} else if (plan === undefined) {
  assert.fail(`no plan ${name}`)
} else if (orders === 'every' || orders === 'all') {
  console.log(await everyOrder(plan, orders === 'every'))
} else {
  const random = seededRandom(Number(orders))
  for (let i = 0; i < Number(orders); i++) await follow(new Choices(random), plan)
  console.log(orders)
}
