import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, serve } from './support.ts'

test('timeoutMs rejects an operation that takes longer', async (context) => {
  const { server, cache } = await serve(context, { requestTimeoutMs: 5000 })
  await cache.set('k', 1)
  await server.inject({ blackHole: true })
  const startMs = performance.now()
  const attempts = [
    cache.get('k', { timeoutMs: 50 }),
    cache.set('k', 2, { timeoutMs: 50 }),
    cache.gets('k', { timeoutMs: 50 }),
    cache.incr('k', 1, { timeoutMs: 50 }),
    cache.getMany(['k'], { timeoutMs: 50 }),
    cache.version({ timeoutMs: 50 }),
  ]
  for (const { status, reason } of (await Promise.allSettled(
    attempts,
  )) as PromiseRejectedResult[]) {
    assert.equal(status, 'rejected')
    assert.match(reason.code, /^MINTRING_(TIMEOUT|CONNECTION)$/)
  }
  assert.ok(performance.now() - startMs < 1000)
})

test('a signal aborts an operation in flight, and its late reply reaches no other caller', async (context) => {
  const { server, cache } = await serve(context, { requestTimeoutMs: 5000 })
  await cache.setMany({ a: 'value of a', b: 'value of b' })
  await server.inject({ delayMs: 60 })
  const controller = new AbortController()
  const { signal } = controller
  const aborted = [
    cache.get('a', { signal }),
    cache.set('c', 1, { signal }),
    cache.getMany(['a', 'b'], { signal }),
    cache.stats('settings', { signal }),
  ]
  const kept = cache.get('b')
  setTimeout(() => controller.abort(new Error('enough')), 20)
  for (const { status, reason } of (await Promise.allSettled(aborted)) as PromiseRejectedResult[]) {
    assert.equal(status, 'rejected')
    assert.equal(reason.code, 'MINTRING_ABORTED')
    assert.equal(reason.cause.message, 'enough')
  }
  assert.equal(await kept, 'value of b')
  assert.equal(await cache.get('a'), 'value of a')
})

test('a signal may be shared by many operations without a warning', async (context) => {
  const { cache } = await serve(context)
  const warnings: Error[] = []
  const onWarning = (warning: Error): number => warnings.push(warning)
  process.on('warning', onWarning)
  context.after(() => process.off('warning', onWarning))
  const { signal } = new AbortController()
  await Promise.all(Array.from({ length: 100 }, (_, i) => cache.get(`k${i}`, { signal })))
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(warnings, [])
})

test('a failed read rejects by default, and is a counted miss with onError: miss', async (context) => {
  const { server, cache } = await serve(context, { requestTimeoutMs: 100, retries: 0 })
  const forgiving = connect(context, [server.address], {
    requestTimeoutMs: 100,
    retries: 0,
    onError: 'miss',
  })
  await server.kill()
  await assert.rejects(cache.get('k'), { name: 'MintringError' })
  assert.equal(await forgiving.get('k'), undefined)
  assert.equal(await forgiving.gets('k'), undefined)
  assert.equal(await forgiving.gat('k', 10), undefined)
  assert.equal(forgiving.forgivenErrors, 3)
  await assert.rejects(forgiving.set('k', 1), { name: 'MintringError' })
  await assert.rejects(forgiving.get('bad key'), { code: 'MINTRING_BAD_KEY' })
  assert.equal(forgiving.forgivenErrors, 3)
})

test('an error has the host, the command and whether bytes were sent, and no value', async (context) => {
  const { server, cache } = await serve(context)
  await cache.set('word', 'topsecret')
  await assert.rejects(cache.incr('word'), (error: Error & Record<string, unknown>) => {
    assert.equal(error.host, server.address)
    assert.equal(error.command, 'incr')
    assert.equal(error.sent, true)
    assert.doesNotMatch(JSON.stringify(error) + error.stack, /topsecret/)
    return true
  })
})
