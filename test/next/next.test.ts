import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { after, before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  freePort,
  type Memcached,
  skipWithoutMemcached,
  startMemcached,
} from '../support/memcached.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../../', import.meta.url))
const NEXT = `${here}node_modules/next/dist/bin/next`
const START_TIMEOUT_MS = 60_000
const REVALIDATED_MS = 5_000

/** Ended with the tests, also one that did not come up. */
const children: ChildProcess[] = []

interface Instance {
  readonly url: string
  readonly child: ChildProcess
}

const skip = process.platform === 'linux' ? skipWithoutMemcached() : 'is installed for Linux alone'

suite('an app of Next.js in two instances', { skip }, () => {
  let server: Memcached
  let env: NodeJS.ProcessEnv
  let instances: readonly [Instance, Instance]

  before(async () => {
    server = await startMemcached()
    env = ownEnvironment(`${server.host}:${server.port}`)
    run([`${root}scripts/build.mjs`], root, env)
    run([NEXT, 'build'], here, env)
    instances = [await startInstance(env), await startInstance(env)]
  })

  after(async () => {
    for (const child of children) child.kill('SIGKILL')
    await server?.kill()
  })

  test('what one instance rendered, the other serves', async () => {
    const [first, second] = instances
    const shown = await reportOf(first, 1)
    assert.match(shown, new RegExp(`^1 made by ${first.child.pid} at`))
    assert.equal(await reportOf(first, 1), shown)
    assert.equal(await reportOf(second, 1), shown)
    assert.notEqual(await reportOf(second, 2), shown)
  })

  test('a tag that one instance revalidates ends what the other serves', async () => {
    const [first, second] = instances
    const shown = await reportOf(second, 3)
    const kept = await reportOf(second, 4)
    const response = await fetch(`${first.url}/revalidate?tag=report-3`, { method: 'POST' })
    assert.equal(await response.text(), 'done')
    // Next.js may still be at it when it has answered.
    const endMs = performance.now() + REVALIDATED_MS
    while ((await reportOf(second, 3)) === shown) assert.ok(performance.now() < endMs, shown)
    assert.equal(await reportOf(second, 4), kept)
  })

  test('without memcached the pages are rendered', async () => {
    const [first] = instances
    await server.kill()
    assert.match(await reportOf(first, 5), /^5 made by/)
  })
})

/** Nothing of ours reaches Next.js: it would take the test runner's settings for its own. */
function ownEnvironment(servers: string): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...rest } = process.env
  return {
    ...rest,
    NODE_ENV: 'production',
    NEXT_TELEMETRY_DISABLED: '1',
    MEMCACHED_SERVERS: servers,
    MINTRING_DIST: `${root}dist/esm`,
  }
}

function run(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, env })
  assert.equal(status, 0, `${args.join(' ')}\n${stdout}\n${stderr}`)
}

async function startInstance(env: NodeJS.ProcessEnv): Promise<Instance> {
  const port = await freePort()
  const args = [NEXT, 'start', '-p', String(port), '-H', '127.0.0.1']
  const child = spawn(process.execPath, args, { cwd: here, env, stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  const url = `http://127.0.0.1:${port}`
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes) => {
      said += bytes
    })
  }
  const gone = once(child, 'exit').then(() => true)
  const endMs = performance.now() + START_TIMEOUT_MS
  while (!(await isUp(url))) {
    const isGone = await Promise.race([gone, new Promise((wake) => setTimeout(wake, 100, false))])
    assert.ok(isGone !== true && performance.now() < endMs, `Next.js did not start: ${said}`)
  }
  return { url, child }
}

async function isUp(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  )
}

async function reportOf({ url }: Instance, id: number): Promise<string> {
  const response = await fetch(`${url}/?id=${id}`)
  const page = await response.text()
  assert.equal(response.status, 200, page)
  const [, shown] = /<p>([^<]*)<\/p>/.exec(page) ?? []
  assert.ok(shown !== undefined, page)
  return shown
}
