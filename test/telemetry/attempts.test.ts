import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { type TestContext, test } from 'node:test'
import type { BatchMessage, CommandMessage } from '../../src/channels.ts'
import type { MemcachedClient } from '../../src/client/client.ts'
import { skipWithoutMemcached, skipWithoutMeta } from '../support/memcached.ts'
import type { CountingProxy } from './counting-proxy.ts'
import { startWatched } from './observer.ts'

const POLICY = { ttl: 60, staleWhileRevalidate: 60, jitter: 0 } as const
const VALUE = 'a value'
const load = (): string => VALUE

/** The end of each command or batch of a test. */
function listen<Message>(context: TestContext, channel: string): Message[] {
  const ended: Message[] = []
  const end = (message: unknown): void => void ended.push({ ...(message as Message) })
  const { asyncEnd } = tracingChannel(channel)
  asyncEnd.subscribe(end)
  context.after(() => asyncEnd.unsubscribe(end))
  return ended
}

interface Counted {
  readonly cache: MemcachedClient
  readonly proxies: readonly CountingProxy[]
  readonly commands: CommandMessage[]
  readonly batches: BatchMessage[]
}

async function start(
  context: TestContext,
  protocol: 'meta' | 'classic' = 'meta',
): Promise<Counted> {
  const { cache, proxies } = await startWatched(context, {
    ...{ requestTimeoutMs: 5000, connectTimeoutMs: 2000, protocol, valueFlags: 'mintring' },
  })
  // Open all connections first: their handshakes send commands too.
  await cache.version()
  const commands = listen<CommandMessage>(context, 'mintring:command')
  return { cache, proxies, commands, batches: listen(context, 'mintring:batch') }
}

/** How many commands the proxies saw. */
function onWire(proxies: readonly CountingProxy[]): number {
  let count = 0
  for (const { commands } of proxies) for (const times of commands.values()) count += times
  return count
}

/**
 * Runs a call for a key; returns its message, and how many commands the key's host saw meanwhile.
 * An invalidation is also sent to the other host, which may have a copy.
 */
async function measured(
  { cache, proxies, commands }: Counted,
  key: string,
  run: () => Promise<unknown>,
): Promise<{ attempts: number | undefined; bytes: number | undefined; wire: number }> {
  const home = proxies.filter(({ address }) => address === cache.locate(key).server)
  const before = onWire(home)
  await run()
  const { attempts, bytes } = commands.at(-1)!
  return { attempts, bytes, wire: onWire(home) - before }
}

for (const protocol of ['meta', 'classic'] as const) {
  test(`with ${protocol} commands each call that may load has the attempts and bytes that a proxy counts`, {
    skip: protocol === 'meta' ? skipWithoutMeta() : skipWithoutMemcached(),
  }, async (context) => {
    const counted = await start(context, protocol)
    const { cache } = counted
    const page = cache.define({ key: (id: number) => `page:${id}`, loader: load, ...POLICY })
    const bytes = VALUE.length
    const calls: [string, () => Promise<unknown>, bytes?: number][] = [
      ['a miss', () => cache.getOrSet('k', load, POLICY)],
      ['a hit', () => cache.getOrSet('k', load, POLICY), bytes],
      ['an entry', () => cache.getOrSetEntry('k', load, POLICY), bytes],
      ['an invalidation', () => cache.invalidate('k')],
      ['a refresh', () => cache.refresh('k', load, POLICY)],
      ['a miss of a definition', () => page.get(1)],
      ['a hit of a definition', () => page.get(1), bytes],
      ['a refresh of a definition', () => page.refresh(1)],
      ['an invalidation of a definition', () => page.invalidate(1)],
    ]
    for (const [name, run, wanted] of calls) {
      const key = name.endsWith('definition') ? 'page:1' : 'k'
      const { attempts, wire, bytes: told } = await measured(counted, key, run)
      assert.ok(wire > 0, name)
      assert.equal(attempts, wire, name)
      if (wanted !== undefined) assert.equal(told, wanted, name)
    }
  })
}

const skip = skipWithoutMeta()

test('bytes are those of the stored value after a miss, and of the read value after a stale hit', {
  skip,
}, async (context) => {
  const counted = await start(context)
  const { cache } = counted
  const miss = await measured(counted, 'k', () => cache.getOrSet('k', load, POLICY))
  assert.deepEqual(miss, { attempts: 2, bytes: VALUE.length, wire: 2 })
  await cache.invalidate('k')
  await cache.getOrSetEntry('k', () => 'another value', POLICY)
  const { outcome, attempts, bytes } = counted.commands.at(-1)!
  // The store of the new value follows in the background, and is no part of the call.
  assert.deepEqual({ outcome, attempts, bytes }, { outcome: 'stale', attempts: 1, bytes: 7 })
})

