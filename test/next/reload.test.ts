import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startServer } from '../../src/embedded/index.ts'
import { freePort } from '../support/memcached.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../../', import.meta.url))
const NEXT = `${here}node_modules/next/dist/bin/next`
/** How many times to edit the module. 100 (`MINTRING_RELOADS=100`) take a minute or two. */
const EDITS = Number(process.env.MINTRING_RELOADS ?? 20)
const WAIT_MS = 60_000
const POLL_MS = 50

/** What the Next.js process reports. */
interface Report {
  readonly edit: number
  /** How often the module with the client was evaluated. */
  readonly loads: number
  readonly listeners: number
  readonly clients?: number
}

const cleanups: (() => void)[] = []
after(() => {
  for (const cleanup of cleanups) cleanup()
})

const skip = process.platform === 'linux' ? false : 'is installed for Linux alone'

test(`Next.js in development reloads ${EDITS} times and keeps one client`, { skip }, async () => {
  await using server = await startServer()
  const app = copyOfApp()
  const url = await startDevelopment(app, server.address)
  const first = await reportAbove(`${url}?count`, 0)
  let { loads } = first
  const file = join(app, 'cache.js')
  const source = readFileSync(file, 'utf8')
  for (let edit = 1; edit <= EDITS; edit++) {
    writeFileSync(file, `${source}// edit ${edit}\n`)
    loads = (await reportAbove(url, loads)).loads
  }
  const report = await reportAbove(`${url}?count`, loads - 1)
  assert.ok(report.loads > EDITS, `the module was loaded ${report.loads} times`)
  assert.equal(report.clients, 1)
  assert.equal(report.listeners, first.listeners)
  assert.equal(server.connections, 1)
  assert.equal(server.stats().total_connections, '1')
})

/** A copy of the app: the test does not edit files of the project. */
function copyOfApp(): string {
  const app = mkdtempSync(join(here, '.reload-'))
  cleanups.push(() => rmSync(app, { recursive: true, force: true }))
  cpSync(join(here, 'reload'), app, { recursive: true })
  const { status, stderr } = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: root })
  assert.equal(status, 0, String(stderr))
  const modules = join(app, 'node_modules')
  for (const name of ['package.json', 'dist']) {
    cpSync(join(root, name), join(modules, 'mintring', name), { recursive: true })
  }
  for (const name of ['generic-pool', 'xxhash-wasm']) {
    cpSync(join(root, 'node_modules', name), join(modules, name), { recursive: true })
  }
  return app
}

async function startDevelopment(app: string, servers: string): Promise<string> {
  const port = await freePort()
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...rest } = process.env
  const env = { ...rest, NEXT_TELEMETRY_DISABLED: '1', MEMCACHED_SERVERS: servers }
  const args = [NEXT, 'dev', '-p', String(port), '-H', '127.0.0.1']
  const options = { cwd: app, env, stdio: 'ignore', detached: true } as const
  const child: ChildProcess = spawn(process.execPath, args, options)
  // The whole process group: Next.js compiles and renders in child processes.
  cleanups.unshift(() => process.kill(-child.pid!, 'SIGKILL'))
  return `http://127.0.0.1:${port}/cached`
}

/** The report of a process that has evaluated the module again. */
async function reportAbove(url: string, loads: number): Promise<Report> {
  const endMs = performance.now() + WAIT_MS
  let said: unknown
  while (performance.now() < endMs) {
    try {
      const response = await fetch(url)
      const text = await response.text()
      said = text
      if (response.ok) {
        const report: Report = JSON.parse(text)
        if (report.loads > loads) return report
      }
    } catch (error) {
      said = error
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  throw new Error(`no reload after ${loads}: ${said}`)
}
