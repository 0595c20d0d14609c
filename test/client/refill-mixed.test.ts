import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as dial } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import type { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { Gate } from '../meetings/gate.ts'
import { until } from '../support/test-cluster.ts'
import { connect, PATIENT } from './support.ts'

/** One host of each kind. */
const VERSIONS = { classic: '1.4.39', meta: '1.6.18' } as const
type Kind = keyof typeof VERSIONS
const KINDS = Object.keys(VERSIONS) as Kind[]

const POLICY = { ttl: 60, staleWhileRevalidate: 30, lease: 2, jitter: 0 } as const

interface Pool {
  readonly gates: Readonly<Record<Kind, Gate>>
  /** Returns a client of both hosts. */
  join(): MemcachedClient
  /** Returns a key whose host is of this kind. */
  keyOn(kind: Kind): string
}

async function startPool(context: TestContext): Promise<Pool> {
  const servers = await Promise.all(KINDS.map((kind) => startServer({ version: VERSIONS[kind] })))
  const gates = await Promise.all(servers.map(({ port }) => new Gate(port).open()))
  context.after(async () => {
    await Promise.all(gates.map((gate) => gate.close()))
    await Promise.all(servers.map((server) => server.close()))
  })
  const addresses = gates.map(({ port }) => `127.0.0.1:${port}`)
  // On a slow machine a shorter timeout would let a load begin away from its host.
  const oneSecond = { connectTimeoutMs: 1_000, retryTimeoutMs: 1_000, deadTimeoutMs: 1_000 }
  const settings = { ...PATIENT, ...oneSecond }
  const join = (): MemcachedClient => connect(context, addresses, settings)
  const [classic, meta] = gates as [Gate, Gate]
  const all = { classic, meta }
  let count = 0
  const keyOn = (kind: Kind): string => {
    const cache = join()
    const isThere = (key: string): boolean =>
      cache.locate(key).server === `127.0.0.1:${all[kind].port}`
    do count++
    while (!isThere(`key:${count}`))
    return `key:${count}`
  }
  return { gates: all, join, keyOn }
}

/** Returns the client flags of an item, as its server has them. */
async function flagsOf({ port }: Gate, key: string): Promise<number> {
  const socket = dial(port, '127.0.0.1')
  socket.write(`get ${key}\r\n`)
  let text = ''
  while (!text.includes('END')) text += String(await once(socket, 'data'))
  socket.destroy()
  return Number(text.split(' ')[2])
}

/** A loader that returns its value when it is told to. */
function heldLoader(value: string) {
  let begin = (): void => {}
  let end = (): void => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const load = async (): Promise<string> => {
    begin()
    await ended
    return value
  }
  return { load, begun, end }
}

describe('refills in a pool of which one host has no meta commands', () => {
  test('use on each host the commands that it has, also as the first call of a client', async (context) => {
    const { gates, join, keyOn } = await startPool(context)
    for (const kind of KINDS) {
      const key = keyOn(kind)
      await join().getOrSet(key, () => 'value', POLICY)
      const hasClock = (await flagsOf(gates[kind], key)) >>> 13 !== 0
      assert.equal(hasClock, kind === 'classic')
      assert.equal((await join().getOrSetEntry(key, () => 'other', POLICY)).state, 'fresh')
    }
  })

  for (const kind of KINDS) {
    for (const placeholder of ['inline', 'sidecar'] as const) {
      test(`do not store a value that was invalidated during its load, ${kind} host, ${placeholder}`, async (context) => {
        const { join, keyOn } = await startPool(context)
        const [loading, writer, reader] = [join(), join(), join()]
        const key = keyOn(kind)
        const policy = { ...POLICY, placeholder }
        const old = heldLoader('old')
        const entry = loading.getOrSetEntry(key, old.load, policy)
        await old.begun
        await writer.invalidate(key, policy)
        old.end()
        assert.deepEqual(await entry, { value: 'old', state: 'uncached' })
        const next = await reader.getOrSetEntry(key, () => 'new', policy)
        assert.deepEqual([next.value, next.state], ['new', 'miss'])
      })

      test(`serve an invalidated value as stale and load it once, ${kind} host, ${placeholder}`, async (context) => {
        const { join, keyOn } = await startPool(context)
        const [writer, reader] = [join(), join()]
        const key = keyOn(kind)
        const policy = { ...POLICY, placeholder }
        await writer.getOrSet(key, () => 'old', policy)
        await reader.getOrSet(key, () => 'old', policy)
        assert.equal(await writer.invalidate(key), true)
        let loads = 0
        const load = (): string => `new ${++loads}`
        const stale = await reader.getOrSetEntry(key, load, policy)
        assert.deepEqual([stale.value, stale.state], ['old', 'stale'])
        let value: unknown = stale.value
        await until(() => {
          void writer.getOrSet(key, load, policy).then((found) => {
            value = found
          })
          return value === 'new 1'
        })
        assert.equal(loads, 1)
      })
    }

    test(`take no lease of a host without meta commands to one with them, or back: ${kind} host ejected`, async (context) => {
      const { gates, join, keyOn } = await startPool(context)
      const cache = join()
      const key = keyOn(kind)
      const gate = gates[kind]
      const index = KINDS.indexOf(kind)
      const old = heldLoader('old')
      const entry = cache.getOrSetEntry(key, old.load, POLICY)
      await old.begun
      gate.shut()
      await until(() => {
        cache.get(key).catch(() => undefined)
        return cache.hosts()[index]!.state === 'ejected'
      })
      const away = await cache.getOrSetEntry(key, () => 'away', POLICY)
      assert.deepEqual([away.value, away.state], ['away', 'miss'])
      old.end()
      assert.equal((await entry).state, 'uncached')
      assert.equal(await join().getOrSet(key, () => 'none', POLICY), 'away')
      await cache.invalidate(key, POLICY)
      const stale = await cache.getOrSetEntry(key, () => 'newer', POLICY)
      assert.notEqual(stale.state, 'fresh')
      gate.isShut = false
      await until(() => cache.hosts()[index]!.state === 'up')
      const back = await cache.getOrSetEntry(key, () => 'back', POLICY)
      assert.deepEqual([back.value, back.state], ['back', 'miss'])
    })
  }
})
