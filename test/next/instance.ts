import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { freePort } from '../support/memcached.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const START_TIMEOUT_MS = 60_000

/** All processes to stop after the tests, also those whose start failed. */
const children: ChildProcess[] = []

/** A running app. */
export interface Instance {
  readonly url: string
  readonly child: ChildProcess
  /** Returns what the process has written so far. */
  said(): string
}

/** Builds the package and the app of a folder. */
export function buildApp(folder: string, env: NodeJS.ProcessEnv): void {
  run([`${root}scripts/build.mjs`], root, env)
  run([nextOf(folder), 'build'], folder, env)
}

/** Stops all started instances. */
export function endInstances(): void {
  for (const child of children) child.kill('SIGKILL')
}

/** The Next.js installation that a folder uses. */
function nextOf(folder: string): string {
  const own = join(folder, 'node_modules/next/dist/bin/next')
  return existsSync(own) ? own : join(dirname(folder), 'node_modules/next/dist/bin/next')
}

/**
 * The environment without our variables: Next.js would use the test runner's settings as its own.
 */
export function ownEnvironment(servers: string): NodeJS.ProcessEnv {
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

/** Serves the app of a folder until the tests end. */
export async function startInstance(folder: string, env: NodeJS.ProcessEnv): Promise<Instance> {
  const port = await freePort()
  const args = [nextOf(folder), 'start', '-p', String(port), '-H', '127.0.0.1']
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env,
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
