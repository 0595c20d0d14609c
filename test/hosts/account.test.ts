import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import { parseServers } from '../../src/hosts/address.ts'
import { Debts } from '../../src/hosts/debts.ts'
import { KeyFilter } from '../../src/hosts/key-filter.ts'
import { MemcachedClient } from '../../src/index.ts'
import { DELETE_DEBT } from '../../src/net/request.ts'
import { Gate } from '../meetings/gate.ts'
import { eject, keyOn, startPair, stateOf, storing } from '../support/host-pair.ts'
import { startScripted } from '../support/scripted-server.ts'
import { testCluster, until } from '../support/test-cluster.ts'

const WAITS = { requestTimeoutMs: 500, connectTimeoutMs: 500, retryTimeoutMs: 300 }

describe('the record of changes that a host missed', () => {
  test('over the limit of keys, still finds every key until the host got its delete', () => {
    const debts = new Debts()
    for (let i = 0; i < 1_000; i++) debts.add(`k${i}`, DELETE_DEBT, 10)
    assert.equal(debts.size, 10)
    assert.equal(debts.overflow, 990)
    for (let i = 0; i < 1_000; i++) assert.ok(debts.find(`k${i}`, false), `k${i}`)
    const owed = debts.find('k500', false)!
    debts.settle(owed, 2_000)
    assert.equal(debts.find('k500', false), undefined)
    debts.add('k500', DELETE_DEBT, 10)
    assert.ok(debts.find('k500', false), 'changed again')
  })

  test('a missed delete replaces a missed stale mark, but not the reverse; base64 keys are separate', () => {
    const debts = new Debts()
    debts.add('k', { isMark: true, ttlSeconds: 30, isBase64: false }, 10)
    debts.add('k', DELETE_DEBT, 10)
    debts.add('k', { isMark: true, ttlSeconds: 30, isBase64: false }, 10)
    assert.equal(debts.find('k', false)?.debt.isMark, false)
    assert.equal(debts.find('k', true), undefined)
  })

  test('a flush that ran settles all changes missed before it was sent, and none after', () => {
    const debts = new Debts()
    for (let i = 0; i < 100; i++) debts.add(`k${i}`, DELETE_DEBT, 10)
    const flush = debts.addFlush()
    debts.beginFlush(flush)
    debts.add('k1', DELETE_DEBT, 10)
    assert.equal(debts.size, 11)
    debts.settleFlush(flush)
    assert.deepEqual([debts.size, debts.overflow], [1, 0])
    assert.ok(debts.find('k1', false))
    assert.equal(debts.find('k50', false), undefined)
    debts.settle(debts.find('k1', false)!, 10)
    assert.ok(debts.isEmpty)
  })

  test('after a flush that may not have run, all missed changes remain', () => {
    const debts = new Debts()
    for (let i = 0; i < 100; i++) debts.add(`k${i}`, DELETE_DEBT, 10)
    const early = debts.find('k1', false)!
    const flush = debts.addFlush()
    debts.beginFlush(flush)
    for (let i = 100; i < 200; i++) debts.add(`k${i}`, DELETE_DEBT, 10)
    debts.failFlush()
    debts.settle(early, 10)
    for (let i = 0; i < 200; i++) assert.ok(debts.find(`k${i}`, false), `k${i}`)
    assert.equal(debts.size + debts.overflow, 200)
    // The next connection sends the flush again, and now the host replies to it.
    debts.beginFlush(flush)
    debts.settleFlush(flush)
    assert.ok(debts.isEmpty)
  })

  test('the filter finds a million keys, has few false positives, and stays small', () => {
    const filter = new KeyFilter(100_000)
    for (let i = 0; i < 1_000_000; i++) filter.add(`key:${i}`)
    for (let i = 0; i < 1_000_000; i += 997) assert.ok(filter.has(`key:${i}`))
    let wrong = 0
    for (let i = 0; i < 10_000; i++) if (filter.has(`other:${i}`)) wrong++
    assert.ok(wrong < 200, `${wrong} of 10,000`)
    assert.ok(filter.bytes <= 2 ** 21)
  })
})

