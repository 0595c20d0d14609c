// Starts the memcacheds of the suites, one thread each, and one worker process per client.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import net from 'node:net'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const UNPACKED = here('../../node_modules/.cache/memcached/usr/bin/memcached')
const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'
/** Longer than any order takes. */
const MAX_ORDER_MS = 30_000
const children = new Set()

process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

function start(file, args, options) {
  const child = spawn(file, args, options)
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

/** Real memcacheds on loopback, `-t 1`. Returns their addresses. */
export async function startServers(count, { megabytes = 1024 } = {}) {
  const binary = process.env.MEMCACHED_BIN ?? (existsSync(UNPACKED) ? UNPACKED : 'memcached')
  const ports = await Promise.all(Array.from({ length: count }, freePort))
  for (const port of ports) {
    const args = ['-l', '127.0.0.1', '-p', port, '-U', 0, '-t', 1, '-m', megabytes, '-I', '2m']
    // Some clients open a connection per operation.
    args.push('-c', 4096)
    if (process.getuid?.() === 0) args.push('-u', 'nobody')
    start(binary, args.map(String), { stdio: 'ignore' })
    await listening(port)
  }
  return ports.map((port) => `127.0.0.1:${port}`)
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

async function listening(port) {
  for (let attempt = 0; attempt < 200; attempt++) {
    const socket = net.connect(port, '127.0.0.1')
    const isUp = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isUp) return
    await new Promise((wake) => setTimeout(wake, 20))
  }
  throw new Error(`memcached does not listen on ${port}`)
}

/** A worker process that runs one order at a time. */
export class Worker {
  #child
  #answers
  #errors = ''

  constructor(driver, { node = process.execPath, nodeFlags = [], script = 'worker.mjs' } = {}) {
    this.driver = driver
    const isPython = driver === 'pylibmc'
    const file = isPython ? PYTHON : node
    const args = isPython ? [here('worker_pylibmc.py')] : [...nodeFlags, here(script)]
    this.#child = start(file, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    // A worker that has died reads nothing: its next order reports that.
    this.#child.stdin.on('error', () => {})
    this.#child.stderr.on('data', (bytes) => {
      this.#errors = (this.#errors + bytes).slice(-2000)
    })
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  /** Rejects with the worker's error, and kills a worker that does not reply. */
  async order(order) {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), MAX_ORDER_MS)
    const { value, done } = await this.#answers.next()
    clearTimeout(timer)
    if (done) throw new Error(`${this.driver} died: ${this.#errors}`)
    const answer = JSON.parse(value)
    if (answer.error !== undefined) throw new Error(`${this.driver}: ${answer.error}`)
    return answer
  }

  async end() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.stdin.end()
    const isGone = once(this.#child, 'exit')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 2000)
    await isGone
    clearTimeout(timer)
  }
}

/** Stops all remaining servers and workers. */
export async function endAll() {
  const gone = [...children].map((child) => once(child, 'exit'))
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(gone)
}
