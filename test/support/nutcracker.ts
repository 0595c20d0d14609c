import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { freePort } from './memcached.ts'

/** Starts twemproxy in front of servers, each `host:port:weight`; resolves to its port. */
export async function startNutcracker(
  test: TestContext,
  command: string,
  servers: readonly string[],
  pool: Readonly<Record<string, string>>,
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'nutcracker-'))
  const [port, stats] = [await freePort(), await freePort()]
  const settings = Object.entries(pool).map(([name, value]) => `  ${name}: ${value}`)
  const listed = servers.map((server) => `   - ${server}`)
  const lines = ['pool:', `  listen: 127.0.0.1:${port}`, ...settings, '  servers:', ...listed]
  await writeFile(join(folder, 'conf.yml'), `${lines.join('\n')}\n`)
  const options = ['-c', 'conf.yml', '-s', String(stats), '-a', '127.0.0.1', '-o', 'log']
  const proxy = spawn(command, options, { cwd: folder, stdio: 'ignore' })
  test.after(async () => {
    proxy.kill('SIGKILL')
    if (proxy.exitCode === null && proxy.signalCode === null) await once(proxy, 'exit')
    await rm(folder, { recursive: true })
  })
  await listening(port)
  return port
}

async function listening(port: number): Promise<void> {
  const endMs = performance.now() + 5_000
  for (;;) {
    const socket = net.connect(port, '127.0.0.1')
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isOpen) return
    if (performance.now() > endMs) throw new Error(`twemproxy does not listen on ${port}`)
    await new Promise((wake) => setTimeout(wake, 10))
  }
}
