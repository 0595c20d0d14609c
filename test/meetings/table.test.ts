import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { callers } from './client-events.ts'
import { deaths } from './host-events.ts'
import { runTable } from './table.ts'

/** The events that take no time of their own; scripts/meetings.mjs runs all of them. */
const QUICK = [...deaths, ...callers].map(({ name }) => name)

for (const hosts of [1, 3]) {
  suite(`every verb keeps the laws on ${hosts} host${hosts > 1 ? 's' : ''}`, () => {
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
