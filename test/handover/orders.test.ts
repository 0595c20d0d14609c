import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { states } from './states.ts'

describe('three processes and one key that moves, in every order of single commands', () => {
  test('lose no increment of a counter when all are in the same phase', async () => {
    assert.ok((await states('counters')) > 100)
  })

  test('lose a counter when a copy is tried only once, which is a planted mistake', async () => {
    await assert.rejects(states('one try'), /the counter is lost/)
  })

  test('read no old item of a host that is being cleared', async () => {
    assert.ok((await states('clearing')) > 100)
  })

  test('read an old item if a dump may omit items in use, as that of the LRU lists does', async () => {
    await assert.rejects(states('clearing by LRU lists'), /the old item is/)
  })

  for (const mistake of [
    'reversed order',
    'unguarded copy',
    'new home only',
    'no announce',
    'no settle',
    'phase by process start',
    'no clearing',
  ]) {
    test(`return an old value with the planted mistake: ${mistake}`, async () => {
      await assert.rejects(states(mistake), /is fresh for/)
    })
  }
})

describe('a change that is taken back while it is announced, in every order', () => {
  test('leaves no process that moves values while another uses the previous servers', async () => {
    const tried = await states('taken back')
    assert.ok(tried > 10_000, `${tried} states`)
  })

  for (const mistake of [
    'taken back late',
    'not asked again',
    'decision not recorded',
    'decision recorded late',
  ]) {
    test(`returns an old value with the planted mistake: ${mistake}`, async () => {
      await assert.rejects(states(mistake), /is fresh for previous, move/)
    })
  }
})
