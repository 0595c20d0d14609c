import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { callers } from './client-events.ts'
import { deaths } from './host-events.ts'
import { runTable } from './table.ts'
import { VARIANTS } from './variants.ts'

/** The events that cost little time. scripts/meetings.mjs runs all events. */
const QUICK = [...deaths, ...callers].map(({ name }) => name)

for (const hosts of [1, 3]) {
  suite(`every verb keeps its promises on ${hosts} host${hosts > 1 ? 's' : ''}`, () => {
    for (const name of QUICK) {
      test(`when ${name}`, async () => {
        const faults: string[] = []
        const wants = (event: string): boolean => event === name
        for await (const cell of runTable({ hosts: [hosts], wants })) {
          faults.push(...cell.faults.map((fault) => `${cell.verb} | ${fault}`))
        }
        assert.deepEqual(faults, [])
      })
    }
  })
}

/** The parts of the table that run on other servers, each within seconds. */
const ELSEWHERE = [
  { variant: 'memcached', hosts: 3, event: 'the connection dies before the reply' },
  { variant: 'memcached', hosts: 1, event: 'the client is closed and drains' },
  { variant: 'lone', hosts: 1, event: 'the connection dies before the reply' },
]

suite('every verb keeps its promises on other servers', { skip: skipWithoutMemcached() }, () => {
  for (const { variant, hosts, event: name } of ELSEWHERE) {
    test(`variant ${variant}, number of hosts ${hosts}, when ${name}`, async () => {
      const faults: string[] = []
      const wants = (event: string): boolean => event === name
      const selection = { hosts: [hosts], wants, variant: VARIANTS[variant]! }
      for await (const cell of runTable(selection)) {
        faults.push(...cell.faults.map((fault) => `${cell.verb} | ${fault}`))
      }
      assert.deepEqual(faults, [])
    })
  }
})
