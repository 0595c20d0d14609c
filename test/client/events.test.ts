import assert from 'node:assert/strict'
import { channel, tracingChannel } from 'node:diagnostics_channel'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { serve } from './support.ts'

const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))

test('a listener that throws or rejects causes a warning', async (context) => {
  const { cache } = await serve(context)
  const warnings: string[] = []
  const listen = ({ message }: Error): void => void warnings.push(message)
  process.on('warning', listen)
  context.after(() => process.off('warning', listen))
  cache.on('configure', () => {
    throw new Error('thrown')
  })
  cache.on('configure', async () => {
    throw new Error('rejected')
  })
  cache.configure({ requestTimeoutMs: 250 })
  await soon()
  assert.deepEqual(warnings, [
    "a listener of 'configure' failed: thrown",
    "a listener of 'configure' failed: rejected",
  ])
})

test('settings and servers that do not change emit no event', async (context) => {
  const { server, cache } = await serve(context)
  const told: string[] = []
  cache.on('configure', ({ changes }) => told.push(Object.keys(changes).join()))
  cache.configure({ requestTimeoutMs: cache.behaviors.requestTimeoutMs })
  cache.configure({})
  cache.setServers([server.address])
  assert.deepEqual(told, [])
  cache.setServers([`${server.address}:2`])
  cache.configure({ requestTimeoutMs: 123 })
  assert.deepEqual(told, ['servers', 'requestTimeoutMs'])
})

/** Everything published on the channels, as text. */
function overhear(context: TestContext): () => string {
  const heard: string[] = []
  const hear = (message: unknown): void =>
    void heard.push(inspect(message, { depth: 9, showHidden: true }))
  const names = ['eject', 'probe', 'return', 'refill', 'configure'].map(
    (name) => `mintring:${name}`,
  )
  const traced = ['command', 'batch', 'connect'].map((name) => tracingChannel(`mintring:${name}`))
  const moments = traced.flatMap(({ start, end, asyncStart, asyncEnd, error }) => {
    return [start, end, asyncStart, asyncEnd, error]
  })
  const channels = [...names.map((name) => channel(name)), ...moments]
  for (const each of channels) each.subscribe(hear)
  context.after(() => {
    for (const each of channels) each.unsubscribe(hear)
  })
  return () => heard.join('\n')
}

test('without traceKeys no channel publishes a key, neither in errors nor in messages of loaders', async (context) => {
  const heard = overhear(context)
  const { cache } = await serve(context, { keyPrefix: 'app:' })
  const key = 'secret-key'
  const failing = (): never => {
    throw new Error(`no row for ${key}`)
  }
  const calls = [
    () => cache.set(key, 'x'.repeat(2_000_000)),
    () => cache.set(key, 'text'),
    () => cache.incr(key),
    () => cache.getOrSet(key, failing, { ttl: 5 }),
    () => cache.getOrSet(key, () => 1, { ttl: 6 }),
    () => cache.getOrSetMany([key], failing, { ttl: 5 }),
    () => cache.getOrSetMany([key], failing, { ttl: 6 }),
    () => cache.refresh(key, failing, { ttl: 5 }),
    () => cache.setMany({ [key]: 'x'.repeat(2_000_000) }),
    () => cache.getMany([key, 'other']),
    () => cache.invalidate([key]),
    () => cache.warm([key], failing),
  ]
  for (const call of calls) await call().catch(() => {})
  await soon()
  assert.match(heard(), /MINTRING_BAD_POLICY/)
  assert.match(heard(), /loaderError/)
  assert.doesNotMatch(heard(), /secret-key/)
})
