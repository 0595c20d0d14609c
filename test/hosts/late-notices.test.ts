import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { MintringError } from '../../src/errors.ts'
import type { Host } from '../../src/hosts/host.ts'
import { MissedCounts } from '../../src/hosts/missed-counts.ts'
import { defaultClusterPolicy } from '../../src/hosts/policy.ts'
import type { Request } from '../../src/net/request.ts'
import type { Gate } from '../meetings/gate.ts'
import { until } from '../support/test-cluster.ts'
import { gatedPool } from './gated-pool.ts'

suite('a fallback host that replies late about what other hosts missed', () => {
  test('is not believed to know nothing: keys whose notices it may have are deleted on their own host', async (t) => {
    const { gates, list, open } = await gatedPool(t, 2, {
      ...{ requestTimeoutMs: 2_000, connectTimeoutMs: 2_000 },
      ...{ retryTimeoutMs: 2_000, deadTimeoutMs: 2_000 },
    })
    const [home, other] = gates as [Gate, Gate]
    const first = open()
    const keys: string[] = []
    for (let i = 0; keys.length < 3; i++) {
      if (first.locate(`key:${i}`).server === list[0]) keys.push(`key:${i}`)
    }
    const [late, silent, kept] = keys as [string, string, string]
    for (const key of keys) await first.set(key, 'old')
    home.shut()
    await until(() => {
      first.get(late).catch(() => undefined)
      return first.hosts()[0]!.state === 'ejected'
    })
    for (const key of [late, silent]) await first.delete(key)
    await first.close({ drainMs: 0 })
    home.isShut = false
    const second = open()
    assert.equal(await second.get(kept), 'old', 'it found that the host missed changes')
    other.set('~missed~', { delayMs: 5_000 })
    assert.equal(await second.get(late), undefined)
    assert.equal(await second.get(silent), undefined)
    assert.ok(other.hasSprung)
  })

  test('is asked again for its counters when it replies to other requests', async () => {
    const home = { name: 'home', index: 0, usable: true, debts: { isEmpty: true }, epoch: 1 }
    const standIn = { ...home, name: 'other', index: 1, answeredMs: 1 }
    const hosts = [home, standIn] as unknown as Host[]
    const policy = { ...defaultClusterPolicy, missedTtl: 3_600 }
    let isSilent = true
    let missed = 0
    const counts = new MissedCounts(
      { homes: hosts, policy, mayRehash: true },
      async <Result>({ verb }: Request<Result>) => {
        if (isSilent) throw new MintringError('MINTRING_TIMEOUT', 'no reply')
        return (verb.name === 'gets' ? missed : true) as Result
      },
    )
    counts.forget()
    const [first, second] = hosts as [Host, Host]
    await counts.ask(second)
    assert.equal(counts.isBehind(first, second), true, 'what is not known is not believed')
    assert.equal(counts.ask(second), undefined, 'it has not replied since')
    isSilent = false
    standIn.answeredMs = Number.POSITIVE_INFINITY
    await counts.ask(second)
    assert.equal(counts.isBehind(first, second), false)
    missed = 1
    counts.forget()
    await counts.ask(second)
    assert.equal(counts.isBehind(first, second), true)
    isSilent = true
    counts.update()
    await new Promise(setImmediate)
    assert.equal(counts.isBehind(first, second), true, 'no reply does not say that all is well')
    counts.close()
  })
})
