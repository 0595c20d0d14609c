import assert from 'node:assert/strict'
import process from 'node:process'
import { after, before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { type CacheServer, serverKinds } from '../support/server-kinds.ts'
import { buildApp, endInstances, type Instance, startTwo } from './instance.ts'
import { Reports, revalidate } from './reports.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const reports = new Reports((id) => `/?id=${id}`)

const skip = process.platform === 'linux' ? skipWithoutMemcached() : 'is installed for Linux alone'

suite("an app with Next.js's `use cache`", { skip }, () => {
  before(() => buildApp(here))

  suite('in two instances without mintring', () => {
    let instances: readonly [Instance, Instance]
    before(async () => {
      instances = await startTwo({ folder: here, servers: [] })
    })
    after(endInstances)

    test('shares no page: each instance renders its own', async () => {
      for (const instance of instances) {
        const shown = await reports.of(instance, 1)
        assert.match(shown, new RegExp(`^1 made by ${instance.child.pid} at`))
        await reports.same(instance, 1, shown)
      }
    })

    test('revalidates a tag only in the instance that is told', async () => {
      const [first, second] = instances
      const shown = await reports.of(first, 3)
      const kept = await reports.of(second, 3)
      await revalidate(first, 'tag=report-3')
      await reports.changed(first, 3, shown)
      assert.equal(await reports.of(second, 3), kept)
    })
  })

  for (const [kind, start] of Object.entries(serverKinds)) {
    suite(`in two instances with mintring on two servers: ${kind}`, () => {
      let servers: readonly CacheServer[] = []
      let instances: readonly [Instance, Instance]
      before(async () => {
        servers = [await start(), await start()]
        instances = await startTwo({ folder: here, servers })
      })
      after(async () => {
        await endInstances()
        await Promise.all(servers.map((server) => server.kill()))
      })

      test('shares rendered pages: one instance renders, the other serves', async () => {
        const [first, second] = instances
        const shown = await reports.of(first, 1)
        assert.match(shown, new RegExp(`^1 made by ${first.child.pid} at`))
        assert.equal(await reports.of(first, 1), shown)
        assert.equal(await reports.of(second, 1), shown)
        assert.notEqual(await reports.of(second, 2), shown)
      })

      test('revalidates a tag in both instances when one does', async () => {
        const [first, second] = instances
        const shown = await reports.of(second, 3)
        const kept = await reports.of(second, 4)
        await revalidate(first, 'tag=report-3')
        await reports.changed(second, 3, shown)
        assert.equal(await reports.of(second, 4), kept)
      })

      test('shares pages again after one server was killed', async () => {
        const [first, second] = instances
        await servers[0]!.kill()
        for (let id = 20; id < 32; id++) await reports.agreed(first, second, id)
      })

      test('renders its pages when all servers are dead', async () => {
        await servers[1]!.kill()
        for (const instance of instances) assert.match(await reports.of(instance, 5), /^5 made by/)
      })
    })
  }
})
