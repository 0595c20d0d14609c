import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { after, before, suite, test } from 'node:test'
import {
  type App,
  buildApp,
  endInstances,
  type Instance,
  startInstance,
  startTwo,
} from '../next/instance.ts'
import { Reports, revalidate } from '../next/reports.ts'
import { skipWithoutMemcached, startMemcached } from '../support/memcached.ts'
import { type CacheServer, serverKinds } from '../support/server-kinds.ts'

const skip = process.platform === 'linux' ? skipWithoutMemcached() : 'is installed for Linux alone'
const STORED_MS = 10_000

const reports = new Reports((id) => `/report/${id}`)
const dataOf = (shown: string): string | undefined => /^data \d+/.exec(shown)?.[0]

/** Builds the app of a folder, and tests it. `nextRoot` is the folder of its packages. */
export function isrSuite(name: string, folder: string, nextRoot: string): void {
  suite(name, { skip }, () => {
    let origin: http.Server
    let env: NodeJS.ProcessEnv
    before(async () => {
      let asked = 0
      origin = http.createServer((_, response) => response.end(`data ${++asked}`))
      origin.listen(0, '127.0.0.1')
      await once(origin, 'listening')
      const { port } = origin.address() as AddressInfo
      env = { ORIGIN: `http://127.0.0.1:${port}`, NEXT_ROOT: nextRoot }
      buildApp(folder, env)
    })
    after(() => origin?.close())

    const appOn = (servers: readonly CacheServer[], more: NodeJS.ProcessEnv = {}): App => {
      return { folder, servers, env: { ...env, ...more } }
    }
    suite('in two instances without mintring', () => withoutMintring(appOn))
    for (const [kind, start] of Object.entries(serverKinds)) {
      suite(`in two instances with mintring on two servers: ${kind}`, () =>
        withMintring(appOn, start))
    }
    suite('with mintring', () => refusingLargeValues(appOn))
  })
}

type Two = readonly [Instance, Instance]
type AppOn = (servers: readonly CacheServer[], more?: NodeJS.ProcessEnv) => App

function withoutMintring(appOn: AppOn): void {
  let instances: Two
  before(async () => {
    instances = await startTwo(appOn([]))
  })
  after(endInstances)

  test('shares no page: each instance renders its own', async () => {
    for (const instance of instances) {
      const shown = await reports.settled(instance, 1)
      assert.match(shown, new RegExp(`rendered by ${instance.child.pid} at`))
    }
  })

  for (const query of ['tag=report-3', 'path=/report/3']) {
    test(`revalidates ${query} only in the instance that is told`, async () => {
      const [first, second] = instances
      const shown = await reports.settled(first, 3)
      const kept = await reports.settled(second, 3)
      await revalidate(first, query)
      await reports.changed(first, 3, shown)
      assert.equal(await reports.of(second, 3), kept)
    })
  }
}

function withMintring(appOn: AppOn, start: () => Promise<CacheServer>): void {
  let servers: readonly CacheServer[] = []
  let instances: Two
  before(async () => {
    servers = [await start(), await start()]
    instances = await startTwo(appOn(servers, { LARGE_VALUES: 'split' }))
  })
  after(async () => {
    await endInstances()
    await Promise.all(servers.map((server) => server.kill()))
  })

  test('a page that one instance rendered is served by the other', async () => {
    const [first, second] = instances
    const shown = await reports.settled(first, 1)
    assert.match(shown, new RegExp(`rendered by ${first.child.pid} at`))
    await reports.same(second, 1, shown)
    assert.notEqual(await reports.of(second, 2), shown)
  })

  test('a tag that one instance revalidates drops the page and its data in the other', async () => {
    const [first, second] = instances
    const shown = await reports.settled(second, 3)
    const kept = await reports.settled(second, 4)
    await revalidate(first, 'tag=report-3')
    const changed = await reports.changed(second, 3, shown)
    assert.notEqual(dataOf(changed), dataOf(shown))
    assert.equal(await reports.of(second, 4), kept)
  })

  test('a path that one instance revalidates drops the page in the other', async () => {
    const [first, second] = instances
    const shown = await reports.settled(second, 5)
    const kept = await reports.settled(second, 6)
    await revalidate(first, 'path=/report/5')
    await reports.changed(second, 5, shown)
    assert.equal(await reports.of(second, 6), kept)
  })

  test('a response larger than an item of memcached may be is shared if values are split', async () => {
    const [first, second] = instances
    const shown = await largeOf(first)
    assert.ok(shown.length > 2_900_000)
    const endMs = performance.now() + STORED_MS
    let other = await largeOf(second)
    while (other !== shown && performance.now() < endMs) other = await largeOf(second)
    assert.equal(other.slice(-60), (await largeOf(first)).slice(-60))
  })

  test('when one server dies pages are rendered, and then shared again', async () => {
    const [first, second] = instances
    await servers[0]!.kill()
    for (let id = 20; id < 32; id++) await reports.agreed(first, second, id)
  })

  test('when all servers are dead pages are rendered', async () => {
    await servers[1]!.kill()
    for (const instance of instances) assert.match(await reports.of(instance, 50), /^data/)
  })
}

function refusingLargeValues(appOn: AppOn): void {
  let server: CacheServer | undefined
  after(async () => {
    await endInstances()
    await server?.kill()
  })

  test('a response larger than an item of memcached may be is served but not stored, and Next.js logs why', async () => {
    server = await startMemcached()
    const instance = await startInstance(appOn([server], { LARGE_VALUES: 'reject' }))
    assert.match((await largeOf(instance)).slice(-60), / by \d+ at /)
    const endMs = performance.now() + STORED_MS
    while (!instance.said().includes('MINTRING_TOO_LARGE')) {
      assert.ok(performance.now() < endMs, instance.said())
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })
}

async function largeOf({ url }: Instance): Promise<string> {
  return (await fetch(`${url}/large/1`)).text()
}
