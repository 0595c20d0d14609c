import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import net from 'node:net'
import { join, resolve } from 'node:path'
import process from 'node:process'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { abilitiesOf, type ServerAbilities } from '../../src/embedded/abilities.ts'
import { findCommand, skipOrFail } from './commands.ts'

/** Where scripts/setup.mjs unpacks Debian's package when the machine has no memcached. */
const UNPACKED = fileURLToPath(new URL('../../node_modules/.cache/memcached/usr/', import.meta.url))
const LISTEN_TIMEOUT_MS = 5_000

/** How to start a memcached; every field has a default. */
export interface MemcachedOptions {
  /** The address to listen on. Default: 127.0.0.1. */
  readonly host?: string
  /** The TCP port. Default: a free one. */
  readonly port?: number
  /** More command-line arguments, such as `['-m', '128', '-I', '2m']`. */
  readonly args?: readonly string[]
}

/** A real memcached process on loopback, stopped when the test process ends. */
export interface Memcached {
  readonly host: string
  readonly port: number
  /** The id of the current process; `restart()` changes it. */
  readonly pid: number
  /** Kills the process (with SIGKILL by default) and resolves when it has ended. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Ends the process with SIGTERM. Does nothing if it has ended already. */
  stop(): Promise<void>
  /** Stops the process by SIGSTOP, and resolves when none of its threads runs any more. */
  pause(): Promise<void>
  /** Kills the process if it runs, and starts an empty memcached on the same port. */
  restart(): Promise<void>
}

/** The memcached to test with: MEMCACHED_BIN, else the PATH, else the one setup unpacked. */
export function findMemcached(): string | undefined {
  const named = process.env.MEMCACHED_BIN
  if (named) return existsSync(named) ? resolve(named) : undefined
  return findCommand('memcached', join(UNPACKED, 'bin'))
}

/** The version of the memcached to test with, such as `1.6.18`; undefined when there is none. */
export function memcachedVersion(): string | undefined {
  const binary = findMemcached()
  if (binary === undefined) return undefined
  const said = execFileSync(binary, ['-V'], { encoding: 'utf8', env: environment(binary) })
  const version = /\d+\.\d+\.\d+/.exec(said)?.[0]
  if (version === undefined) throw new Error(`${binary} does not tell its version: ${said}`)
  return version
}

/** What the tested memcached can do. Tests check this, never a version. */
export function memcachedAbilities(): ServerAbilities {
  return abilitiesOf(memcachedVersion() ?? '1.6.18')
}

/** Returns a value for the `skip` option of meta command tests: why they cannot run, or false. */
export function skipWithoutMeta(): string | false {
  const { meta, version } = memcachedAbilities()
  return meta ? skipWithoutMemcached() : `memcached ${version} has no meta commands`
}

/** Returns a value for the `skip` option of tests of key dumps: why they cannot run, or false. */
export function skipWithoutDumps(): string | false {
  const { fullDumps, version } = memcachedAbilities()
  return fullDumps ? skipWithoutMemcached() : `memcached ${version} lists its keys without an end`
}

/**
 * Returns a value for the `skip` option of tests that start memcached with `option`: the reason if
 * this memcached was built without it, or false.
 */
export function skipWithoutOption(option: '-Z' | '-Y'): string | false {
  const binary = findMemcached()
  if (binary === undefined) return skipWithoutMemcached()
  const help = execFileSync(binary, ['-h'], { encoding: 'utf8', env: environment(binary) })
  const isKnown = help.split('\n').some((line) => line.startsWith(option))
  return isKnown ? false : `memcached ${memcachedVersion()} was built without ${option}`
}

/** Options that are on by default since 1.5, and that dumps and moving pages need. */
function switchedOn(): readonly string[] {
  return memcachedVersion()?.startsWith('1.4.') ? ['-o', 'lru_crawler,slab_reassign'] : []
}

/**
 * Returns the memcached to test with. Without one, skips the test and returns undefined. Where
 * MINTRING_REQUIRE_MEMCACHED is 1, as in CI, it fails the test instead.
 */