test('a copy on a fallback host is not read in the next outage after its key has changed', async (t) => {
  const pair = await startPair(t, WAITS)
  const { client, servers } = pair
  const key = keyOn(client, servers[0].port)
  await eject(pair)
  await client.set(key, 'v1')
  pair.hung = false
  await until(() => stateOf(client) === 'up')
  await client.set(key, 'v2')
  await eject(pair)
  assert.equal(await client.get(key), undefined)
})

test('a write soon after a return also deletes the key on its fallback host, for late processes', async (t) => {
  const pair = await startPair(t, WAITS)
  const { client, servers, items } = pair
  const [key, calm] = [keyOn(client, servers[0].port), keyOn(client, servers[0].port, 'calm')]
  await client.set(calm, 'v1')
  assert.ok(!servers[1].lines.includes(`delete ${calm}`), 'without any trouble')
  await eject(pair)
  pair.hung = false
  await until(() => stateOf(client) === 'up')
  items[1].set(key, 'of a process that has not noticed')
  await client.set(key, 'v2')
  await until(() => !items[1].has(key))
  assert.equal(await client.get(key), 'v2')
})

test('a copy of a process that died is not read in the next outage', async (t) => {
  const pair = await startPair(t, WAITS)
  const { client, servers, items } = pair
  const key = keyOn(client, servers[0].port)
  items[1].set(key, 'left by a process that died')
  items[1].set('\xff~mintring~away~of another time', '1 x')
  await eject(pair)
  assert.equal(await client.get(key), undefined)
  await client.set(key, 'of this outage')
  assert.equal(await client.get(key), 'of this outage')
})

test('a process reads what another one stored in the same outage', async (t) => {
  const pair = await startPair(t, WAITS)
  const key = keyOn(pair.client, pair.servers[0].port)
  await eject(pair)
  await pair.client.set(key, 'shared')
  const other = testCluster(
    t,
    pair.servers.map(({ port }) => port),
    WAITS,
  )
  await until(() => {
    other.get(key).catch(() => undefined)
    return stateOf(other) === 'ejected'
  })
  assert.equal(await other.get(key), 'shared')
})

test('a host that left the list and is back serves nothing older than an acknowledged change', async (t) => {
  const pair = await startPair(t, WAITS)
  const { client, servers } = pair
  const [first, second] = servers.map(({ port }) => `127.0.0.1:${port}`) as [string, string]
  const key = keyOn(client, servers[0].port)
  await client.set(key, 'v1')
  client.cluster.setServers(parseServers(second))
  await client.set(key, 'v2')
  client.cluster.setServers(parseServers([first, second]))
  assert.equal(await client.get(key), undefined)
  await client.set(key, 'v3')
  client.cluster.setServers(parseServers(second))
  assert.equal(await client.get(key), undefined)
})

test('an increment that finds no counter on a fallback host does not change the own host of the key', async (t) => {
  const pair = await startPair(t, WAITS)
  const { client, servers, items } = pair
  const key = keyOn(client, servers[0].port)
  await client.set(key, '5')
  await eject(pair)
  await client.incr(key).catch(() => undefined)
  pair.hung = false
  await until(() => stateOf(client) === 'up')
  assert.equal(await client.get(key), '5')
  assert.equal(items[0].get(key), '5')
})

test('hosts() shows for how many keys a host missed changes', async (t) => {
  const pair = await startPair(t, WAITS)
  const { client, servers } = pair
  await eject(pair)
  await client.set(keyOn(client, servers[0].port), 'v')
  await until(() => client.cluster.snapshot()[0]!.owed === 1)
  pair.hung = false
  await until(() => client.cluster.snapshot()[0]!.owed === 0)
})

