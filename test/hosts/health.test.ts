import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  HEALTHY,
  type Health,
  type HealthEvent,
  type HealthRules,
  isOut,
  nextHealth,
} from '../../src/hosts/health.ts'

const rules: HealthRules = {
  autoEjectHosts: true,
  serverFailureLimit: 2,
  retryTimeoutMs: 1_000,
  deadTimeoutMs: 30_000,
  requestTimeoutMs: 500,
}

/** Runs `[event, nowMs]` pairs through the state machine. */
function run(
  steps: readonly (readonly [HealthEvent, number])[],
  with_ = rules,
  from = HEALTHY,
): Health {
  return steps.reduce((health, [event, nowMs]) => nextHealth(health, event, nowMs, with_, 0), from)
}

test('one failure makes a host suspect, and a reply clears it', () => {
  const suspect = run([['failed', 5_000]])
  assert.equal(suspect.name, 'suspect')
  assert.equal(suspect.failures, 1)
  assert.equal(nextHealth(suspect, 'answered', 5_001, rules, 0), HEALTHY)
})

test('failures within 100 ms of the first are one incident', () => {
  const ten = Array.from({ length: 10 }, (_, i) => ['failed', 5_000 + i * 9] as const)
  const health = run(ten)
  assert.equal(health.failures, 1)
  assert.equal(health.name, 'suspect')
  assert.equal(run([['failed', 5_100]], rules, health).name, 'ejected')
})

test('a reply between failures means that they are not consecutive', () => {
  const health = run([
    ['failed', 1_000],
    ['answered', 1_200],
    ['failed', 1_400],
    ['answered', 1_600],
    ['failed', 1_800],
  ])
  assert.equal(health.name, 'suspect')
  assert.equal(health.failures, 1)
})

test('failures further apart than the window are not consecutive', () => {
  assert.equal(
    run([
      ['failed', 0],
      ['failed', 10_001],
    ]).failures,
    1,
  )
  assert.equal(
    run([
      ['failed', 0],
      ['failed', 9_999],
    ]).name,
    'ejected',
  )
})

test('serverFailureLimit incidents eject a host, and with 1 the first one does', () => {
  assert.equal(run([['failed', 0]], { ...rules, serverFailureLimit: 1 }).name, 'ejected')
  const four = [0, 200, 400, 600].map((nowMs) => ['dialFailed', nowMs] as const)
  assert.equal(run(four, { ...rules, serverFailureLimit: 5 }).name, 'suspect')
  assert.equal(
    run([...four, ['dialFailed', 800]], { ...rules, serverFailureLimit: 5 }).name,
    'ejected',
  )
})

test('autoEjectHosts: false never ejects a host', () => {
  const many = Array.from({ length: 50 }, (_, i) => ['dialFailed', i * 500] as const)
  const health = run(many, { ...rules, autoEjectHosts: false })
  assert.equal(health.name, 'suspect')
  assert.equal(isOut(health), false)
})

test('the pause between dials doubles from 100 ms to retryTimeoutMs, until a connection opens', () => {
  const never = { ...rules, autoEjectHosts: false }
  let health = HEALTHY
  const pauses: number[] = []
  for (let nowMs = 0; pauses.length < 6; nowMs = health.nextDialMs) {
    health = nextHealth(health, 'dialFailed', nowMs, never, 0)
    pauses.push(health.nextDialMs - nowMs)
  }
  assert.deepEqual(pauses, [100, 200, 400, 800, 1_000, 1_000])
  assert.equal(nextHealth(health, 'opened', 9_000, never, 0).dialFailures, 0)
})

test('a connection that opens does not clear failures: only a reply to a user command does', () => {
  assert.equal(
    run([
      ['failed', 0],
      ['opened', 5],
      ['failed', 200],
    ]).name,
    'ejected',
  )
})

test('a host that left the list is probed again after a failed probe', () => {
  const probing = run([
    ['abandoned', 1_000],
    ['probeStarted', 2_000],
  ])
  const ejected = nextHealth(probing, 'abandoned', 2_200, rules, 0)
  assert.equal(ejected.name, 'ejected')
  assert.equal(ejected.nextProbeMs, 3_200)
})

test('an ejected host returns through the states probing and returning to up', () => {
  const ejected = run([
    ['failed', 0],
    ['failed', 200],
  ])
  assert.equal(ejected.nextProbeMs, 1_200)
  const probing = nextHealth(ejected, 'probeStarted', 1_200, rules, 0)
  assert.equal(probing.name, 'probing')
  assert.equal(probing.nextProbeMs, Number.POSITIVE_INFINITY)
  const returning = nextHealth(probing, 'opened', 1_210, rules, 0)
  assert.equal(returning.name, 'returning')
  assert.ok(isOut(returning))
  const up = nextHealth(returning, 'returned', 1_220, rules, 0)
  assert.deepEqual(up, { ...HEALTHY, returnedMs: 1_220 })
})

