import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { later, MarkHosts, named, type Opened } from './mark-hosts.ts'

const ONE = named('one')
const TWO = named('two')

for (const meta of [true, false]) {
  describe(`two processes that come back to a list at the same moment, meta commands: ${meta}`, () => {
    for (let reads = 1; reads <= 6; reads++) {
      test(`take part in one handover when one begins it after read ${reads} of the other`, async () => {
        const items = new MarkHosts(meta)
        await items.open(TWO, ONE)
        await later()
        await items.open(ONE, TWO)
        await later()
        let left = reads
        let other: Opened | undefined
        items.afterRead = async () => {
          if (--left !== 0) return
          items.afterRead = async () => {}
          other = await items.open(TWO, ONE)
        }
        const { mark } = await items.open(TWO, ONE)
        assert.equal(mark.departure, undefined)
        assert.equal(other?.mark.departure, undefined)
      })
    }

    test('keep the marks that each stored first, when a third one joins', async () => {
      const items = new MarkHosts(meta, 3)
      await items.open(TWO, ONE)
      await later()
      await items.open(ONE, TWO)
      const opened: Opened[] = []
      for (const hosts of [items.hosts.slice(0, 1), items.hosts.slice(1, 2), items.hosts]) {
        await later()
        opened.push(await items.open(TWO, ONE, hosts))
      }
      for (const { mark, state } of opened) {
        assert.equal(mark.departure, undefined)
        for (const [host, cas] of state!.casOf) {
          assert.equal(items.casOf(host, ONE), String(cas), host.name)
        }
      }
    })
  })
}

describe('a host that got the mark of a handover late', () => {
  for (const driftMs of [-900, -5, 5, 900]) {
    test(`does not keep the fleet from going back, when its clock shows ${driftMs} ms more`, async () => {
      const items = new MarkHosts(true, 3)
      const [stays, , leaves] = items.hosts
      const { mark, state } = await items.open(TWO, ONE, [stays!])
      await mark.reach(leaves!, state!, state!.leftMs + driftMs)
      // The mark of the new placement is deleted on a host that leaves.
      items.forget(leaves!, ONE)
      assert.equal((await items.open(ONE, TWO)).mark.departure, undefined)
    })
  }

  test('does not keep the fleet from going back when the other hosts have lost the mark', async () => {
    const items = new MarkHosts(true, 2)
    const [stays, leaves] = items.hosts
    const { mark, state } = await items.open(TWO, ONE, [stays!])
    await mark.reach(leaves!, state!, state!.leftMs)
    for (const host of items.hosts) items.forget(host, ONE)
    assert.equal((await items.open(ONE, TWO)).mark.departure, undefined)
  })
})
