import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { type TestContext, test } from 'node:test'
import type { BatchMessage, CommandMessage } from '../../src/channels.ts'
import type { MemcachedClient } from '../../src/client/client.ts'
import { serve } from './support.ts'

/** What is told: commands as `get:hit@`, with `@` for a host, and batches with their counts. */
function listen(context: TestContext): () => string[] {
  const told: string[] = []
  const command = {
    asyncEnd: (message: CommandMessage) => {
      assert.ok(message.durationMs! >= 0)
      const state = message.state === undefined ? '' : `/${message.state}`
      const host = message.host === undefined ? '' : '@'
      told.push(`${message.command}:${message.outcome}${state}${host}`)
    },
  }
  const batch = {
    asyncEnd: (message: BatchMessage) => {
      const { command: name, outcome, hits, failed, batchSize } = message
      told.push(`[${name}:${outcome} ${hits}/${batchSize} -${failed}]`)
    },
  }
  const commands = tracingChannel<object, CommandMessage>('mintring:command')
  const batches = tracingChannel<object, BatchMessage>('mintring:batch')
  commands.subscribe(command as never)
  batches.subscribe(batch as never)
  context.after(() => {
    commands.unsubscribe(command as never)
    batches.unsubscribe(batch as never)
  })
  return () => told.splice(0)
}

type Step = readonly [what: string, run: (cache: MemcachedClient) => Promise<unknown>, told: string]

const policy = { ttl: 60 }
const load = (): string => 'x'
const loadMany = (keys: readonly string[]): Map<string, unknown> =>
  new Map(keys.map((key) => [key, key.startsWith('no') ? false : 1]))
const fail = (): never => {
  throw new TypeError('secret-key is not there')
}

async function listAll(cache: MemcachedClient): Promise<void> {
  for await (const item of cache.metadump()) assert.ok(item.key)
}