test('a failed probe, and a failure while returning, eject again and keep the time of ejection', () => {
  const ejected = run([
    ['failed', 0],
    ['failed', 200],
  ])
  const again = run(
    [
      ['probeStarted', 1_200],
      ['dialFailed', 1_700],
    ],
    rules,
    ejected,
  )
  assert.equal(again.name, 'ejected')
  assert.equal(again.ejectedMs, 200)
  assert.equal(again.nextProbeMs, 2_700)
  const late = run(
    [
      ['probeStarted', 2_700],
      ['opened', 2_701],
      ['failed', 2_800],
    ],
    rules,
    again,
  )
  assert.equal(late.name, 'ejected')
  assert.equal(late.ejectedMs, 200)
})

test('only a probe changes the state of an ejected host', () => {
  const ejected = run([
    ['failed', 0],
    ['failed', 200],
  ])
  for (const event of ['answered', 'failed', 'dialFailed', 'opened', 'returned'] as const) {
    assert.equal(nextHealth(ejected, event, 300, rules, 0), ejected)
  }
})

test('probes come after a tenth of the outage, from retryTimeoutMs up to deadTimeoutMs', () => {
  const ejected = run([
    ['failed', 0],
    ['failed', 200],
  ])
  const pauseAfter = (outMs: number): number => {
    const nowMs = ejected.ejectedMs + outMs
    const failed = run(
      [
        ['probeStarted', nowMs],
        ['dialFailed', nowMs],
      ],
      rules,
      ejected,
    )
    return failed.nextProbeMs - nowMs
  }
  assert.equal(pauseAfter(2_000), 1_000)
  assert.equal(pauseAfter(60_000), 6_000)
  assert.equal(pauseAfter(3_600_000), 30_000)
})

test('jitter lengthens the pause before a dial by up to a tenth, and never shortens it', () => {
  const pauseOf = (random: number): number => {
    const refused = nextHealth(HEALTHY, 'dialFailed', 0, rules, random)
    return nextHealth(refused, 'dialFailed', 50, rules, random).nextDialMs - 50
  }
  assert.equal(pauseOf(0), 200)
  assert.equal(Math.round(pauseOf(0.5)), 210)
  assert.ok(pauseOf(0.999) < 220)
})

test('jitter lengthens the pause before a probe by up to a tenth, and never shortens it', () => {
  const eject = (random: number): number => {
    const suspect = nextHealth(HEALTHY, 'failed', 0, rules, random)
    return nextHealth(suspect, 'failed', 200, rules, random).nextProbeMs - 200
  }
  assert.equal(eject(0), 1_000)
  assert.equal(Math.round(eject(0.5)), 1_050)
  assert.ok(eject(0.999) < 1_100)
})

test('a health object is never changed in place', () => {
  const suspect = Object.freeze(run([['dialFailed', 0]]))
  const copy = { ...suspect }
  nextHealth(suspect, 'dialFailed', 500, rules, 0)
  assert.deepEqual({ ...suspect }, copy)
})

/** Returns the health of a host after a return, and another ejection `afterMs` later. */
function relapse(health: Health, nowMs: number, afterMs: number): Health {
  return run(
    [
      ['probeStarted', nowMs],
      ['opened', nowMs],
      ['returned', nowMs],
      ['failed', nowMs + afterMs - 200],
      ['answered', nowMs + afterMs - 150],
      ['failed', nowMs + afterMs - 120],
      ['failed', nowMs + afterMs],
    ],
    rules,
    health,
  )
}

test('a host ejected again soon after its return stays out twice as long each time', () => {
  let health = run([
    ['failed', 0],
    ['failed', 200],
  ])
  const pauses = [health.nextProbeMs - health.ejectedMs]
  for (let i = 0; i < 6; i++) {
    health = relapse(health, health.nextProbeMs, 1_000)
    assert.equal(health.name, 'ejected')
    pauses.push(health.nextProbeMs - health.ejectedMs)
  }
  assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
})

test('a host that was up for a calm period is ejected for retryTimeoutMs again', () => {
  let health = run([
    ['failed', 0],
    ['failed', 200],
  ])
  health = relapse(health, health.nextProbeMs, 1_000)
  const calm = relapse(health, health.nextProbeMs, 10_001)
  assert.equal(calm.nextProbeMs - calm.ejectedMs, 1_000)
})

test('with a requestTimeoutMs below 100 ms, each timeout of a silent host is an incident of its own', () => {
  const short = { ...rules, requestTimeoutMs: 60 }
  const silent = run(
    [
      ['failed', 60],
      ['failed', 120],
    ],
    short,
  )
  assert.equal(silent.name, 'ejected')
})