test('a write with an unknown outcome is deleted on its fallback host when later writes went elsewhere', async (t) => {
  const items = Array.from({ length: 3 }, () => new Map<string, string>())
  const modes = ['open', 'open', 'open']
  let key = ''
  const servers = await Promise.all(
    items.map((held, index) => {
      const store = storing(held)
      return startScripted(
        (line, socket) => {
          if (modes[index] === 'hung') return
          // Without CAS ids, only the client's own record tells which copies are old.
          if (line === 'stats settings') socket.write('STAT cas_enabled no\r\nEND\r\n')
          else if (line === 'version') socket.write('VERSION 1.6.18\r\n')
          else if (line === 'mn') socket.write('MN\r\n')
          else if (modes[index] === 'lossy' && line === 'v1') {
            held.set(key, line)
            modes[index] = 'refused'
            socket.resetAndDestroy()
          } else store(line, socket)
        },
        {
          greets: false,
          onConnect: (socket) => void (modes[index] === 'refused' && socket.resetAndDestroy()),
        },
      )
    }),
  )
  t.after(() => Promise.all(servers.map((server) => server.close())))
  const client = testCluster(
    t,
    servers.map(({ port }) => port),
    { ...WAITS, serverFailureLimit: 1, requestTimeoutMs: 200, retryWrites: false },
  )
  const { cluster } = client
  key = keyOn(client, servers[0]!.port)
  const indexOf = (name: string) => cluster.hosts.findIndex((host) => host.name === name)
  const second = indexOf(cluster.locate(key).fallback!)
  const other = keyOn(client, servers[0]!.port, 'other')
  await client.get(other)
  modes[0] = 'hung'
  const asked: Promise<unknown>[] = []
  await until(() => {
    asked.push(client.get(other).catch(() => undefined))
    return cluster.snapshot()[0]!.state !== 'up'
  })
  // Wait for the reads: the scripted server would take the line of another command for the value of
  // the set.
  await Promise.all(asked)
  modes[second] = 'lossy'
  await assert.rejects(client.set(key, 'v1'), { sent: true })
  assert.equal(items[second]!.get(key), 'v1', 'the fallback host executed it')
  await client.set(key, 'v2')
  modes[second] = 'open'
  await until(() => cluster.snapshot()[second]!.state === 'up')
  assert.notEqual(await client.get(key), 'v1')
})

test('a host that returns while a write on its fallback host has no reply serves nothing older than it', async (t) => {
  const items = [new Map<string, string>(), new Map<string, string>()] as const
  let isRefusing = false
  let release = (): void => {}
  const store = storing(items[1])
  const onConnect = (socket: Socket): void => void (isRefusing && socket.resetAndDestroy())
  const home = await startScripted(storing(items[0]), { onConnect })
  const other = await startScripted((line, socket) => {
    if (line !== 'v2') return store(line, socket)
    // Another process may read the value now, although its writer has no reply yet.
    items[1].set(key, line)
    const reply = new Promise<void>((resolve) => {
      release = resolve
    })
    void reply.then(() => store(line, socket))
  })
  t.after(() => Promise.all([home.close(), other.close()]))
  const times = { requestTimeoutMs: 10_000, connectTimeoutMs: 500, retryTimeoutMs: 500 }
  const client = testCluster(t, [home.port, other.port], { ...times, serverFailureLimit: 1 })
  const key = keyOn(client, home.port)
  await client.set(key, 'v1')
  isRefusing = true
  for (const socket of home.sockets) socket.resetAndDestroy()
  await until(() => {
    client.get(keyOn(client, home.port, 'eject')).catch(() => undefined)
    return stateOf(client) === 'ejected'
  })
  const writing = client.set(key, 'v2')
  await until(() => items[1].get(key) === 'v2')
  isRefusing = false
  await until(() => stateOf(client) === 'up')
  assert.equal(await client.get(key), undefined)
  release()
  assert.equal(await writing, 'STORED')
  await until(() => !items[1].has(key))
})

test('the first write of an outage is read right after it, in the same event loop tick', async (t) => {
  const servers = [await startServer(), await startServer()]
  const gate = await new Gate(servers[0]!.port).open()
  const home = `127.0.0.1:${gate.port}`
  gate.shut()
  const client = new MemcachedClient([home, servers[1]!.address], { serverFailureLimit: 1 })
  t.after(async () => {
    await client.close({ drainMs: 0 })
    await gate.close()
    await Promise.all(servers.map((server) => server.close()))
  })
  let at = 0
  while (client.locate(`key:${at}`).server !== home) at++
  await client.set(`key:${at}`, 'value')
  assert.equal(await client.get(`key:${at}`), 'value')
})
