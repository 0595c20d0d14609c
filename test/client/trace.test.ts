import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { type TestContext, test } from 'node:test'
import { PATIENT, serve } from './support.ts'

/** The messages of the named channel at the end of each operation of a test. */
function listen(context: TestContext, name: string): Record<string, unknown>[] {
  const told: Record<string, unknown>[] = []
  const handlers = {
    asyncEnd: ({ client, durationMs, attempts, bytes, ...message }: Record<string, unknown>) => {
      assert.match(String(client), /^\d+$/)
      assert.ok((durationMs as number) >= 0)
      told.push(message)
    },
  }
  const channel = tracingChannel<unknown, object>(name)
  channel.subscribe(handlers as never)
  context.after(() => channel.unsubscribe(handlers as never))
  return told
}

test('the command channel publishes host and outcome, without key or value', async (context) => {
  const told = listen(context, 'mintring:command')
  const { server, cache } = await serve(context, PATIENT)
  await cache.get('k')
  await cache.set('k', 'secret')
  await cache.get('k')
  await cache.add('k', 'secret')
  await assert.rejects(cache.incr('k'))
  const place = { host: server.address, serverAddress: '127.0.0.1', serverPort: server.port }
  assert.deepEqual(
    told.map(({ error, ...rest }) => rest),
    [
      { command: 'get', ...place, outcome: 'miss' },
      { command: 'set', ...place, outcome: 'ok' },
      { command: 'get', ...place, outcome: 'hit' },
      { command: 'add', ...place, outcome: 'refused' },
      { command: 'incr', ...place, outcome: 'refused' },
    ],
  )
  assert.equal((told[4]?.error as { code: string } | undefined)?.code, 'MINTRING_REFUSED')
})

test('traceKeys adds the key to the messages of commands', async (context) => {
  const told = listen(context, 'mintring:command')
  const { cache } = await serve(context, { ...PATIENT, traceKeys: true })
  await cache.get('k')
  assert.equal(told[0]?.key, 'k')
})

test('the batch channel publishes one message per batch, with the number of keys that succeeded', async (context) => {
  const told = listen(context, 'mintring:batch')
  const { cache } = await serve(context, PATIENT)
  await cache.setMany({ a: 1, b: 2 })
  await cache.getMany(['a', 'b', 'c'])
  await cache.getManyDetailed(['c'])
  await cache.deleteMany(['a', 'c'])
  assert.deepEqual(told, [
    { command: 'setMany', batchSize: 2, hits: 2, failed: 0, outcome: 'ok' },
    { command: 'getMany', batchSize: 3, hits: 2, failed: 0, outcome: 'hit' },
    { command: 'getMany', batchSize: 1, hits: 0, failed: 0, outcome: 'miss' },
    { command: 'deleteMany', batchSize: 2, hits: 1, failed: 0, outcome: 'refused' },
  ])
})

test('the batch channel counts a stored false as a hit, and counts the keys that failed', async (context) => {
  const told = listen(context, 'mintring:batch')
  const { server, cache } = await serve(context, { ...PATIENT, retries: 0 })
  await cache.set('no', false)
  await cache.getMany(['no'])
  await server.close()
  await assert.rejects(cache.getMany(['no', 'yes'], { timeoutMs: 200 }))
  await cache.setMany({ a: 1 })
  assert.deepEqual(told, [
    { command: 'getMany', batchSize: 1, hits: 1, failed: 0, outcome: 'hit' },
    { command: 'getMany', batchSize: 2, hits: 0, failed: 2, outcome: 'error' },
    { command: 'setMany', batchSize: 1, hits: 0, failed: 1, outcome: 'error' },
  ])
})

test('the command channel publishes the host when a command starts', async (context) => {
  const { server, cache } = await serve(context, PATIENT)
  const hosts: unknown[] = []
  const listener = (message: unknown) => hosts.push((message as { host?: string }).host)
  const { start } = tracingChannel('mintring:command')
  start.subscribe(listener)
  context.after(() => start.unsubscribe(listener))
  await cache.get('k')
  assert.deepEqual(hosts, [server.address])
})

test('the command channel publishes the part of a batch that each host handles, without the keys', async (context) => {
  const told = listen(context, 'mintring:command')
  const { server, cache } = await serve(context, { ...PATIENT, traceKeys: true })
  await cache.setMany({ a: 1, b: 2 })
  await cache.getMany(['a', 'b', 'c'])
  await server.close()
  await cache.getManyDetailed(['a'], { timeoutMs: 200 })
  const place = { host: server.address, serverAddress: '127.0.0.1', serverPort: server.port }
  assert.deepEqual(told.slice(0, 2), [
    { command: 'set', ...place, outcome: 'ok' },
    { command: 'get', ...place, outcome: 'ok' },
  ])
  assert.equal(told[2]?.host, server.address)
  assert.equal(told[2]?.outcome, 'error')
})

test('the command channel publishes commands to one named host', async (context) => {
  const told = listen(context, 'mintring:command')
  const { server, cache } = await serve(context, PATIENT)
  await cache.stats()
  assert.deepEqual(
    told.map(({ command, host, outcome }) => ({ command, host, outcome })),
    [{ command: 'stats', host: server.address, outcome: 'ok' }],
  )
})
