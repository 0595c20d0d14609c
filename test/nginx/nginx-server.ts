import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { TestContext } from 'node:test'
import { type Block, blocksOf } from '../docs/pages.ts'
import { root } from '../house/sources.ts'
import { neededCommand, skipOrFail } from '../support/commands.ts'
import { freePort } from '../support/memcached.ts'

/** The module folders of Debian and of nginx's own packages. */
const MODULE_FOLDERS = ['/usr/lib/nginx/modules', '/usr/lib64/nginx/modules', '/etc/nginx/modules']

/** The ports that replace those in the configurations of docs/nginx.md. */
export interface Places {
  /** The ports that replace 11211, 11212 and 11213, in this order. */
  readonly memcachedPorts: readonly number[]
  readonly appPort: number
  /** Whether nginx speaks HTTP/2 with visitors, without TLS. */
  readonly isHttp2?: boolean
}

/**
 * Runs the real nginx with a configuration as docs/nginx.md prints it; only ports and folders are
 * replaced. Returns its port, or undefined after skipping the test because nginx or a module is
 * missing.
 */
export async function startNginx(
  t: TestContext,
  name: string,
  places: Places,
): Promise<number | undefined> {
  const binary = neededCommand(t, 'nginx')
  if (binary === undefined) return undefined
  const port = await freePort()
  const config = withPlaces(printed(name).code, port, places)
  const missing = modulesOf(config).find((module) => !existsSync(module))
  if (missing !== undefined) {
    skipOrFail(t, `nginx has no ${missing}`, 'MINTRING_REQUIRE_PEERS')
    return undefined
  }
  const folder = mkdtempSync(join(tmpdir(), 'mintring-nginx-'))
  writeFileSync(join(folder, 'nginx.conf'), config)
  writeFileSync(join(folder, 'keys.js'), printed('keys.js').code)
  const log = join(folder, 'error.log')
  const globals = `pid ${folder}/pid; daemon off; master_process off; error_log ${log};`
  const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', log, '-g', globals]
  const nginx = spawn(binary, args, { stdio: 'ignore' })
  const ended = once(nginx, 'exit')
  const endWithUs = (): boolean => nginx.kill('SIGKILL')
  process.once('exit', endWithUs)
  t.after(async () => {
    endWithUs()
    process.off('exit', endWithUs)
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  while (!(await accepts(port))) {
    if (nginx.exitCode !== null) throw new Error(`nginx ended: ${readFileSync(log, 'utf8')}`)
    await new Promise((wake) => setTimeout(wake, 10))
  }
  return port
}

/** Returns the code block of docs/nginx.md that has this name. */
function printed(name: string): Block {
  const path = 'docs/nginx.md'
  const page = { path, text: readFileSync(join(root, path), 'utf8') }
  const block = blocksOf(page).find(({ words }) => words.includes(name))
  if (block === undefined) throw new Error(`docs/nginx.md has no block ${name}`)
  return block
}

function withPlaces(config: string, port: number, places: Places): string {
  const { memcachedPorts, appPort, isHttp2 = false } = places
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${kind};`)
    .join(' ')
  return config
    .replace('listen 80;', `listen 127.0.0.1:${port}${isHttp2 ? ' http2' : ''};`)
    .replace('127.0.0.1:3000', `127.0.0.1:${appPort}`)
    .replace('http {', `http { access_log off; ${temporary}`)
    .replace(/127\.0\.0\.1:1121(\d)/g, (_, nth) => `127.0.0.1:${memcachedPorts[Number(nth) - 1]}`)
    .replace(/load_module modules/g, `load_module ${moduleFolder()}`)
}

function modulesOf(config: string): string[] {
  return [...config.matchAll(/load_module (\S+);/g)].map(([, path]) => path!)
}

function moduleFolder(): string {
  return MODULE_FOLDERS.find((folder) => existsSync(folder)) ?? MODULE_FOLDERS[0]!
}

function accepts(port: number): Promise<boolean> {
  return new Promise((answer) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('error', () => answer(false))
    socket.once('connect', () => {
      socket.destroy()
      answer(true)
    })
  })
}
