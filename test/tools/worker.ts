import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { freePort } from '../support/memcached.ts'

const START_TIMEOUT_MS = 30_000

/** A running Worker of Cloudflare. */
export interface Worker {
  /** The body of its response. */
  ask(path: string): Promise<string>
  end(): Promise<void>
}

/** How to run the Worker of `runtimes/`, in the folder where mintring is installed. */
export interface WorkerOptions {
  readonly folder: string
  /** The program workerd. */
  readonly program: string
  /** The compatibility date. */
  readonly date: string
  /** The address of memcached. */
  readonly memcached: string
}

/** Bundles the Worker by esbuild and runs it in workerd. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { folder, program, date, memcached } = options
  const out = join(folder, 'out', `worker-${date}`)
  mkdirSync(out, { recursive: true })
  await build({
    absWorkingDir: folder,
    entryPoints: ['runtimes/worker.mjs'],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: join(out, 'worker.mjs'),
    logLevel: 'error',
  })
  const port = await freePort()
  const config = readFileSync(join(folder, 'runtimes/worker.capnp'), 'utf8')
    .replace('PORT', String(port))
    .replace('DATE', date)
    .replace('MEMCACHED_ADDRESS', memcached)
  writeFileSync(join(out, 'worker.capnp'), config)
  const child = spawn(program, ['serve', 'worker.capnp'], { cwd: out })
  const ask = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  try {
    await started(child, ask)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  return {
    ask,
    async end() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

async function started(child: ChildProcess, ask: (path: string) => Promise<string>): Promise<void> {
  let said = ''
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (text) => {
      said += text
    })
  }
  const endMs = performance.now() + START_TIMEOUT_MS
  while (
    !(await ask('/up').then(
      (text) => text === 'up',
      () => false,
    ))
  ) {
    assert.ok(child.exitCode === null && performance.now() < endMs, `workerd: ${said}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
