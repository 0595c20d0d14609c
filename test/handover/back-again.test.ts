import './frozen-clock.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientCore } from '../../src/client/core.ts'
import { getsItem, setItem } from '../../src/hosts/item-commands.ts'
import type { Request } from '../../src/net/request.ts'
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

test('a mark of an earlier handover, left on a host that was unreachable at its end, does not end the next handover to the same servers', async (t) => {
  const fleet = await startFleet(t)
  const client = fleet.join(4)
  const { cluster } = Reflect.get(client, '_core') as ClientCore
  const ask = <Result>(request: Request<Result>): Promise<Result> => {
    const host = cluster.hosts[3] ?? cluster.handover!.from.hosts[3]!
    cluster.dispatchTo(host, request as Request)
    return request.promise
  }
  const change = async (hosts: number, phase: 'announce' | 'end'): Promise<void> => {
    fleet.forget(client)
    client.setServers(fleet.places(hosts), CHANGE)
    await reach(fleet, 'announce', client)
    if (phase === 'end') await reach(fleet, 'end', client)
  }
  await fill(client)
  const three = Reflect.get(fleet.join(3), '_core') as ClientCore
  const key = { routeKey: undefined, wireKey: three.cluster.handovers.markKey!, b: false }
  await change(3, 'announce')
  const { body } = (await ask(getsItem(key)))!
  await reach(fleet, 'end', client)
  await change(4, 'end')
  assert.equal(await ask(setItem(key, body, 80_000)), true)
  await change(3, 'announce')
  assert.equal(client.handover?.phase, 'announce')
})
