import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { MarkAsk } from '../../src/hosts/each.ts'
import type { Host } from '../../src/hosts/host.ts'
import { Participants } from '../../src/hosts/participants.ts'

const HOSTS = ['one', 'other'].map((name) => ({ name }) as Host)
const ID = 'the-change'
const WITHIN_MS = 10_000
const LEFT_MS = 60_000

interface Item {
  readonly body: Buffer
  readonly cas: string
  readonly seconds: number
}

const items = new Map<string, Item>()
let isReached = true
let casIds = 0

const ask = (async (host, { verb, wireKey, body, args }) => {
  if (!isReached) throw new Error('not reached')
  const key = host.name + wireKey
  const item = items.get(key)
  if (verb.effect === 'read') return item
  const { cas, seconds = 0 } = args as { readonly cas?: string; readonly seconds?: number }
  const isRefused =
    verb.name === 'add' ? item !== undefined : cas !== undefined && cas !== item?.cas
  if (isRefused) return false
  items.set(key, { body: body as Buffer, seconds, cas: String(++casIds) })
  return true
}) as MarkAsk

const process = new Participants(ask)
const close = () => process.close(HOSTS, ID, WITHIN_MS, true)
const ending = () => process.endingOf(HOSTS, ID, WITHIN_MS)

describe('the decision to go back to the previous servers', () => {
  beforeEach(() => {
    items.clear()
    isReached = true
  })

  test('is found by all', async () => {
    const closed = (await close())!
    assert.equal(await ending(), 'closing')
    await process.reverse(closed, ID, LEFT_MS, WITHIN_MS)
    assert.equal(await ending(), 'reversed')
  })

  test('is not recorded by a process that was slow, when others may have moved values', async () => {
    const closed = (await close())!
    items.clear()
    await process.reverse(closed, ID, LEFT_MS, WITHIN_MS)
    assert.equal(await ending(), undefined)
    await close()
    await process.reverse(closed, ID, LEFT_MS, WITHIN_MS)
    assert.equal(await ending(), 'closing')
  })

  test('lives as long as before when another process would decide the same', async () => {
    await process.reverse((await close())!, ID, LEFT_MS, WITHIN_MS)
    assert.equal(await close(), undefined)
    for (const { seconds } of items.values()) assert.ok(seconds * 1_000 >= LEFT_MS)
    assert.equal(await ending(), 'reversed')
  })

  test('is unknown to a process that reaches no host', async () => {
    isReached = false
    assert.equal(await ending(), 'unknown')
  })
})
