import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { findCommand } from '../support/commands.ts'
import { freePort, skipWithoutMeta, startMemcached } from '../support/memcached.ts'
import { connect } from './support.ts'

const NGINX = findCommand('nginx', '/usr/sbin')
const skip = NGINX === undefined ? 'no nginx found' : skipWithoutMeta()

/** An nginx that serves what memcached holds under the path. */
async function startNginx(t: TestContext, memcachedPort: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'mintring-nginx-'))
  const port = await freePort()
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
     events {}
     http {
       access_log off;
       client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b;
       fastcgi_temp_path ${folder}/c; uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
       server {
         listen 127.0.0.1:${port};
         location / {
           set $memcached_key "page:$uri";
           memcached_pass 127.0.0.1:${memcachedPort};
         }
       }
     }`,
  )
  const child = spawn(NGINX!, ['-p', folder, '-c', 'nginx.conf'], { stdio: 'ignore' })
  t.after(async () => {
    if (child.exitCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    rmSync(folder, { recursive: true })
  })
  const address = `http://127.0.0.1:${port}`
  for (let i = 0; i < 100; i++) {
    if (
      await fetch(address).then(
        () => true,
        () => false,
      )
    )
      return address
    await sleep(30)
  }
  throw new Error('nginx does not listen')
}

test('a real nginx serves what a sidecar refill stored, and never an empty page', {
  skip,
}, async (t) => {
  const memcached = await startMemcached()
  t.after(() => memcached.stop())
  const address = await startNginx(t, memcached.port)
  const cache = connect(t, [`127.0.0.1:${memcached.port}`])
  const policy = { ttl: 60, placeholder: 'sidecar' } as const
  const page = Buffer.from('<h1>Ünïcode</h1>'.repeat(500))
  const loading = cache.getOrSet('page:/home', () => sleep(200, page), policy)
  await sleep(80)
  assert.equal((await fetch(`${address}/home`)).status, 404)
  await loading
  const served = await fetch(`${address}/home`)
  assert.equal(served.status, 200)
  assert.ok(Buffer.from(await served.arrayBuffer()).equals(page))
  await cache.invalidate('page:/home')
  const stale = await fetch(`${address}/home`)
  assert.ok(Buffer.from(await stale.arrayBuffer()).equals(page))
})
