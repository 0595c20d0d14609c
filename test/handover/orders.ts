import './back-clock.ts'
import assert from 'node:assert/strict'
import process from 'node:process'
import { type CopyableKey, copyMoved } from '../../src/hosts/moved-key.ts'
import type { StoreAnswer } from '../../src/refill/store.ts'
import { Choices, Met } from '../simulate/choices.ts'
import { BackModel } from './back-model.ts'
import { BACK_SCENARIOS, type BackRules, RIGHT_BACK } from './back-rules.ts'
import { ClearingModel } from './clearing-model.ts'
import { FleetModel, type Scenario } from './fleet-model.ts'
import { RIGHT, type Rules, TIMES, type Time } from './fleet-rules.ts'

/** Planted mistakes that the model has to find. */
const MISTAKES: Readonly<Record<string, Partial<Rules>>> = {
  none: {},
  'reversed order': {
    plan(time, effect) {
      const plan = RIGHT.plan(time, effect)
      return effect === 'read' || effect === 'alter' ? plan : [...plan].reverse()
    },
  },
  'unguarded copy': {
    async copy(key: CopyableKey<StoreAnswer>) {
      const item = await key.peek()
      const elected = await key.elect()
      return typeof elected !== 'string' && item !== undefined && key.fill(item, elected.cas)
    },
  },
  'new home only': {
    plan(time, effect) {
      const plan = RIGHT.plan(time, effect)
      const isChange = effect === 'store' || effect === 'remove'
      return time === 'move' && isChange ? [{ at: 'new', act: 'run' }] : plan
    },
  },
  'no announce': {
    mayMeet: (one, other) => RIGHT.mayMeet(one, other) || (one === 'none' && other === 'move'),
  },
  'no settle': {
    plan(time, effect) {
      return RIGHT.plan(time === 'settle' ? 'over' : time, effect)
    },
  },
  'phase by process start': {
    mayMeet: (one, other) => RIGHT.mayMeet(one, other) || (one === 'announce' && other === 'over'),
  },
  'no clearing': { isCleared: false },
}

/** Mistakes of the last phases, which are found sooner from the end. */
const LATE: ReadonlySet<string> = new Set(['new home only', 'no settle'])

const CHANGES = ['set', 'delete', 'invalidate'] as const

/** Three processes, each in any phase in which it can meet the two others. */
function scenariosOf(rules: Rules): Scenario[] {
  const scenarios: Scenario[] = []
  for (const one of TIMES) {
    for (const two of TIMES) {
      for (const three of TIMES) {
        const isMeeting = rules.mayMeet(one, two) && rules.mayMeet(one, three)
        if (isMeeting && rules.mayMeet(two, three)) scenarios.push(...opsOf(one, two, three))
      }
    }
  }
  return scenarios
}

function opsOf(one: Time, two: Time, three: Time): Scenario[] {
  const scenarios: Scenario[] = []
  const reader = { time: three, op: 'get' } as const
  for (const [index, op] of CHANGES.entries()) {
    for (const other of [...CHANGES.slice(index), 'get'] as const) {
      const scripts = [{ time: one, op }, { time: two, op: other }, reader]
      scenarios.push({ scripts, hasLeftover: one !== 'none' })
    }
  }
  return scenarios
}

async function tryAll(
  scenario: Scenario,
  rules: Rules,
  choices: Choices = new Choices(),
  check: (model: FleetModel) => void = () => {},
): Promise<number> {
  do {
    const model = new FleetModel(choices, scenario, rules)
    try {
      await model.run()
      check(model)
    } catch (error) {
      if (error instanceof Met) continue
      const how = `${JSON.stringify(scenario)} after ${model.trace.join(', ')}`
      throw new Error(how, { cause: error })
    }
  } while (choices.next())
  return choices.states
}

/**
 * Checks increments by processes in the same phase: none is lost, and no two calls return the same
 * number.
 */
async function tryCounters(rules: Partial<Rules> = {}): Promise<number> {
  let tried = 0
  for (const time of TIMES) {
    const scripts = [0, 1].map(() => ({ time, op: 'incr' }) as const)
    const choices = new Choices()
    const scenario = { scripts: [...scripts], expiries: 1 }
    tried += await tryAll(scenario, { ...RIGHT, ...rules }, choices, ({ counts, lost }) => {
      assert.equal(new Set(counts).size, counts.length, `${counts} were told twice`)
      assert.equal(lost, 0, 'the counter is lost')
    })
  }
  return tried
}

/** Clears a host that has an old item, while that is read. */
async function tryClearing(isOmitting: boolean): Promise<number> {
  const choices = new Choices()
  do {
    const model = new ClearingModel(choices, isOmitting)
    try {
      await model.run()
    } catch (error) {
      if (!(error instanceof Met)) throw new Error(model.trace.join(', '), { cause: error })
    }
  } while (choices.next())
  return choices.states
}

/** Planted mistakes of changes that are taken back. */
const BACK_MISTAKES: Readonly<Record<string, Partial<BackRules>>> = {
  'taken back': {},
  'taken back late': { lateMs: 3_000 },
  'not asked again': { asksAgain: false },
  'decision not recorded': { records: 'never' },
  'decision recorded late': { records: 'unguarded' },
}

/** Takes a change back while it is announced. */
async function tryBack(wrong: Partial<BackRules>): Promise<number> {
  let tried = 0
  for (const scenario of BACK_SCENARIOS) {
    const choices = new Choices()
    do {
      const model = new BackModel(choices, scenario, { ...RIGHT_BACK, ...wrong })
      try {
        await model.run()
      } catch (error) {
        if (error instanceof Met) continue
        const how = `${JSON.stringify(scenario)} after ${model.trace.join(', ')}`
        throw new Error(how, { cause: error })
      }
    } while (choices.next())
    tried += choices.states
  }
  return tried
}

/** Planted mistake: if the first try to copy the item fails, continues without it. */
function copyOnce(key: CopyableKey<StoreAnswer>): Promise<boolean> {
  return copyMoved({ ...key, pause: undefined })
}

// Most runs end by an error without a use for its stack, which would take a seventh of the time.
Error.stackTraceLimit = 0
const [mistake = 'none'] = process.argv.slice(2)
if (mistake === 'counters') console.log(await tryCounters())
else if (mistake === 'clearing') console.log(await tryClearing(false))
else if (mistake === 'clearing by LRU lists') console.log(await tryClearing(true))
else if (mistake in BACK_MISTAKES) console.log(await tryBack(BACK_MISTAKES[mistake]!))
else if (mistake === 'one try') console.log(await tryCounters({ copy: copyOnce }))
else {
  const wrong = MISTAKES[mistake]
  assert.ok(wrong !== undefined, `no ${mistake}`)
  const rules = { ...RIGHT, ...wrong }
  let states = 0
  const scenarios = scenariosOf(rules)
  if (LATE.has(mistake)) scenarios.reverse()
  for (const scenario of scenarios) states += await tryAll(scenario, rules)
  console.log(states)
}
