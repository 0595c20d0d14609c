import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { MarkAsk } from '../../src/hosts/each.ts'
import { HandoverMark } from '../../src/hosts/handover-mark.ts'
import type { Host } from '../../src/hosts/host.ts'
import type { NamedPlacement } from '../../src/hosts/mark.ts'

const TIMES = { announceMs: 60_000, handoverMs: 60_000 }
const named = (text: string): NamedPlacement => {
  return { text, record: { servers: [], ring: { distribution: 'ketama' } } as never }
}
const ONE = named('one')
const TWO = named('two')

/** A host with its items. `afterRead` is called after each read. */
class Items {
  readonly #items = new Map<string, { readonly body: Buffer; readonly cas: string }>()
  readonly host: Host
  #cas = 0
  afterRead = async (): Promise<void> => {}

  constructor(meta: boolean) {
    this.host = { name: 'host', abilities: { meta, cas: true } } as unknown as Host
  }

  readonly ask = (async (_, { verb, wireKey, body, args }) => {
    const item = this.#items.get(wireKey)
    if (verb.effect === 'read') {
      await this.afterRead()
      return item && { ...item, ttlSeconds: undefined }
    }
    const { cas } = args as { readonly cas?: string }
    const isDeleted = verb.effect === 'remove' || verb.name === 'cas'
    if (cas !== undefined && cas !== item?.cas) return false
    if (isDeleted) return this.#items.delete(wireKey)
    if (verb.name === 'add' && item !== undefined) return false
    this.#items.set(wireKey, { body: body as Buffer, cas: String(++this.#cas) })
    return true
  }) as MarkAsk

  async open(from: NamedPlacement, to: NamedPlacement): Promise<HandoverMark> {
    const mark = new HandoverMark(from, to, { isBystander: false }, this.ask)
    const state = await mark.open([this.host], TIMES, 10_000, () => false)
    assert.equal(state === undefined, mark.departure !== undefined)
    return mark
  }
}

for (const meta of [true, false]) {
  describe(`two processes that come back to a list at the same moment, meta commands: ${meta}`, () => {
    for (let reads = 1; reads <= 6; reads++) {
      test(`take part in one handover when one begins it after read ${reads} of the other`, async () => {
        const items = new Items(meta)
        await items.open(TWO, ONE)
        await new Promise((wake) => setTimeout(wake, 2))
        await items.open(ONE, TWO)
        await new Promise((wake) => setTimeout(wake, 2))
        let left = reads
        let other: HandoverMark | undefined
        items.afterRead = async () => {
          if (--left !== 0) return
          items.afterRead = async () => {}
          other = await items.open(TWO, ONE)
        }
        const mark = await items.open(TWO, ONE)
        assert.equal(mark.departure, undefined)
        assert.equal(other?.departure, undefined)
      })
    }
  })
}
