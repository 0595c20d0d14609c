import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { after, before, suite, test } from 'node:test'
import {
  buildApp,
  endInstances,
  type Instance,
  ownEnvironment,
  startInstance,
} from '../next/instance.ts'
import { type Memcached, skipWithoutMemcached, startMemcached } from '../support/memcached.ts'

const skip = process.platform === 'linux' ? skipWithoutMemcached() : 'is installed for Linux alone'
const CHANGED_MS = 10_000

/** Starts the app of a folder twice on two memcacheds. `nextRoot` is the folder of its packages. */
export function isrSuite(name: string, folder: string, nextRoot: string): void {
  suite(name, { skip }, () => {
    let servers: readonly Memcached[]
    let origin: http.Server
    let instances: readonly [Instance, Instance]
    let asked = 0

    before(async () => {
      servers = [await startMemcached(), await startMemcached()]
      origin = http.createServer((_, response) => response.end(`data ${++asked}`))
      origin.listen(0, '127.0.0.1')
      await once(origin, 'listening')
      const env = {
        ...ownEnvironment(servers.map(({ host, port }) => `${host}:${port}`).join(',')),
        ORIGIN: `http://127.0.0.1:${(origin.address() as AddressInfo).port}`,
        NEXT_ROOT: nextRoot,
      }
      buildApp(folder, env)
      instances = [await startInstance(folder, env), await startInstance(folder, env)]
    })

    after(async () => {
      endInstances()
      origin?.close()
      await Promise.all((servers ?? []).map((server) => server.kill()))
    })

    test('a page that one instance rendered is served by the other', async () => {
      const [first, second] = instances
      const shown = await settled(first, 1)
      assert.match(shown, new RegExp(`rendered by ${first.child.pid} at`))
      await same(second, 1, shown)
      assert.notEqual(await reportOf(second, 2), shown)
    })

    test('a tag that one instance revalidates drops the page and its data in the other', async () => {
      const [first, second] = instances
      const shown = await settled(second, 3)
      const kept = await settled(second, 4)
      await revalidate(first, 'tag=report-3')
      const changed = await changedFrom(second, 3, shown)
      assert.notEqual(dataOf(changed), dataOf(shown))
      assert.equal(await reportOf(second, 4), kept)
    })

    test('a path that one instance revalidates drops the page in the other', async () => {
      const [first, second] = instances
      const shown = await settled(second, 5)
      const kept = await settled(second, 6)
      await revalidate(first, 'path=/report/5')
      await changedFrom(second, 5, shown)
      assert.equal(await reportOf(second, 6), kept)
    })

    test('a response larger than an item of memcached may be is shared too', async () => {
      const [first, second] = instances
      const large = async ({ url }: Instance) => (await fetch(`${url}/large/1`)).text()
      const shown = await large(first)
      assert.ok(shown.length > 2_900_000)
      const endMs = performance.now() + CHANGED_MS
      let other = await large(second)
      while (other !== shown && performance.now() < endMs) other = await large(second)
      assert.equal(other.slice(-60), (await large(first)).slice(-60))
    })

    test('when one memcached dies pages are rendered, and then shared again', async () => {
      const [first, second] = instances
      await servers[0]!.kill()
      const ids = Array.from({ length: 12 }, (_, i) => 20 + i)
      for (const id of ids) await agreed(first, second, id)
    })

    test('when all memcacheds are dead pages are rendered', async () => {
      await servers[1]!.kill()
      for (const instance of instances) assert.match(await reportOf(instance, 50), /^data/)
    })
  })
}

function dataOf(shown: string): string | undefined {
  return /^data \d+/.exec(shown)?.[0]
}

async function revalidate({ url }: Instance, query: string): Promise<void> {
  const response = await fetch(`${url}/revalidate?${query}`, { method: 'POST' })
  assert.equal(await response.text(), 'done')
}

/** Waits for the stored items: Next.js may still be writing when it has responded. */
async function settled(instance: Instance, id: number): Promise<string> {
  const endMs = performance.now() + CHANGED_MS
  let before = await reportOf(instance, id)
  for (;;) {
    const now = await reportOf(instance, id)
    if (now === before) return now
    assert.ok(performance.now() < endMs, `${id} is never stored: ${instance.said().slice(-2000)}`)
    before = now
  }
}

async function same(instance: Instance, id: number, shown: string): Promise<void> {
  const endMs = performance.now() + CHANGED_MS
  while ((await reportOf(instance, id)) !== shown) {
    assert.ok(performance.now() < endMs, `${id} was never shared: ${instance.said().slice(-2000)}`)
  }
}

/** Each instance may render once more before it knows that the host is down. */
async function agreed(first: Instance, second: Instance, id: number): Promise<void> {
  const endMs = performance.now() + CHANGED_MS
  while ((await reportOf(first, id)) !== (await reportOf(second, id))) {
    assert.ok(performance.now() < endMs, `${id} is not shared: ${second.said().slice(-2000)}`)
  }
}

async function changedFrom(instance: Instance, id: number, shown: string): Promise<string> {
  const endMs = performance.now() + CHANGED_MS
  for (;;) {
    const now = await reportOf(instance, id)
    if (now !== shown) return now
    assert.ok(performance.now() < endMs, `${id} never changed: ${instance.said().slice(-2000)}`)
  }
}

async function reportOf({ url }: Instance, id: number): Promise<string> {
  const response = await fetch(`${url}/report/${id}`)
  const page = await response.text()
  assert.equal(response.status, 200, page)
  const [, shown] = /<p>([^<]*)<\/p>/.exec(page) ?? []
  assert.ok(shown !== undefined, page)
  return shown
}
