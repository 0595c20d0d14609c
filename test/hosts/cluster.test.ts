import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseServers } from '../../src/hosts/address.ts'
import {
  deleteRequest,
  getRequest,
  incrRequest,
  type PlainClient,
  setRequest,
  versionRequest,
} from '../support/plain-verbs.ts'
import {
  answerGets,
  type Script,
  type ScriptedServer,
  startScripted,
} from '../support/scripted-server.ts'
import { QUICK, sleep, testCluster, until } from '../support/test-cluster.ts'

const isCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code

/** A store of one value per key, over the wire. */
function storing(items: Map<string, string>): Script {
  let pending: string | undefined
  return (line, socket) => {
    const [verb = '', key = ''] = line.split(' ')
    if (pending !== undefined) {
      items.set(pending, line)
      pending = undefined
      socket.write('STORED\r\n')
    } else if (verb === 'set') pending = key
    else if (verb === 'delete') socket.write(items.delete(key) ? 'DELETED\r\n' : 'NOT_FOUND\r\n')
    else if (verb === 'flush_all') {
      items.clear()
      socket.write('OK\r\n')
    } else if (verb === 'get') {
      for (const name of line.split(' ').slice(1)) {
        const value = items.get(name)
        if (value !== undefined) socket.write(`VALUE ${name} 0 ${value.length}\r\n${value}\r\n`)
      }
      socket.write('END\r\n')
    }
  }
}

/** A key that lives on the host with this port. */
function keyOn(client: PlainClient, port: number, prefix = 'key'): string {
  for (let i = 0; ; i++) {
    const key = `${prefix}${i}`
    if (client.cluster.homeOf(key).server.port === port) return key
  }
}

interface Pair {
  readonly client: PlainClient
  readonly servers: readonly [ScriptedServer, ScriptedServer]
  readonly items: readonly [Map<string, string>, Map<string, string>]
  /** The first server answers nothing while it is true. */
  hung: boolean
}

async function startPair(
  t: Parameters<typeof testCluster>[0],
  options: Parameters<typeof testCluster>[2] = {},
): Promise<Pair> {
  const items = [new Map<string, string>(), new Map<string, string>()] as const
  const pair = { hung: false } as { -readonly [K in keyof Pair]: Pair[K] }
  const first = storing(items[0])
  const script: Script = (line, socket) => {
    if (pair.hung) return
    if (line === 'version') socket.write('VERSION 1.6.18\r\n')
    else if (line === 'mn') socket.write('MN\r\n')
    else if (line === 'stats settings') socket.write('END\r\n')
    else first(line, socket)
  }
  const servers = [
    await startScripted(script, { greets: false }),
    await startScripted(storing(items[1])),
  ] as const
  t.after(() => Promise.all(servers.map((server) => server.close())))
  pair.client = testCluster(
    t,
    servers.map(({ port }) => port),
    options,
  )
  return Object.assign(pair, { servers, items })
}

const stateOf = (client: PlainClient, index = 0): string | undefined =>
  client.cluster.snapshot()[index]?.state

async function eject(pair: Pair): Promise<void> {
  pair.hung = true
  const key = keyOn(pair.client, pair.servers[0].port, 'eject')
  await until(() => {
    pair.client.get(key).catch(() => undefined)
    return stateOf(pair.client) === 'ejected'
  })
}

test('reads of a hung host find another, and nothing waits once it is ejected', async (t) => {
  const ejected: string[] = []
  const pair = await startPair(t, { hooks: { eject: ({ host }) => ejected.push(host) } })
  const key = keyOn(pair.client, pair.servers[0].port)
  await pair.client.set(key, 'v')
  pair.hung = true
  const startMs = performance.now()
  assert.equal(await pair.client.get(key), undefined)
  assert.ok(performance.now() - startMs < 300)
  await until(() => stateOf(pair.client) === 'ejected')
  assert.ok(performance.now() - startMs < 2 * 200 + 300)
  const afterMs = performance.now()
  assert.equal(await pair.client.get(key), undefined)
  assert.ok(performance.now() - afterMs < 50)
  assert.deepEqual(ejected, [`127.0.0.1:${pair.servers[0].port}`])
})

