import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eject, keyOn, startPair, stateOf, storing } from '../support/host-pair.ts'
import { versionRequest } from '../support/plain-verbs.ts'
import { answerGets, startScripted } from '../support/scripted-server.ts'
import { startStopwatch } from '../support/stopwatch.ts'
import { sleep, testCluster, until } from '../support/test-cluster.ts'

const isCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code

test('reads of a host that hangs use another host, and no request waits once it is ejected', async (t) => {
  const ejected: string[] = []
  const pair = await startPair(t, { hooks: { eject: ({ host }) => ejected.push(host) } })
  const key = keyOn(pair.client, pair.servers[0].port)
  await pair.client.set(key, 'v')
  pair.hung = true
  const waitedMs = startStopwatch(t)
  assert.equal(await pair.client.get(key), undefined)
  assert.ok(waitedMs() < 300)
  await until(() => stateOf(pair.client) === 'ejected')
  assert.ok(waitedMs() < 2 * 200 + 300)
  const waitedSinceMs = startStopwatch(t)
  assert.equal(await pair.client.get(key), undefined)
  assert.ok(waitedSinceMs() < 50)
  assert.deepEqual(ejected, [`127.0.0.1:${pair.servers[0].port}`])
})

test('an ejection closes no connection of other hosts and causes no error there', async (t) => {
  const pair = await startPair(t, {
    requestTimeoutMs: 1_000,
    connectTimeoutMs: 1_000,
    serverFailureLimit: 1,
    // Thousands of gets leave the host at once: a slow machine needs time for them.
    retries: 9,
  })
  const { client, servers } = pair
  const keys = Array.from({ length: 60 }, (_, i) => `key${i}`)
  await Promise.all(keys.map((key) => client.get(key)))
  pair.hung = true
  const pending: Promise<unknown>[] = []
  while (stateOf(client) !== 'ejected') {
    pending.push(...keys.map((key) => client.get(key)))
    await sleep(5)
  }
  await Promise.all(pending)
  assert.equal(servers[1].accepted, 1)
})

test('keys written to a fallback host are deleted there when their own host is back', async (t) => {
  const pair = await startPair(t)
  const key = keyOn(pair.client, pair.servers[0].port)
  await eject(pair)
  await pair.client.set(key, 'meanwhile')
  assert.equal(pair.items[1].get(key), 'meanwhile')
  pair.hung = false
  await until(() => stateOf(pair.client) === 'up')
  await until(() => !pair.items[1].has(key))
})

test('an ejected host gets no user command; a probe brings it back', async (t) => {
  const pair = await startPair(t)
  await eject(pair)
  const key = keyOn(pair.client, pair.servers[0].port)
  const before = pair.servers[0].lines.length
  for (let i = 0; i < 50; i++) {
    await pair.client.get(key)
    await sleep(5)
  }
  const since = pair.servers[0].lines.slice(before)
  assert.deepEqual(
    since.filter((line) => line !== 'version'),
    [],
  )
  pair.hung = false
  await until(() => stateOf(pair.client) === 'up')
  await pair.client.set(key, 'back')
  assert.equal(pair.items[0].get(key), 'back')
})

test('keys changed on a fallback host are deleted on their own host before it is read again', async (t) => {
  const pair = await startPair(t)
  const { client, servers, items } = pair
  const [written, deleted, kept] = ['w', 'd', 'k'].map((prefix) =>
    keyOn(client, servers[0].port, prefix),
  )
  for (const key of [written, deleted, kept]) await client.set(key!, 'old')
  await eject(pair)
  await client.set(written!, 'new')
  await client.delete(deleted!)
  assert.equal(await client.get(written!), 'new')
  pair.hung = false
  await until(() => stateOf(client) === 'up')
  assert.equal(await client.get(written!), undefined)
  assert.equal(await client.get(deleted!), undefined)
  assert.equal(await client.get(kept!), 'old')
  assert.equal(items[0].has(written!), false)
})

test("onReturn: 'flush' empties a host before it is read again", async (t) => {
  const pair = await startPair(t, { onReturn: 'flush' })
  const key = keyOn(pair.client, pair.servers[0].port)
  await pair.client.set(key, 'old')
  await eject(pair)
  pair.hung = false
  await until(() => stateOf(pair.client) === 'up')
  assert.equal(await pair.client.get(key), undefined)
})

test('an invalidation that a host missed is sent later with its original flags', async (t) => {
  const pair = await startPair(t)
  const { client, servers } = pair
  await eject(pair)
  const home = client.cluster.hosts[0]!
  const mark = { isMark: true, ttlSeconds: 30, isBase64: false }
  client.cluster.owe(home, 'page', mark)
  pair.hung = false
  await until(() => servers[0].lines.includes('md page I T30'))
})

test('missed changes beyond maxOwedKeys are reported when the host returns', async (t) => {
  const lost: number[] = []
  const pair = await startPair(t, {
    requestTimeoutMs: 1_000,
    connectTimeoutMs: 1_000,
    serverFailureLimit: 1,
    maxOwedKeys: 10_000,
    hooks: { invalidationsLost: ({ keys }) => lost.push(keys) },
  })
  await eject(pair)
  const home = pair.client.cluster.hosts[0]!
  for (let i = 0; i < 10_007; i++) pair.client.cluster.owe(home, `k${i}`)
  pair.hung = false
  await until(() => stateOf(pair.client) === 'up')
  assert.deepEqual(lost, [7])
  await until(() => home.debts.size === 0)
})

