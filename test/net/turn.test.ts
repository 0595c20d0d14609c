import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turn } from '../../src/net/turn.ts'

/** Stands in for a connection: counts the requests of each write that Turn lets it make. */
class StandInLane {
  readonly writes: number[] = []
  queued = 0
  readonly #turn: Turn

  constructor(turn: Turn) {
    this.#turn = turn
  }

  send(): void {
    this.queued++
    if (this.queued === 1) this.#turn.schedule(this)
  }

  flush(): void {
    this.writes.push(this.queued)
    this.queued = 0
  }
}

const endOfTurn = (): Promise<void> => new Promise((wake) => setImmediate(() => setImmediate(wake)))
const nextTick = (): Promise<void> => new Promise((wake) => process.nextTick(wake))

/** Three callers in three callbacks of one event loop tick. */
async function threeCallers(lane: StandInLane): Promise<void> {
  for (let i = 0; i < 3; i++) setImmediate(() => lane.send())
  await endOfTurn()
}

test('a single caller writes at once, and its calls in a row share one write', async () => {
  const turn = new Turn()
  const lane = new StandInLane(turn)
  lane.send()
  lane.send()
  await nextTick()
  assert.deepEqual(lane.writes, [2])
})

test('while requests are in flight, a connection writes at the end of the event loop tick', async () => {
  const turn = new Turn()
  const lane = new StandInLane(turn)
  turn.count(1)
  lane.send()
  await nextTick()
  assert.deepEqual(lane.writes, [])
  await endOfTurn()
  assert.deepEqual(lane.writes, [1])
})

test('independent callers in one event loop tick share a write, except in the first such tick', async () => {
  const turn = new Turn()
  const lane = new StandInLane(turn)
  await threeCallers(lane)
  assert.ok(lane.writes.length > 1, `${lane.writes} at first`)
  turn.count(1)
  await threeCallers(lane)
  turn.count(-1)
  lane.writes.length = 0
  await threeCallers(lane)
  assert.deepEqual(lane.writes, [3])
})

test('after an event loop tick in which waiting saved no write, connections write at once again', async () => {
  const turn = new Turn()
  const lane = new StandInLane(turn)
  turn.count(1)
  await threeCallers(lane)
  turn.count(-1)
  lane.send()
  await nextTick()
  assert.equal(lane.queued, 1, 'waits once more')
  await endOfTurn()
  lane.send()
  await nextTick()
  assert.equal(lane.queued, 0, 'and then no more')
})
