import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { fuzz } from '../fuzz/run.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'

const SEEDS = process.env.SEED === undefined ? [1, 2] : [Number(process.env.SEED)]

suite('300 callers of all verbs behind a proxy that breaks connections', {
  skip: skipWithoutMemcached(),
}, () => {
  for (const seed of SEEDS) {
    test(`seed ${seed}: on one host each call returns the current value in time, and no command runs twice`, async () => {
      const report = await fuzz({ seed, operations: 10_000, hosts: 1, ejection: false })
      assert.deepEqual(report.examples, [])
      assert.ok(report.hits > 1_000, `${report.hits} hits`)
    })

    test(`seed ${seed}: on three hosts that fail and return each result is true and in time, and no command runs twice`, async () => {
      const report = await fuzz({ seed, operations: 10_000, hosts: 3, ejection: true })
      const examples = report.examples.filter((example) => !example.startsWith('stale'))
      assert.deepEqual(examples, [])
      assert.ok(report.hits > 1_000, `${report.hits} hits`)
    })
  }
})
