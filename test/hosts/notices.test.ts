import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import type { Host } from '../../src/hosts/host.ts'
import { MissedNotices } from '../../src/hosts/notices.ts'
import { defaultClusterPolicy } from '../../src/hosts/policy.ts'
import { MemcachedClient } from '../../src/index.ts'
import { Gate } from '../meetings/gate.ts'
import { until } from '../support/test-cluster.ts'

interface Ends {
  after(end: () => unknown): void
}

/** A client, and a proxy that can cut its connection to the key's own host. */
interface Process {
  readonly client: MemcachedClient
  readonly gate: Gate
}

/** Starts two processes of one fleet. The first one readmits a host earlier than the second. */
async function startFleet(t: Ends) {
  const servers = await Promise.all([startServer(), startServer()])
  const start = async (retryTimeoutMs: number): Promise<Process> => {
    const gate = await new Gate(servers[0].port).open()
    const list = [
      { host: '127.0.0.1', port: gate.port, name: 'home' },
      { host: '127.0.0.1', port: servers[1].port, name: 'other' },
    ]
    return { gate, client: new MemcachedClient(list, { retryTimeoutMs, deadTimeoutMs: 600_000 }) }
  }
  const [early, late] = [await start(200), await start(600_000)]
  t.after(async () => {
    await Promise.all([early, late].map(({ client }) => client.close({ drainMs: 0 })))
    await Promise.all([early, late].map(({ gate }) => gate.close()))
    await Promise.all(servers.map((server) => server.close()))
  })
  // Each process knows the host under another address, and places keys by it. So look for a key
  // that both place on the same server.
  const isAtHome = (key: string) =>
    [early, late].every(({ client }) => client.locate(key).server === 'home')
  let at = 0
  while (!isAtHome(`key:${at}`)) at++
  return { early, late, key: `key:${at}` }
}

async function lose({ client, gate }: Process, key: string): Promise<void> {
  gate.shut()
  await until(() => {
    client.get(key).catch(() => undefined)
    return client.hosts()[0]!.state === 'ejected'
  })
}

async function findAgain({ client, gate }: Process): Promise<void> {
  gate.isShut = false
  await until(() => client.hosts()[0]!.state === 'up')
}

const CHANGES: Readonly<Record<string, (late: MemcachedClient, key: string) => Promise<unknown>>> =
  {
    set: (late, key) => late.set(key, 'new'),
    delete: (late, key) => late.delete(key),
    setMany: (late, key) => late.setMany({ [key]: 'new' }),
    deleteMany: (late, key) => late.deleteMany([key]),
    invalidate: (late, key) => late.invalidate(key, { staleWhileRevalidate: 0 }),
  }

test('a host that leaves the list while it is out needs no check', () => {
  const policy = { ...defaultClusterPolicy, precautionsMs: 600_000, retryTimeoutMs: 600_000 }
  const nothing = (): void => {}
  const home = { name: 'home', usable: false }
  const homes = [home as Host]
  const notices = new MissedNotices({
    ...{ policy, send: nothing, owe: nothing, standInFor: () => undefined },
    ...{ homes, mayRehash: true },
  })
  notices.hostChanged(home as Host)
  assert.equal(notices.isEmpty, true, 'its keys are on other hosts')
  home.usable = true
  notices.hostChanged(home as Host)
  assert.equal(notices.isEmpty, false, 'other processes may see it as out')
  homes.pop()
  assert.equal(notices.isEmpty, true, 'it left')
})

suite('a process whose host is back reads no value there that others have changed', () => {
  for (const [name, change] of Object.entries(CHANGES)) {
    test(`${name} by a process that uses the fallback host, before the return and after it`, async (t) => {
      const { early, late, key } = await startFleet(t)
      await early.client.set(key, 'old')
      await lose(early, key)
      await lose(late, key)
      await change(late.client, key)
      await findAgain(early)
      assert.notEqual(await early.client.get(key), 'old')
      assert.ok((await early.client.getMany([key])).get(key) !== 'old')
      await early.client.set(key, 'old')
      assert.equal(await early.client.get(key), 'old', 'home has been told once')
      await change(late.client, key)
      assert.notEqual(await early.client.get(key), 'old')
    })
  }

  test('a command that changes nothing on the fallback host leaves the own host of the key unchanged', async (t) => {
    const { early, late, key } = await startFleet(t)
    await early.client.set(key, 'old')
    await lose(early, key)
    await lose(late, key)
    const isIdle = () =>
      late.client.hosts().every(({ inFlight, queued }) => inFlight + queued === 0)
    // A notice is withdrawn only after the reply, so wait until no command is pending.
    assert.equal(await late.client.replace(key, 'new'), false)
    await until(isIdle)
    assert.equal(await late.client.incr(key), undefined)
    await until(isIdle)
    await findAgain(early)
    assert.equal(await early.client.get(key), 'old')
  })

  test('a command that changes nothing does not withdraw the notice of an earlier change', async (t) => {
    const { early, late, key } = await startFleet(t)
    await early.client.set(key, 'old')
    await lose(early, key)
    await lose(late, key)
    await late.client.delete(key)
    assert.equal(await late.client.replace(key, 'new'), false)
    await until(() => late.client.hosts().every(({ inFlight, queued }) => inFlight + queued === 0))
    await findAgain(early)
    assert.equal(await early.client.get(key), undefined)
  })

  test('getOrSet loads a key again, once, that another process deleted meanwhile', async (t) => {
    const { early, late, key } = await startFleet(t)
    let loads = 0
    const read = (): Promise<number> => early.client.getOrSet(key, async () => ++loads, { ttl: 60 })
    assert.equal(await read(), 1)
    await lose(early, key)
    await lose(late, key)
    await late.client.delete(key)
    await findAgain(early)
    assert.deepEqual([await read(), await read(), await read()], [2, 2, 2])
  })

  test('a fallback host that is out, or never replied, delays and fails no command', async (t) => {
    const { early, key } = await startFleet(t)
    await early.client.set(key, 'old')
    await lose(early, key)
    await findAgain(early)
    assert.equal(await early.client.get(key), 'old')
  })
})