const STEPS: readonly Step[] = [
  ['set', (c) => c.set('a', 'x'), 'set:ok@'],
  ['get', (c) => c.get('a'), 'get:hit@'],
  ['get of nothing', (c) => c.get('none'), 'get:miss@'],
  ['set of false', (c) => c.set('false', false), 'set:ok@'],
  ['get of false', (c) => c.get('false'), 'get:hit@'],
  ['gets', (c) => c.gets('a'), 'gets:hit@'],
  ['gets of nothing', (c) => c.gets('none'), 'gets:miss@'],
  ['gat', (c) => c.gat('a', 60), 'gat:hit@'],
  ['gat of nothing', (c) => c.gat('none', 60), 'gat:miss@'],
  ['cas of another version', (c) => c.cas('a', 'y', 999_999n), 'cas:refused@'],
  ['cas of nothing', (c) => c.cas('none', 'y', 1n), 'cas:refused@'],
  ['add', (c) => c.add('a', 'y'), 'add:refused@ gets:hit@'],
  ['replace', (c) => c.replace('none', 'y'), 'replace:refused@'],
  ['append', (c) => c.append('a', 'y'), 'append:ok@'],
  ['prepend to nothing', (c) => c.prepend('none', 'y'), 'prepend:refused@'],
  ['incr of nothing', (c) => c.incr('none'), 'incr:refused@'],
  ['incr of text', (c) => c.incr('a').catch(() => {}), 'incr:error@'],
  ['touch', (c) => c.touch('a', 60), 'touch:ok@'],
  ['touch of nothing', (c) => c.touch('none', 60), 'touch:refused@'],
  ['delete of nothing', (c) => c.delete('none'), 'delete:refused@'],
  ['meta.mg', (c) => c.meta.mg('a', { v: true }), 'mg:hit@'],
  ['meta.mg of nothing', (c) => c.meta.mg('none', { v: true }), 'mg:miss@'],
  ['meta.md of nothing', (c) => c.meta.md('none'), 'md:refused@'],
  ['getMany', (c) => c.getMany(['a', 'false', 'none']), 'get:ok@ [getMany:hit 2/3 -0]'],
  ['setMany', (c) => c.setMany({ b: false, d: 0 }), 'set:ok@ [setMany:ok 2/2 -0]'],
  ['deleteMany', (c) => c.deleteMany(['b', 'none']), 'delete:ok@ [deleteMany:refused 1/2 -0]'],
  ['getOrSet that loads', (c) => c.getOrSet('r', load, policy), 'getOrSet:miss/miss@'],
  ['getOrSet that hits', (c) => c.getOrSet('r', load, policy), 'getOrSet:hit/fresh@'],
  ['getOrSetEntry', (c) => c.getOrSetEntry('r', load, policy), 'getOrSet:hit/fresh@'],
  ['invalidate', (c) => c.invalidate('r', { staleWhileRevalidate: 60 }), 'invalidate:ok@'],
  ['getOrSet of stale', (c) => c.getOrSet('r', load, policy), 'getOrSet:stale/stale@'],
  ['invalidate of nothing', (c) => c.invalidate('none'), 'invalidate:refused@'],
  [
    'invalidate of several',
    (c) => c.invalidate(['r', 'none']),
    'invalidate:ok@ invalidate:refused@ [invalidate:refused 1/2 -0]',
  ],
  ['refresh', (c) => c.refresh('r', load, policy), 'refresh:ok/miss@'],
  [
    'getOrSet whose loader fails',
    (c) => c.getOrSet('bad', fail, policy).catch(() => {}),
    'getOrSet:loaderError@',
  ],
  [
    'getOrSetMany',
    (c) => c.getOrSetMany(['r', 'no1', 'no2'], loadMany, policy),
    'mg:ok@ [getOrSetMany:hit 1/3 -0]',
  ],
  [
    'getOrSetMany of values that are false',
    (c) => c.getOrSetMany(['no1', 'no2'], loadMany, policy),
    'mg:ok@ [getOrSetMany:hit 2/2 -0]',
  ],
  [
    'getOrSetMany whose loader fails',
    (c) => c.getOrSetMany(['bad1', 'bad2'], fail, policy).catch(() => {}),
    'mg:ok@ [getOrSetMany:loaderError 0/2 -2]',
  ],
  [
    'define.get',
    (c) => c.define({ key: 'def', loader: load, ttl: 60 }).get(),
    'getOrSet:miss/miss@',
  ],
  [
    'define.refresh',
    (c) => c.define({ key: 'def', loader: load, ttl: 60 }).refresh(),
    'refresh:ok/miss@',
  ],
  [
    'define.invalidate',
    (c) => c.define({ key: 'def', loader: load, ttl: 60 }).invalidate(),
    'invalidate:ok@',
  ],
  ['warm', (c) => c.warm(['w1', 'w2'], load), 'set:ok@ set:ok@ [warm:ok 2/2 -0]'],
  ['version', (c) => c.version(), 'version:ok@'],
  ['stats', (c) => c.stats(), 'stats:ok@'],
  ['raw', (c) => c.raw('a', 'mn'), 'raw:ok@'],
  ['metadump', listAll, 'metadump:ok@'],
  ['flushAll', (c) => c.flushAll(), 'flush_all:ok@'],
  ['get with a signal that fires', getAborted, 'get:aborted@'],
]

async function getAborted(cache: MemcachedClient): Promise<void> {
  const ending = new AbortController()
  const asked = cache.get('a', { signal: ending.signal })
  ending.abort()
  await assert.rejects(asked, { code: 'MINTRING_ABORTED' })
}

test('every verb is told, with its true outcome', async (context) => {
  const told = listen(context)
  const { cache } = await serve(context)
  for (const [what, run, expected] of STEPS) {
    await run(cache)
    await new Promise((resolve) => setTimeout(resolve, 5))
    assert.equal(told().join(' '), expected, what)
  }
})
