import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { compat } from '../../../src/ring/compat.ts'
import { neededCommand } from '../../support/commands.ts'
import { freePort } from '../../support/memcached.ts'
import { clientOf, type FleetServer, heldBy, KEYS, listening, startFleet } from './fleet.ts'

/** An nginx that serves /?key=… from the fleet; resolves to its port. It cannot store. */
async function startNginx(
  test: TestContext,
  command: string,
  fleet: readonly FleetServer[],
  hash: string,
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'nginx-'))
  const port = await freePort()
  const servers = fleet.map(
    ({ host, port: at, weight }) => `server ${host}:${at} weight=${weight};`,
  )
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  await writeFile(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
events {}
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
  upstream fleet { ${hash}; ${servers.join(' ')} }
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 10000;
    location / { set $memcached_key $arg_key; memcached_pass fleet; }
  }
}
`,
  )
  const options = ['-p', folder, '-c', 'nginx.conf', '-e', join(folder, 'error.log')]
  const server = spawn(command, options, { stdio: 'ignore' })
  test.after(async () => {
    server.kill('SIGKILL')
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
    await rm(folder, { recursive: true })
  })
  await listening(port)
  return port
}

async function fetchKey(agent: Agent, port: number, key: string): Promise<string> {
  const request = get({ host: '127.0.0.1', port, agent, path: `/?key=${key}` })
  const [response] = await once(request, 'response')
  let body = `${response.statusCode} `
  for await (const chunk of response) body += String(chunk)
  return body
}

const configurations = [
  ['hash $arg_key consistent', compat.nginx],
  ['hash $arg_key', compat.nginxHash],
] as const

describe('nginx reads what mintring stores', () => {
  for (const [hash, preset] of configurations) {
    it(`with ${hash}: all of 1,000 keys are found`, async (test) => {
      const command = neededCommand(test, 'nginx')
      const fleet = command === undefined ? undefined : await startFleet(test)
      if (command === undefined || fleet === undefined) return
      const port = await startNginx(test, command, fleet, hash)
      const { duplicates: _all, ...placement } = preset
      const cache = clientOf(test, fleet, placement)
      await Promise.all(KEYS.map((key) => cache.set(key, `from node ${key}`)))
      const held = await heldBy(fleet)
      assert.ok(
        held.every((count) => count > 50),
        held.join(),
      )

      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      test.after(() => agent.destroy())
      for (const key of KEYS) {
        assert.equal(await fetchKey(agent, port, key), `200 from node ${key}`)
      }
    })
  }
})
