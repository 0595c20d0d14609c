import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { compat } from '../../../src/ring/compat.ts'
import { neededCommand } from '../../support/commands.ts'
import { freePort } from '../../support/memcached.ts'
import { clientOf, type FleetServer, heldBy, KEYS, listening, startFleet, talk } from './fleet.ts'

/** A twemproxy in front of the fleet; resolves to its port. */
async function startProxy(
  test: TestContext,
  command: string,
  fleet: readonly FleetServer[],
  pool: Readonly<Record<string, string>>,
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'nutcracker-'))
  const [port, stats] = [await freePort(), await freePort()]
  const settings = Object.entries(pool).map(([name, value]) => `  ${name}: ${value}`)
  const servers = fleet.map(({ host, port: at, weight }) => `   - ${host}:${at}:${weight}`)
  const lines = ['pool:', `  listen: 127.0.0.1:${port}`, ...settings, '  servers:', ...servers]
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

async function setAll(port: number): Promise<number> {
  const sets = KEYS.map((key) => {
    const value = `from proxy ${key}`
    return `set ${key} 0 0 ${value.length}\r\n${value}\r\n`
  })
  const answer = await talk(port, '127.0.0.1', sets.join(''), 'STORED\r\n', 1000)
  return answer.split('STORED').length - 1
}

async function getAll(port: number): Promise<number> {
  const gets = KEYS.map((key) => `get ${key}\r\n`)
  const answer = await talk(port, '127.0.0.1', gets.join(''), 'END\r\n', 1000)
  return KEYS.filter((key) => answer.includes(`\r\nfrom node ${key}\r\n`)).length
}

const configurations = [
  [compat.twemproxy, { hash: 'fnv1a_64', distribution: 'ketama' }],
  [
    { ...compat.twemproxy, hash: 'md5' },
    { hash: 'md5', distribution: 'ketama' },
  ],
  [
    { ...compat.twemproxyModula, hash: 'crc16' },
    { hash: 'crc16', distribution: 'modula' },
  ],
] as const

describe('twemproxy and mintring share a cache', () => {
  for (const [preset, pool] of configurations) {
    it(`with ${pool.distribution} and ${pool.hash}: all of 1,000 keys, both ways`, async (test) => {
      const command = neededCommand(test, 'nutcracker')
      const fleet = command === undefined ? undefined : await startFleet(test)
      if (command === undefined || fleet === undefined) return
      const proxy = await startProxy(test, command, fleet, pool)
      const cache = clientOf(test, fleet, preset)

      assert.equal(await setAll(proxy), 1000)
      const held = await heldBy(fleet)
      assert.ok(
        held.every((count) => count > 50),
        held.join(),
      )
      const values = await Promise.all(KEYS.map((key) => cache.get(key)))
      assert.deepEqual(
        values,
        KEYS.map((key) => `from proxy ${key}`),
      )

      await Promise.all(KEYS.map((key) => cache.set(key, `from node ${key}`)))
      assert.equal(await getAll(proxy), 1000)
      assert.deepEqual(await heldBy(fleet), held, 'no key is on two hosts')
    })
  }
})
