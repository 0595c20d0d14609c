import assert from 'node:assert/strict'
import { type ChildProcess, type SpawnSyncOptions, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { freePort } from '../support/memcached.ts'
import type { CacheServer } from '../support/server-kinds.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const START_TIMEOUT_MS = 60_000

/** All processes to stop after the tests, also those whose start failed. */
const children: ChildProcess[] = []
/** The copies of builds that instances serve. */
const copies: string[] = []

/** A running app. */
export interface Instance {
  readonly url: string
  readonly child: ChildProcess
  /** Returns what the process has written so far. */
  said(): string
}

/** What instances serve. Without servers they run without mintring. */
export interface App {
  readonly folder: string
  readonly servers: readonly CacheServer[]
  /** More variables of the environment. */
  readonly env?: NodeJS.ProcessEnv
}

/** Builds the package, and the app of a folder with the variables `more`. */
export function buildApp(folder: string, more: NodeJS.ProcessEnv = {}): void {
  const env = ownEnvironment([], more)
  buildPackage()
  run(process.execPath, [nextOf(folder), 'build'], { cwd: folder, env })
}

/** Builds the package, unless another test file has. */
export function buildPackage(): void {
  const locks = `${root}node_modules/.cache`
  mkdirSync(locks, { recursive: true })
  const build = [process.execPath, `${root}test/next/build-once.mjs`]
  run('flock', [`${locks}/next-tests.lock`, ...build], { cwd: root })
}

/** Serves the app of a folder in two instances until endInstances(). */
export function startTwo(app: App): Promise<[Instance, Instance]> {
  return Promise.all([startInstance(app), startInstance(app)])
}

/** Stops all started instances, and removes their copies of the build. */
export async function endInstances(): Promise<void> {
  await Promise.all(children.splice(0).map(ended))
  for (const copy of copies.splice(0)) rmSync(copy, { recursive: true, force: true })
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** The Next.js installation that a folder uses. */
function nextOf(folder: string): string {
  const own = join(folder, 'node_modules/next/dist/bin/next')
  return existsSync(own) ? own : join(dirname(folder), 'node_modules/next/dist/bin/next')
}

/** Leaves out our variables: Next.js would use the test runner's settings as its own. */
function ownEnvironment(
  servers: readonly CacheServer[],
  more: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...rest } = process.env
  return {
    ...rest,
    NODE_ENV: 'production',
    NEXT_TELEMETRY_DISABLED: '1',
    MEMCACHED_SERVERS: servers.map(({ host, port }) => `${host}:${port}`).join(','),
    MINTRING_DIST: `${root}dist/esm`,
    ...more,
  }
}

function run(program: string, args: readonly string[], options: SpawnSyncOptions): void {
  const { status, stdout, stderr } = spawnSync(program, args, options)
  assert.equal(status, 0, `${args.join(' ')}\n${stdout}\n${stderr}`)
}

/**
 * Serves an app until endInstances(), from its own copy of the build, as on a machine of its own:
 * Next.js itself shares pages through the files of a build.
 */
export async function startInstance({ folder, servers, env }: App): Promise<Instance> {
  const port = await freePort()
  const distDir = `.next-${port}`
  copies.push(join(folder, distDir))
  cpSync(join(folder, '.next'), join(folder, distDir), { recursive: true })
  const args = [nextOf(folder), 'start', '-p', String(port), '-H', '127.0.0.1']
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: ownEnvironment(servers, { ...env, DIST_DIR: distDir }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
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
  return { url, child, said: () => said }
}

async function isUp(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  )
}
