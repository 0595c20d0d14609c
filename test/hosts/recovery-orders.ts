import assert from 'node:assert/strict'
import process from 'node:process'
import { Choices, Met } from '../simulate/choices.ts'
import { type Plan, RecoveryModel } from './recovery-model.ts'

const HOW = ['set', 'delete'] as const
const REACH = [true, false] as const

async function tryAll(plan: Plan): Promise<number> {
  const choices = new Choices()
  do {
    const model = new RecoveryModel(choices, plan)
    try {
      await model.run()
    } catch (error) {
      if (error instanceof Met) continue
      const how = `${JSON.stringify(plan)} after ${model.trace.join(', ')}`
      throw new Error(how, { cause: error })
    }
  } while (choices.next())
  return choices.states
}

Error.stackTraceLimit = 0
const [mistake] = process.argv.slice(2) as [Plan['mistake']]
let states = 0
for (const one of HOW) {
  for (const reachesOne of REACH) {
    states += await tryAll({ changes: [[one, reachesOne]], mistake })
    for (const other of HOW) {
      states += await tryAll({
        changes: [
          [one, reachesOne],
          [other, true],
        ],
        mistake,
      })
    }
  }
}
assert.ok(states > 0)
console.log(states)
