import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import { MemcachedClient } from '../../src/index.ts'
import { Gate } from '../meetings/gate.ts'
import { until } from '../support/test-cluster.ts'

const POLICY = { ttl: 60, jitter: 0, placeholder: 'sidecar' } as const

interface Ends {
  after(end: () => unknown): void
}

interface Pool {
  /** Sees both hosts, the key's own one through the gate. */
  readonly client: MemcachedClient
  readonly gate: Gate
  /** Processes that see one host only: the key's own one, and its fallback host. */
  readonly atHome: MemcachedClient
  readonly away: MemcachedClient
  /** A key whose own host is behind the gate, and one with the other host. */
  readonly key: string
  readonly other: string
}

async function startPool(t: Ends): Promise<Pool> {
  const servers = await Promise.all([startServer(), startServer()])
  const gate = await new Gate(servers[0].port).open()
  const home = `127.0.0.1:${gate.port}`
  const client = new MemcachedClient([home, servers[1].address], { retryTimeoutMs: 200 })
  const atHome = new MemcachedClient(servers[0].address)
  const away = new MemcachedClient(servers[1].address)
  t.after(async () => {
    await Promise.all([client, atHome, away].map((one) => one.close({ drainMs: 0 })))
    await gate.close()
    await Promise.all(servers.map((server) => server.close()))
  })
  const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`)
  const on = (server: string) => keys.find((key) => client.locate(key).server === server)!
  return { client, gate, atHome, away, key: on(home), other: on(servers[1].address) }
}

/** Starts the first load of a page. The result ends it, and resolves to whether it was stored. */
async function startLoad(process: MemcachedClient, key: string): Promise<() => Promise<boolean>> {
  let load = (_: string): void => {}
  let entry: Promise<{ state: string }> | undefined
  await new Promise<void>((begun) => {
    const loader = (): Promise<string> => {
      begun()
      return new Promise((resolve) => (load = resolve))
    }
    entry = process.getOrSetEntry(key, loader, POLICY)
  })
  return async () => {
    load('old')
    const { state } = await entry!
    assert.ok(state === 'miss' || state === 'uncached', state)
    return state === 'miss'
  }
}

suite('the first load of a page, whose key another process sets and deletes meanwhile', () => {
  test('stores nothing on a host that missed the delete, after it got it', async (t) => {
    const { client, gate, atHome, key } = await startPool(t)
    const end = await startLoad(atHome, key)
    const stateOf = () => client.hosts()[0]!.state
    gate.shut()
    await until(() => {
      client.get(key).catch(() => undefined)
      return stateOf() === 'ejected'
    })
    await client.set(key, 'set', { ttl: 60 })
    assert.equal(await client.delete(key), true)
    gate.isShut = false
    await until(() => stateOf() === 'up')
    assert.equal(await client.get(key), undefined)
    assert.equal(await end(), false)
    assert.equal(await client.get(key), undefined)
  })

  test('stores nothing on the fallback host, after the delete on the own host', async (t) => {
    const { client, away, key, other } = await startPool(t)
    await client.set(key, 'set', { ttl: 60 })
    const end = await startLoad(away, key)
    assert.equal(await client.delete(key), true)
    // The reply of the fallback host to a later command shows that it has executed the delete.
    await client.get(other)
    assert.equal(await end(), false)
    assert.equal(await away.get(key), undefined)
  })
})
