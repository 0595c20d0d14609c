import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { behaviorsFrom } from '../../../src/behaviors/behaviors-from.ts'
import { MemcachedClient } from '../../../src/client/client.ts'
import { startServer } from '../../../src/embedded/server.ts'
import { compat } from '../../../src/ring/compat.ts'
import { neededCommand } from '../../support/commands.ts'
import { startNutcracker } from '../../support/nutcracker.ts'
import { clientOf, heldBy, KEYS, startFleet, talk } from './fleet.ts'

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
    it(`with ${pool.distribution} and ${pool.hash}: all of 1,000 keys are found, in both directions`, async (test) => {
      const command = neededCommand(test, 'nutcracker')
      const fleet = command === undefined ? undefined : await startFleet(test)
      if (command === undefined || fleet === undefined) return
      const servers = fleet.map(({ host, port, weight }) => `${host}:${port}:${weight}`)
      const proxy = await startNutcracker(test, command, servers, pool)
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

  it('with sockets, IPv6 and names as servers: all of 1,000 keys are where the proxy put them', async (test) => {
    const command = neededCommand(test, 'nutcracker')
    if (command === undefined) return
    const folder = mkdtempSync(join(tmpdir(), 'sockets-'))
    const [first, second] = [join(folder, 'a.sock'), join(folder, 'b.sock')]
    const hosts = [{ path: first }, { path: second }, {}, {}]
    const six = await startServer({ host: '::1' }).catch(() => undefined)
    const servers = await Promise.all(hosts.map((host) => startServer(host)))
    test.after(() => Promise.all([...servers, six].map((server) => server?.close())))
    test.after(() => rmSync(folder, { recursive: true }))
    const lines = [
      `${first}:1`,
      `${second}:2 named`,
      `127.0.0.1:${servers[2]!.port}:1`,
      `127.0.0.1:${servers[3]!.port}:2 other`,
    ]
    if (six === undefined) test.diagnostic('this machine has no IPv6 loopback')
    else lines.push(`::1:${six.port}:1`)
    for (const distribution of ['ketama', 'modula']) {
      const pool = { hash: 'fnv1a_64', distribution }
      const port = await startNutcracker(test, command, lines, pool)
      const { servers: listed, ...behaviors } = behaviorsFrom.twemproxy({ ...pool, servers: lines })
      const cache = new MemcachedClient(listed!, behaviors)
      test.after(() => cache.close())
      assert.equal(await setAll(port), 1000)
      const values = await Promise.all(KEYS.map((key) => cache.get(key)))
      const elsewhere = KEYS.filter((key, i) => values[i] !== `from proxy ${key}`)
      assert.equal(elsewhere.length, 0, `${distribution}: ${elsewhere.length} of 1,000 elsewhere`)
      await cache.flushAll()
    }
  })
})