export function realMemcached(test: TestContext): string | undefined {
  const found = findMemcached()
  if (found === undefined) skipOrFail(test, MISSING, 'MINTRING_REQUIRE_MEMCACHED')
  return found
}

/**
 * Returns a value for the `skip` option of tests that need memcached: why they cannot run, or
 * false. Never skips in CI.
 */
export function skipWithoutMemcached(): string | false {
  const isRequired = process.env.MINTRING_REQUIRE_MEMCACHED === '1'
  return findMemcached() === undefined && !isRequired ? MISSING : false
}

const MISSING = 'no memcached found: set MEMCACHED_BIN, install one, or run `npm test`'

/** Starts a real memcached and resolves when it accepts connections. */
export async function startMemcached(options: MemcachedOptions = {}): Promise<Memcached> {
  const binary = findMemcached()
  if (binary === undefined) throw new Error(MISSING)
  const { host = '127.0.0.1', port = await freePort() } = options
  const own = options.args ?? []
  const args = ['-l', host, '-p', String(port), '-U', '0', ...switchedOn(), ...own]
  if (process.getuid?.() === 0) args.push('-u', 'nobody')
  let child = await launch(binary, args, { host, port })

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.ref()
    const gone = once(child, 'exit')
    child.kill(signal)
    // A stopped process gets the signal when it goes on.
    child.kill('SIGCONT')
    await gone
  }
  return {
    host,
    port,
    get pid() {
      return child.pid as number
    },
    kill: (signal = 'SIGKILL') => end(signal),
    stop: () => end('SIGTERM'),
    async pause() {
      child.kill('SIGSTOP')
      while (!isStopped(child.pid as number)) await new Promise((wake) => setTimeout(wake, 5))
    },
    async restart() {
      await end('SIGKILL')
      child = await launch(binary, args, { host, port })
    },
  }
}

async function launch(
  binary: string,
  args: readonly string[],
  at: { readonly host: string; readonly port: number },
): Promise<ChildProcess> {
  const child = spawn(binary, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: environment(binary),
  })
  const said: string[] = []
  child.stderr?.on('data', (bytes: Buffer) => said.push(bytes.toString()))
  killWithUs(child)
  const endMs = performance.now() + LISTEN_TIMEOUT_MS
  while (!(await accepts(at))) {
    if (child.exitCode !== null || performance.now() > endMs) {
      child.kill('SIGKILL')
      throw new Error(`memcached did not listen on ${at.port}: ${said.join('').trim() || 'silent'}`)
    }
    await new Promise((wake) => setTimeout(wake, 5))
  }
  // A test file must end even when it did not stop this server.
  child.unref()
  if (child.stderr instanceof net.Socket) child.stderr.unref()
  return child
}

/** Whether every thread of a process is stopped. Only Linux tells; elsewhere it counts as so. */
function isStopped(pid: number): boolean {
  const tasks = `/proc/${pid}/task`
  if (!existsSync(tasks)) return true
  return readdirSync(tasks).every((id) => {
    return /\) [Tt] /.test(readFileSync(join(tasks, id, 'stat'), 'utf8'))
  })
}

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

function killWithUs(child: ChildProcess): void {
  running.add(child)
  child.once('exit', () => running.delete(child))
}

/** The unpacked package brings its own libevent, which is found only by a library path. */
function environment(binary: string): NodeJS.ProcessEnv {
  if (!binary.startsWith(UNPACKED)) return process.env
  const folders = ['lib/x86_64-linux-gnu', 'lib/aarch64-linux-gnu', 'lib']
  const libraries = folders
    .map((folder) => join(UNPACKED, folder))
    .filter((path) => existsSync(path))
  return { ...process.env, LD_LIBRARY_PATH: libraries.join(':') }
}

/**
 * Returns a free port below the range of outgoing connections: otherwise one of these could take
 * the port of a killed server before its restart.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000)
    const server = net.createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}

function accepts(at: { readonly host: string; readonly port: number }): Promise<boolean> {
  return new Promise((answer) => {
    const socket = net.connect(at)
    socket.once('error', () => answer(false))
    socket.once('connect', () => {
      socket.destroy()
      answer(true)
    })
  })
}
