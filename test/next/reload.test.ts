import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type EmbeddedServer, startServer } from '../../src/embedded/index.ts'
import { freePort } from '../support/memcached.ts'
import { buildPackage } from './instance.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../../', import.meta.url))
const NEXT = `${here}node_modules/next/dist/bin/next`
/** How many times to edit the module. 100 (`MINTRING_RELOADS=100`) take a minute or two. */
const EDITS = Number(process.env.MINTRING_RELOADS ?? 20)
const FEW = 4
/** What Next.js itself keeps of a reload; a client with its connection is 70 kB. */
const EDIT_BYTES = 30_000
const NOISE_BYTES = 500_000
/** With fewer edits, the noise of the heap is larger than a client per reload would be. */
const MEASURABLE_EDITS = 100
const WAIT_MS = 60_000
const POLL_MS = 50

/** What the Next.js process reports. */
interface Report {
  readonly edit: number
  /** How often the module with the client was evaluated. */
  readonly loads: number
  readonly listeners: number
  readonly clients?: number
  /** After a garbage collection. */
  readonly heapBytes?: number
}

const cleanups: (() => void)[] = []
after(() => {
  for (const cleanup of cleanups) cleanup()
})

const skip = process.platform === 'linux' ? false : 'is installed for Linux alone'

suite('Next.js in development', { skip }, () => {
  before(() => buildPackage())

  test(`leaves clients and their connections behind in ${FEW} reloads without the recipe`, async () => {
    await using server = await startServer()
    const { last } = await reloaded(server, FEW, { CLIENT_PER_LOAD: '1' })
    // Next.js may drop one of them, and the garbage collector then takes it.
    assert.ok(last.clients! > 1, `${last.clients} clients`)
    assert.ok(server.connections > 1, `${server.connections} connections`)
    const opened = Number(server.stats().total_connections)
    assert.ok(opened > FEW, `${opened} connections were opened`)
  })

  test(`keeps one client and its connection, and in 100 reloads its memory: ${EDITS} reloads`, async () => {
    await using server = await startServer()
    const { first, middle, last } = await reloaded(server, EDITS)
    assert.ok(last.loads > EDITS, `the module was loaded ${last.loads} times`)
    assert.equal(last.clients, 1)
    assert.equal(last.listeners, first.listeners)
    assert.equal(server.connections, 1)
    assert.equal(server.stats().total_connections, '1')
    if (EDITS < MEASURABLE_EDITS) return
    const grownBytes = last.heapBytes! - middle.heapBytes!
    const limitBytes = NOISE_BYTES + (EDITS / 2) * EDIT_BYTES
    assert.ok(grownBytes < limitBytes, `the heap grew by ${grownBytes} bytes in the second half`)
  })
})

/** The reports before, in the middle of, and after some edits of the module with the client. */
async function reloaded(server: EmbeddedServer, edits: number, more: NodeJS.ProcessEnv = {}) {
  const app = copyOfApp()
  const url = await startDevelopment(app, { MEMCACHED_SERVERS: server.address, ...more })
  const first = await reportAbove(`${url}?count`, 0)
  let [{ loads }, middle] = [first, first]
  const file = join(app, 'cache.js')
  const source = readFileSync(file, 'utf8')
  for (let edit = 1; edit <= edits; edit++) {
    writeFileSync(file, `${source}// edit ${edit}\n`)
    loads = (await reportAbove(url, loads)).loads
    if (edit === Math.floor(edits / 2)) middle = await reportAbove(`${url}?count`, loads - 1)
  }
  return { first, middle, last: await reportAbove(`${url}?count`, loads - 1) }
}

/** A copy of the app: the test does not edit files of the project. */
function copyOfApp(): string {
  const app = mkdtempSync(join(here, '.reload-'))
  cleanups.push(() => rmSync(app, { recursive: true, force: true }))
  cpSync(join(here, 'reload'), app, { recursive: true })
  const modules = join(app, 'node_modules')
  for (const name of ['package.json', 'dist']) {
    cpSync(join(root, name), join(modules, 'mintring', name), { recursive: true })
  }
  for (const name of ['generic-pool', 'xxhash-wasm']) {
    cpSync(join(root, 'node_modules', name), join(modules, name), { recursive: true })
  }
  return app
}

async function startDevelopment(app: string, more: NodeJS.ProcessEnv): Promise<string> {
  const port = await freePort()
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...rest } = process.env
  const env = { ...rest, NEXT_TELEMETRY_DISABLED: '1', ...more }
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