test('of two calls that share a read only the first has attempts', { skip }, async (context) => {
  const { cache, commands } = await start(context)
  await cache.getOrSet('k', load, POLICY)
  commands.length = 0
  await Promise.all([cache.getOrSet('k', load, POLICY), cache.getOrSet('k', load, POLICY)])
  const attempts = commands.map(({ attempts }) => attempts)
  assert.deepEqual(attempts.sort(), [0, 1])
})

test('the commands of a loader do not count for the call that runs it', {
  skip,
}, async (context) => {
  const { cache, commands } = await start(context)
  const nested = async (): Promise<string> => {
    await cache.delete('other')
    return cache.getOrSet('inner', load, POLICY)
  }
  await cache.getOrSet('outer', nested, POLICY)
  const told = commands.map(({ command, attempts }) => [command, attempts])
  assert.deepEqual(
    told.filter(([command]) => command === 'getOrSet'),
    [
      ['getOrSet', 2],
      ['getOrSet', 2],
    ],
  )
})

test('a call that is retried on another host counts each attempt', { skip }, async (context) => {
  const { cache, proxies, commands } = await start(context)
  cache.configure({ serverFailureLimit: 1, retryTimeoutMs: 60_000 })
  const cut = proxies[0]!
  const keys = Array.from({ length: 100 }, (_, i) => `k${i}`)
  const key = keys.find((one) => cache.locate(one).server === cut.address)!
  await cache.getOrSet(key, load, POLICY)
  await cut.cut()
  await cache.getOrSet(key, load, POLICY)
  const { attempts = 0, host } = commands.at(-1)!
  assert.ok(attempts >= 2, String(attempts))
  assert.equal(host, proxies[1]!.address)
})

test('a batch that may load, and its parts, have the attempts and bytes of their commands', {
  skip,
}, async (context) => {
  const { cache, proxies, commands, batches } = await start(context)
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
  const loadAll = (missing: readonly string[]): Map<string, string> =>
    new Map(missing.map((key) => [key, VALUE]))
  await cache.getOrSetMany(keys.slice(0, 12), loadAll, POLICY)
  const before = onWire(proxies)
  commands.length = 0
  await cache.getOrSetMany(keys, loadAll, POLICY)
  const { attempts, bytes } = batches.at(-1)!
  assert.deepEqual({ attempts, bytes }, { attempts: onWire(proxies) - before, bytes: 20 * 7 })
  const sum = (of: 'attempts' | 'bytes'): number =>
    commands.reduce((all, message) => all + (message[of] ?? 0), 0)
  // The parts are the reads of each host; the values that were found are read, not stored.
  assert.deepEqual({ attempts: sum('attempts'), bytes: sum('bytes') }, { attempts: 20, bytes: 84 })
})

test('batches and tag verbs have the attempts that their hosts saw', { skip }, async (context) => {
  const { cache, batches, commands, proxies } = await start(context)
  const keys = Array.from({ length: 30 }, (_, i) => `k${i}`)
  await cache.setMany(new Map(keys.map((key) => [key, VALUE])))
  await cache.getMany(keys)
  await cache.deleteMany(keys)
  const parts = commands.reduce((all, { attempts = 0 }) => all + attempts, 0)
  assert.equal(
    batches.reduce((all, { attempts = 0 }) => all + attempts, 0),
    parts,
  )
  const before = onWire(proxies)
  await cache.tagVersions(['a', 'b'])
  await cache.invalidateTags(['a', 'b', 'c'])
  const [versions, changes] = batches.slice(-2).map(({ attempts }) => attempts)
  assert.equal(versions! + changes!, onWire(proxies) - before)
})

test('a delete of a key that a load has locked is one operation of one attempt', {
  skip,
}, async (context) => {
  const { cache, commands, batches } = await start(context)
  const loads: Promise<unknown>[] = []
  let finish = (_value: string): void => {}
  const value = new Promise<string>((resolve) => {
    finish = resolve
  })
  for (const key of ['one', 'many']) {
    await new Promise<void>((started) => {
      const slow = (): Promise<string> => {
        started()
        return value
      }
      loads.push(cache.getOrSet(key, slow, { ...POLICY, placeholder: 'sidecar' }))
    })
  }
  commands.length = 0
  assert.equal(await cache.delete('one'), false)
  const told = commands.map(({ command, outcome, attempts }) => [command, outcome, attempts])
  assert.deepEqual(told, [['delete', 'refused', 1]])
  await cache.deleteMany(['many'])
  const batch = batches.map(({ command, batchSize, outcome, attempts }) => ({
    ...{ command, batchSize, outcome, attempts },
  }))
  assert.deepEqual(batch, [
    { command: 'deleteMany', batchSize: 1, outcome: 'refused', attempts: 1 },
  ])
  finish('value')
  await Promise.all(loads)
})