test('no user command reaches an ejected host; it is probed and returns', async (t) => {
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

test('what was written or deleted elsewhere meanwhile is deleted at home before it is read there', async (t) => {
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

test('an invalidation noted in the journal is sent as it was given', async (t) => {
  const pair = await startPair(t)
  const { client, servers } = pair
  await eject(pair)
  const home = client.cluster.hosts[0]!
  client.cluster.journal(home, 'page', 'md page I T30\r\n')
  pair.hung = false
  await until(() => servers[0].lines.includes('md page I T30'))
})

test('more than the journal holds is reported when the host is back', async (t) => {
  const lost: number[] = []
  const pair = await startPair(t, {
    requestTimeoutMs: 1_000,
    connectTimeoutMs: 1_000,
    serverFailureLimit: 1,
    hooks: { invalidationsLost: ({ keys }) => lost.push(keys) },
  })
  await eject(pair)
  const home = pair.client.cluster.hosts[0]!
  for (let i = 0; i < 10_007; i++) pair.client.cluster.journal(home, `k${i}`)
  pair.hung = false
  await until(() => stateOf(pair.client) === 'up')
  assert.deepEqual(lost, [7])
  assert.equal(home.journal.size, 0)
})

test("failover: 'error' rejects at once, 'miss' answers as if nothing were there", async (t) => {
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

test('a gutter takes the keys of an ejected host, for a short time to live', async (t) => {
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

test("ejection: 'rebuild' places the keys on a ring without the host", async (t) => {
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

test('with every host out, requests fail at once with NO_HOSTS and its cause, and probes go on', async (t) => {
  const probes: boolean[] = []
  const client = testCluster(t, [1, 2], { hooks: { probe: ({ ok }) => probes.push(ok) } })
  await until(() => {
    client.get('a').catch(() => undefined)
    client.get('b').catch(() => undefined)
    client.get('c').catch(() => undefined)
    return client.cluster.snapshot().every(({ state }) => state === 'ejected')
  })
  const startMs = performance.now()
  await assert.rejects(client.get('k'), (error: Error) => {
    return isCode('MINTRING_NO_HOSTS')(error) && isCode('MINTRING_CONNECTION')(error.cause)
  })
  assert.ok(performance.now() - startMs < 20)
  await until(() => probes.length >= 4)
})

test('a host alone that restarts within a tenth of a second is waited for', async (t) => {
  const items = new Map([['k', 'v']])
  const first = await startScripted(storing(items))
  const client = testCluster(t, [first.port])
  assert.equal(await client.get('k'), 'v')
  const { port } = first
  await first.close()
  const pending = client.get('k')
  const again = await startScripted(storing(items), { port })
  t.after(() => again.close())
  assert.equal(await pending, 'v')
})

test('a command that must not run twice is not sent again, and says that it was sent', async (t) => {
  let count = 0
  const server = await startScripted((line, socket) => {
    if (line.startsWith('incr')) count++
    socket.destroy()
  })
  t.after(() => server.close())
  const other = await startScripted(answerGets)
  t.after(() => other.close())
  const client = testCluster(t, [server.port, other.port])
  const key = keyOn(client, server.port)
  await assert.rejects(client.incr(key), (error: { sent?: boolean }) => {
    return isCode('MINTRING_CONNECTION')(error) && error.sent === true
  })
  assert.equal(count, 1)
  assert.equal(
    other.lines.some((line) => line.startsWith('incr')),
    false,
  )
})

test('retryWrites: false makes that of every write that may have been executed', async (t) => {
  const server = await startScripted((_line, socket) => socket.destroy())
  t.after(() => server.close())
  const client = testCluster(t, [server.port], { retryWrites: false })
  await assert.rejects(client.set('k', 'v'), isCode('MINTRING_CONNECTION'))
})

test('errors name host and command, never the value', async (t) => {
  const server = await startScripted(() => undefined)
  t.after(() => server.close())
  const client = testCluster(t, [server.port], { retries: 0 })
  await assert.rejects(
    client.set('k', 'secret'),
    (error: Error & { host: string; command: string }) => {
      assert.equal(error.host, `127.0.0.1:${server.port}`)
      assert.equal(error.command, 'set')
      assert.ok(!String(error.stack).includes('secret'))
      return true
    },
  )
})

test('setServers: hosts that stay keep their lanes, those that leave finish', async (t) => {
  const slow: Script = (line, socket) => setTimeout(answerGets, 60, line, socket)
  const [a, b] = [await startScripted(slow), await startScripted(answerGets)]
  t.after(() => Promise.all([a.close(), b.close()]))
  const client = testCluster(t, [a.port, b.port])
  const [onA, onB] = [keyOn(client, a.port), keyOn(client, b.port)]
  await Promise.all([client.get(onA), client.get(onB)])
  const pending = client.get(onA)
  await sleep(10)
  const kept = client.cluster.hosts[1]
  client.cluster.setServers(parseServers([`127.0.0.1:${b.port}:3`]))
  assert.equal(await pending, `value of ${onA}`)
  assert.equal(await client.get(onA), `value of ${onA}`)
  assert.equal(client.cluster.hosts[0], kept)
  assert.equal(client.cluster.snapshot()[0]?.weight, 3)
  assert.equal(b.accepted, 1)
  await until(() => a.sockets.size === 0)
})

test('setPolicy counts for what begins from then on', async (t) => {
  const server = await startScripted(() => undefined)
  t.after(() => server.close())
  const client = testCluster(t, [server.port], { retries: 0 })
  client.cluster.setPolicy({ ...QUICK, retries: 0, requestTimeoutMs: 60 })
  const startMs = performance.now()
  await assert.rejects(client.get('k'), isCode('MINTRING_TIMEOUT'))
  assert.ok(performance.now() - startMs < 180)
})

test('close waits for what is under way, refuses what is new, and leaves no socket', async (t) => {
  const server = await startScripted((line, socket) => setTimeout(answerGets, 60, line, socket))
  t.after(() => server.close())
  const client = testCluster(t, [server.port])
  await client.get('warm')
  const pending = client.get('k')
  const closing = client.cluster.close({ drainMs: 500 })
  await assert.rejects(client.get('late'), isCode('MINTRING_CLOSED'))
  assert.equal(await pending, 'value of k')
  await closing
  await until(() => server.sockets.size === 0)
  await client.cluster.close()
})

test('close ends what takes longer than drainMs', async (t) => {
  const server = await startScripted((line, socket) => {
    if (line === 'get warm') answerGets(line, socket)
  })
  t.after(() => server.close())
  const client = testCluster(t, [server.port], { requestTimeoutMs: 5_000 })
  await client.get('warm')
  const pending = assert.rejects(client.get('k'), isCode('MINTRING_CLOSED'))
  await client.cluster.close({ drainMs: 20 })
  await pending
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

test('the epoch of a host changes when its lane was lost, not when a second one opens', async (t) => {
  const server = await startScripted(answerGets)
  t.after(() => server.close())
  const client = testCluster(t, [server.port])
  await client.get('k')
  const host = client.cluster.hosts[0]!
  const epoch = host.epoch
  assert.ok(epoch > 0)
  for (const socket of server.sockets) socket.destroy()
  await until(() => client.cluster.snapshot()[0]?.lanes === 0)
  await client.get('k')
  assert.notEqual(host.epoch, epoch)
})

test('locate tells where a key lives and where it would go', async (t) => {
  const pair = await startPair(t)
  const key = keyOn(pair.client, pair.servers[0].port)
  const [a, b] = pair.servers.map(({ port }) => `127.0.0.1:${port}`)
  const { hash, point, ...rest } = pair.client.cluster.locate(key)
  assert.deepEqual(rest, { server: a, ejected: false, fallback: b })
  assert.ok(Number.isInteger(hash) && Number.isInteger(point))
  await eject(pair)
  assert.equal(pair.client.cluster.locate(key).ejected, true)
})

test('every request settles once, whatever the server does', async (t) => {
  let turn = 0
  const server = await startScripted((line, socket) => {
    turn++
    if (turn % 7 === 0) socket.destroy()
    else if (turn % 5 === 0) socket.write('GARBAGE\r\n')
    else if (turn % 11 === 0) return
    else if (line.startsWith('get ')) answerGets(line, socket)
    else if (line.startsWith('delete ')) socket.write('DELETED\r\n')
    else if (line.startsWith('incr ')) socket.write('5\r\n')
    else if (!line.startsWith('set ')) socket.write('STORED\r\n')
  })
  t.after(() => server.close())
  const client = testCluster(t, [server.port])
  let settled = 0
  const requests = Array.from({ length: 400 }, (_, i) => {
    const key = `k${i}`
    return [getRequest(key), setRequest(key, 'v'), deleteRequest(key), incrRequest(key)][i % 4]!
  })
  for (const request of requests) {
    client.cluster.dispatch(request)
    request.promise.then(
      () => settled++,
      () => settled++,
    )
    if (Math.random() < 0.1) await sleep(5)
  }
  await until(() => settled === requests.length)
})