test("failover: 'error' rejects at once, and 'miss' returns a miss", async (t) => {
  for (const failover of ['error', 'miss'] as const) {
    const pair = await startPair(t, { failover })
    const key = keyOn(pair.client, pair.servers[0].port)
    await pair.client.set(key, 'v')
    await eject(pair)
    if (failover === 'error') {
      await assert.rejects(pair.client.get(key), isCode('MINTRING_HOST_EJECTED'))
    } else {
      assert.equal(await pair.client.get(key), undefined)
      assert.equal(await pair.client.set(key, 'new'), 'MISS')
    }
    assert.equal(pair.items[1].size, 0)
    assert.equal(pair.client.cluster.hostFor(key), undefined)
  }
})

test('a gutter takes the keys of an ejected host, with a short ttl', async (t) => {
  const items = new Map<string, string>()
  const gutter = await startScripted(storing(items))
  t.after(() => gutter.close())
  const pair = await startPair(t, { failover: { gutter: `127.0.0.1:${gutter.port}`, ttl: 10 } })
  const key = keyOn(pair.client, pair.servers[0].port)
  await eject(pair)
  await pair.client.set(key, 'kept', 600)
  assert.ok(gutter.lines.includes(`set ${key} 0 10 4`))
  assert.equal(await pair.client.get(key), 'kept')
  assert.equal(pair.items[1].size, 0)
  assert.equal(pair.client.cluster.locate(key).fallback, `127.0.0.1:${gutter.port}`)
})

test("ejection: 'rebuild' places keys on a ring without the host", async (t) => {
  const pair = await startPair(t, { ejection: 'rebuild' })
  const key = keyOn(pair.client, pair.servers[0].port)
  await eject(pair)
  await pair.client.set(key, 'v')
  assert.equal(pair.items[1].get(key), 'v')
  assert.equal(await pair.client.get(key), 'v')
  assert.equal(pair.client.cluster.homeOf(key).server.port, pair.servers[0].port)
  pair.hung = false
  await until(() => stateOf(pair.client) === 'up')
  assert.equal(await pair.client.get(key), undefined)
})

test('with every host ejected requests reject at once with NO_HOSTS and a cause, and probes continue', async (t) => {
  const probes: boolean[] = []
  const client = testCluster(t, [1, 2], { hooks: { probe: ({ ok }) => probes.push(ok) } })
  await until(() => {
    client.get('a').catch(() => undefined)
    client.get('b').catch(() => undefined)
    client.get('c').catch(() => undefined)
    return client.cluster.snapshot().every(({ state }) => state === 'ejected')
  })
  const waitedMs = startStopwatch(t)
  await assert.rejects(client.get('k'), (error: Error) => {
    return isCode('MINTRING_NO_HOSTS')(error) && isCode('MINTRING_CONNECTION')(error.cause)
  })
  assert.ok(waitedMs() < 20)
  await until(() => probes.length >= 4)
})

test('a single host is not ejected: it serves as soon as a dial succeeds', async (t) => {
  const probes: boolean[] = []
  const hooks = { probe: ({ ok }: { ok: boolean }) => probes.push(ok) }
  const client = testCluster(t, [1], { hooks, retryTimeoutMs: 60_000, serverFailureLimit: 1 })
  const { port } = client.cluster.hosts[0]!.server
  assert.equal(port, 1)
  await until(() => {
    client.get('k').catch(() => undefined)
    return client.cluster.snapshot()[0]!.failures > 3
  })
  assert.equal(stateOf(client), 'suspect')
  // The call ends by its own timeout if the next dial is later.
  await assert.rejects(client.get('k'), (error: Error) => {
    return [error, error.cause].some(isCode('MINTRING_CONNECTION'))
  })
  assert.deepEqual(probes, [])
})

test('a single host that breaks every second connection keeps serving', async (t) => {
  let isBroken = false
  const server = await startScripted((line, socket) => {
    isBroken = !isBroken
    if (isBroken) socket.destroy()
    else answerGets(line, socket)
  })
  t.after(() => server.close())
  const client = testCluster(t, [server.port], { serverFailureLimit: 1, retryTimeoutMs: 60_000 })
  for (let i = 0; i < 10; i++) assert.equal(await client.get('k'), 'value of k')
  assert.notEqual(stateOf(client), 'ejected')
})

test('with ejectLoneHost a single host is ejected like others', async (t) => {
  const client = testCluster(t, [1], { ejectLoneHost: true })
  await until(() => {
    client.get('k').catch(() => undefined)
    return stateOf(client) === 'ejected'
  })
  await assert.rejects(client.get('k'), isCode('MINTRING_NO_HOSTS'))
})

test('a request for one host is never sent to another', async (t) => {
  const pair = await startPair(t)
  await eject(pair)
  const request = versionRequest()
  pair.client.cluster.dispatchTo(pair.client.cluster.hosts[0]!, request)
  await assert.rejects(request.promise, isCode('MINTRING_HOST_EJECTED'))
  const fine = versionRequest()
  pair.client.cluster.dispatchTo(pair.client.cluster.hosts[1]!, fine)
  assert.equal(await fine.promise, 'VERSION 1.6.18')
})

test('locate returns the host of a key and its fallback host', async (t) => {
  const pair = await startPair(t)
  const key = keyOn(pair.client, pair.servers[0].port)
  const [a, b] = pair.servers.map(({ port }) => `127.0.0.1:${port}`)
  const { hash, point, ...rest } = pair.client.cluster.locate(key)
  assert.deepEqual(rest, { server: a, ejected: false, fallback: b })
  assert.ok(Number.isInteger(hash) && Number.isInteger(point))
  await eject(pair)
  assert.equal(pair.client.cluster.locate(key).ejected, true)
})
