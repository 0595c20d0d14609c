import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Host } from '../../src/hosts/host.ts'
import { homesOf } from '../../src/hosts/previous-places.ts'

const named = (name: string): Host => ({ name }) as Host

test('homesOf looks up no key in the turn that calls it, and few in each later turn', async () => {
  const host = named('a')
  let lookups = 0
  let inOneTurn = 0
  const homes = homesOf(() => {
    lookups++
    inOneTurn++
    return host
  }, 2)
  assert.equal(lookups, 0)
  let most = 0
  const watch = (): void => {
    most = Math.max(most, inOneTurn)
    inOneTurn = 0
  }
  let isOver = false
  void homes.finally(() => {
    isOver = true
  })
  while (!isOver) {
    await new Promise((resolve) => setImmediate(resolve))
    watch()
  }
  assert.deepEqual(await homes, [host])
  assert.equal(lookups, 4_096)
  assert.ok(most <= 64, `${most} in one turn`)
})

test('homesOf ends when it has found all hosts', async () => {
  const hosts = [named('a'), named('b'), named('c')]
  let lookups = 0
  const found = await homesOf((key) => {
    lookups++
    return hosts[Number(key.slice('key:'.length)) % 3]
  }, 3)
  assert.deepEqual(found, hosts)
  assert.equal(lookups, 3)
})
