import assert from 'node:assert/strict'
import process from 'node:process'
import { after, before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Memcached, skipWithoutMemcached, startMemcached } from '../support/memcached.ts'
import { buildApp, endInstances, type Instance, ownEnvironment, startInstance } from './instance.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const REVALIDATED_MS = 5_000

const skip = process.platform === 'linux' ? skipWithoutMemcached() : 'is installed for Linux alone'

suite('a Next.js app in two instances', { skip }, () => {
  let server: Memcached
  let env: NodeJS.ProcessEnv
  let instances: readonly [Instance, Instance]

  before(async () => {
    server = await startMemcached()
    env = ownEnvironment(`${server.host}:${server.port}`)
    buildApp(here, env)
    instances = [await startInstance(here, env), await startInstance(here, env)]
  })

  after(async () => {
    endInstances()
    await server?.kill()
  })

  test('shares rendered pages: one instance renders, the other serves', async () => {
    const [first, second] = instances
    const shown = await reportOf(first, 1)
    assert.match(shown, new RegExp(`^1 made by ${first.child.pid} at`))
    assert.equal(await reportOf(first, 1), shown)
    assert.equal(await reportOf(second, 1), shown)
    assert.notEqual(await reportOf(second, 2), shown)
  })

  test('revalidates a tag in both instances when one does', async () => {
    const [first, second] = instances
    const shown = await reportOf(second, 3)
    const kept = await reportOf(second, 4)
    const response = await fetch(`${first.url}/revalidate?tag=report-3`, { method: 'POST' })
    assert.equal(await response.text(), 'done')
    // Next.js may still be revalidating when it has responded.
    const endMs = performance.now() + REVALIDATED_MS
    while ((await reportOf(second, 3)) === shown) assert.ok(performance.now() < endMs, shown)
    assert.equal(await reportOf(second, 4), kept)
  })

  test('renders its pages when memcached is down', async () => {
    const [first] = instances
    await server.kill()
    assert.match(await reportOf(first, 5), /^5 made by/)
  })
})

async function reportOf({ url }: Instance, id: number): Promise<string> {
  const response = await fetch(`${url}/?id=${id}`)
  const page = await response.text()
  assert.equal(response.status, 200, page)
  const [, shown] = /<p>([^<]*)<\/p>/.exec(page) ?? []
  assert.ok(shown !== undefined, page)
  return shown
}
