import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
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
    it(`with ${pool.distribution} and ${pool.hash}: all of 1,000 keys, both ways`, async (test) => {
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
})
