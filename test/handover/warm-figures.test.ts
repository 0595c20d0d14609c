import './frozen-clock.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metrics } from '../../src/integrations/metrics.ts'
import { TTL } from './fleet.ts'
import { CHANGE, reach, startFleet } from './frozen-fleet.ts'

const NAMES = Array.from({ length: 300 }, (_, i) => `plain:${i}`)

/** The values of a metric in a scrape, without zeros. */
function seriesOf(text: string, metric: string): string[] {
  return text.split('\n').filter((line) => line.startsWith(`${metric}{`) && !line.endsWith(' 0'))
}

test('warmFromPrevious is counted as one operation with the number of moved keys, by metrics and servers', async (context) => {
  const fleet = await startFleet(context)
  const client = fleet.join(3)
  for (const name of NAMES) await client.set(name, 'value', TTL)
  const homes = NAMES.map((name) => client.locate(name).server)
  client.setServers(fleet.places(4), CHANGE)
  const moving = NAMES.filter((name, i) => client.locate(name).server !== homes[i])
  await reach(fleet, 'move', client)
  const metrics = new Metrics([client])
  context.after(() => metrics.close())
  const { moved, copied, failed } = await client.warmFromPrevious()
  assert.deepEqual([moved, copied, failed], [moving.length, moving.length, 0])
  assert.equal(client.handover?.copied, moving.length)
  const text = metrics.text()
  assert.deepEqual(
    ['mintring_batches_total', 'mintring_batch_keys_total', 'mintring_batch_hits_total'].flatMap(
      (metric) => seriesOf(text, metric),
    ),
    [
      'mintring_batches_total{command="warm",outcome="ok"} 1',
      `mintring_batch_keys_total{command="warm"} ${moving.length}`,
      `mintring_batch_hits_total{command="warm"} ${moving.length}`,
    ],
  )
  const found = new Set<string>()
  for await (const { key } of client.metadump({ host: fleet.places(4)[3]! })) found.add(key)
  assert.deepEqual(
    moving.filter((name) => !found.has(name)),
    [],
  )
})
