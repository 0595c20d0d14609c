import './frozen-clock.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CHANGE, fill, reach, startFleet } from './frozen-fleet.ts'

test('a placement that the fleet comes back to is handed over again, also by a host that left', async (t) => {
  const fleet = await startFleet(t)
  const client = fleet.join(4)
  await fill(client)
  const four = fleet.places(4)
  const three = fleet.places(3)
  const reweighted = [`${three[0]}:2`, ...three.slice(1)]
  for (const list of [three, reweighted, four, three]) {
    client.setServers(list, CHANGE)
    await reach(fleet, 'announce', client)
    assert.equal(client.handover?.phase, 'announce', list.join())
    await reach(fleet, 'end', client)
    fleet.forget(client)
  }
})
