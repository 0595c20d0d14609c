import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import { parseClusterConfig } from '../../src/client/discovery/cluster-config.ts'
import { dnsSource, type Zone } from '../../src/client/discovery/dns.ts'
import { startServer } from '../../src/embedded/server.ts'
import { startScripted } from '../support/scripted-server.ts'

const quick: BehaviorsInput = { connections: { min: 1, max: 1 }, handover: 0 }
const names = (client: MemcachedClient): string[] => client.hosts().map((host) => host.name)

/** Waits for the event, so that a poll is seen when it happens and not after a fixed time. */
function configured(client: MemcachedClient): Promise<void> {
  return new Promise((resolve) => {
    client.on('configure', function once() {
      client.off('configure', once)
      resolve()
    })
  })
}

function warned(client: MemcachedClient): Promise<string> {
  return new Promise((resolve) => {
    client.on('warning', function once({ message }) {
      client.off('warning', once)
      resolve(message)
    })
  })
}

describe('discovery by a configuration endpoint', () => {
  it('adds, removes and replaces nodes; the remaining nodes keep their keys and connections', async () => {
    await using one = await startServer()
    await using two = await startServer()
    await using three = await startServer()
    await using endpoint = await startServer({ cluster: [one.address, two.address] })
    const discovery = { endpoint: endpoint.address, intervalMs: 100 }
    await using client = new MemcachedClient(endpoint.address, { ...quick, discovery })
    await client.discover()
    assert.deepEqual(names(client), [one.address, two.address])

    const keys = Array.from({ length: 200 }, (_, index) => `key:${index}`)
    await client.setMany(new Map(keys.map((key) => [key, key])))
    const homes = new Map(keys.map((key) => [key, client.locate(key).server]))
    const connections = one.connections

    let change = configured(client)
    endpoint.setCluster([one.address, two.address, three.address])
    await change
    assert.deepEqual(names(client), [one.address, two.address, three.address])
    let kept = 0
    for (const key of keys) {
      const { server } = client.locate(key)
      assert.ok(server === homes.get(key) || server === three.address, `${key} moved to ${server}`)
      if (server !== homes.get(key)) continue
      assert.equal(await client.get(key), key)
      kept++
    }
    assert.ok(kept > 80, `${kept} of 200 keys stayed`)
    assert.equal(one.connections, connections, 'a kept node was dialled anew')

    change = configured(client)
    endpoint.setCluster([one.address, three.address])
    await change
    assert.deepEqual(names(client), [one.address, three.address])
  })

  it('keeps the old ring when the endpoint sends garbage, an empty list or nothing', async () => {
    await using node = await startServer()
    await using endpoint = await startServer({ cluster: [node.address] })
    const discovery = { endpoint: endpoint.address, intervalMs: 100 }
    await using client = new MemcachedClient(endpoint.address, { ...quick, discovery })
    await client.discover()

    let warning = warned(client)
    endpoint.setCluster(['node-without-a-port'])
    assert.match(await warning, /Not a cluster configuration.*the current servers stay/s)
    warning = warned(client)
    endpoint.setCluster([])
    assert.match(await warning, /no servers/)
    warning = warned(client)
    await endpoint.kill()
    assert.match(await warning, /the current servers stay/)
    await assert.rejects(client.discover())
    assert.deepEqual(names(client), [node.address])
    assert.equal(await client.set('key', 'value'), true)

    await endpoint.restart()
    await using other = await startServer()
    const change = configured(client)
    endpoint.setCluster([node.address, other.address])
    await change
    assert.deepEqual(names(client), [node.address, other.address])
  })

  it('connects to the new address of a node that was replaced under its name', async () => {
    const before = await startServer({ host: '127.0.0.1' })
    const { port } = before
    await using after = await startServer({ host: '127.0.0.2', port })
    const node = (ip: string): string => `cache-1.invalid|${ip}|${port}`
    await using endpoint = await startServer({ cluster: [node('127.0.0.1')] })
    const discovery = { endpoint: endpoint.address, intervalMs: 100 }
    await using client = new MemcachedClient(endpoint.address, { ...quick, discovery })
    await client.discover()
    await client.set('where', 'before')

    const change = configured(client)
    endpoint.setCluster([node('127.0.0.2')])
    await change
    await before.close()
    assert.equal(await client.get('where'), undefined)
    await client.set('where', 'after')
    assert.equal(await client.get('where'), 'after')
    assert.equal(after.connections, 1)
    assert.deepEqual(names(client), [`cache-1.invalid:${port}`])
  })

  it('applies a changed list also when its version is the same or lower', async () => {
    const texts = [
      '14\na.example|10.0.0.1|11211\n',
      '14\na.example|10.0.0.2|11211\n',
      '14\na.example|10.0.0.2|11211 a.example|10.0.0.2|11211\n',
      '14\na.example|10.0.0.2|11211 b.example|10.0.0.3|11211\n',
      '1\nc.example|10.0.0.4|11211\n',
    ]
    const server = await startScripted((line, socket) => {
      const text = texts[0] ?? ''
      if (line === 'version') socket.write('VERSION 1.6.6\r\n')
      else if (line.startsWith('config get')) {
        socket.write(`CONFIG cluster 0 ${text.length}\r\n${text}\r\nEND\r\n`)
      } else socket.write('ERROR\r\n')
    })
    const discovery = { endpoint: `127.0.0.1:${server.port}`, intervalMs: 3_600_000 }
    const client = new MemcachedClient('127.0.0.1:1', { ...quick, discovery })
    const changes: number[] = []
    client.on('configure', () => changes.push(texts.length))
    await client.discover()
    texts.shift()
    await client.discover()
    assert.deepEqual(changes, [5, 4], 'a node that was replaced in place is another host')
    texts.shift()
    await assert.rejects(client.discover(), { code: 'MINTRING_DUPLICATE_SERVER' })
    texts.shift()
    await client.discover()
    assert.deepEqual(names(client), ['a.example:11211', 'b.example:11211'])
    texts.shift()
    await client.discover()
    assert.deepEqual(names(client), ['c.example:11211'])
    await client.close()
    await server.close()
  })

  it('reads the key of older ElastiCache when there is no config command', async () => {
    const text = '7\nnode.example|10.0.0.9|11211\n\n'
    const server = await startScripted((line, socket) => {
      if (line === 'version') socket.write('VERSION 1.4.5\r\n')
      else if (line.startsWith('get AmazonElastiCache:cluster')) {
        const value = `VALUE AmazonElastiCache:cluster 0 ${text.length}\r\n${text}\r\nEND\r\n`
        socket.write(value)
      } else socket.write('ERROR\r\n')
    })
    const discovery = { endpoint: `127.0.0.1:${server.port}`, intervalMs: 1000 }
    const client = new MemcachedClient('127.0.0.1:1', { ...quick, discovery })
    await client.discover()
    assert.deepEqual(names(client), ['node.example:11211'])
    await client.close()
    await server.close()
  })
})

describe('discovery by a function', () => {
  it('applies the list that the function returns, and keeps the old one when it throws or returns none', async () => {
    let answer: () => readonly string[] = () => ['10.0.0.1', '10.0.0.2']
    const discovery = { servers: () => answer(), intervalMs: 3_600_000 }
    await using client = new MemcachedClient('10.0.0.1', { discovery, handover: 0 })
    await client.discover()
    assert.deepEqual(names(client), ['10.0.0.1:11211', '10.0.0.2:11211'])
    const bad: (() => readonly string[])[] = [
      () => [],
      () => ['a:b'],
      () => ['10.0.0.3', '10.0.0.3'],
      () => {
        throw new Error('the registry is down')
      },
      () => 'text' as never,
    ]
    for (answer of bad) await assert.rejects(client.discover())
    assert.deepEqual(names(client), ['10.0.0.1:11211', '10.0.0.2:11211'])
  })

  it('polls until the client closes', async () => {
    let asked = 0
    const discovery = { servers: () => [`10.0.0.${++asked}`], intervalMs: 100 }
    const client = new MemcachedClient('10.0.0.1', { discovery, handover: 0 })
    // The client's own timer is unreferenced, so the test must keep the process alive.
    const awake = setInterval(() => undefined, 1000)
    while (asked < 3) await configured(client)
    clearInterval(awake)
    await client.close()
    const before = asked
    await new Promise((resolve) => setTimeout(resolve, 250))
    assert.equal(asked, before)
  })

  it('emits nothing when the list is unchanged', async () => {
    const discovery = { servers: () => ['10.0.0.2'], intervalMs: 3_600_000 }
    await using client = new MemcachedClient('10.0.0.1', { discovery, handover: 0 })
    await client.discover()
    let changes = 0
    client.on('configure', () => changes++)
    await client.discover()
    assert.equal(changes, 0)
  })

  it('gives up a poll after its timeout, emits a warning, and polls again', async () => {
    let asked = 0
    const gaveUp: boolean[] = []
    const servers = ({ signal }: { signal: AbortSignal }): Promise<string[]> | string[] => {
      if (++asked > 1) return ['10.0.0.1', '10.0.0.2']
      return new Promise(() => signal.addEventListener('abort', () => gaveUp.push(true)))
    }
    const discovery = { servers, intervalMs: 100, timeoutMs: 20 }
    await using client = new MemcachedClient('10.0.0.1', { discovery, handover: 0 })
    const warning = warned(client)
    await assert.rejects(client.discover(), { code: 'MINTRING_TIMEOUT' })
    assert.match(await warning, /no server list within 20 ms; the current servers stay in use/)
    assert.deepEqual(gaveUp, [true])
    await client.discover()
    assert.deepEqual(names(client), ['10.0.0.1:11211', '10.0.0.2:11211'])
  })

  it('rejects a running discover() when the client closes', async () => {
    const discovery = { servers: () => new Promise<never>(() => {}), timeoutMs: 60_000 }
    const client = new MemcachedClient('10.0.0.1', { discovery, handover: 0 })
    const looking = assert.rejects(client.discover(), { code: 'MINTRING_CLOSED' })
    await client.close()
    await looking
    await assert.rejects(client.discover(), { code: 'MINTRING_CLOSED' })
  })

  it('refuses invalid settings', () => {
    const bad = { code: 'MINTRING_BAD_BEHAVIOR' }
    const make = (discovery: object) => () =>
      new MemcachedClient('a', { discovery } as unknown as BehaviorsInput)
    assert.throws(make({ servers: () => [], timeoutMs: 0 }), bad)
    assert.throws(make({ dns: 'a', timoutMs: 5 }), { ...bad, message: /mean 'timeoutMs'/ })
  })

  it('is required by discover()', async () => {
    await using client = new MemcachedClient('10.0.0.1')
    await assert.rejects(client.discover(), { code: 'MINTRING_BAD_ARGUMENT' })
  })
})

describe('discovery by DNS', () => {
  const zone: Zone = {
    lookup: async () =>
      ['10.0.0.2', '10.0.0.1', '10.0.0.2', 'fd00::1'].map((address) => ({ address })),
    resolveSrv: async () => [
      { name: 'b.example', port: 11_212, priority: 1, weight: 0 },
      { name: 'c.example', port: 11_211, priority: 2, weight: 1 },
      { name: 'a.example', port: 11_211, priority: 1, weight: 5 },
    ],
  }

  it('makes one server of each address, sorted, without duplicates', async () => {
    assert.deepEqual(await dnsSource('cache.example', 11_300, zone)(), [
      { host: '10.0.0.1', port: 11_300 },
      { host: '10.0.0.2', port: 11_300 },
      { host: 'fd00::1', port: 11_300 },
    ])
  })

  it('uses the ports and weights of the SRV records with the first priority', async () => {
    assert.deepEqual(await dnsSource('_memcached._tcp.example', undefined, zone)(), [
      { host: 'a.example', port: 11_211, weight: 5 },
      { host: 'b.example', port: 11_212, weight: 1 },
    ])
  })

  it('resolves a real name', async () => {
    const servers = (await dnsSource('localhost', 11_211)()) as { host: string }[]
    assert.ok(servers.some(({ host }) => host === '127.0.0.1' || host === '::1'))
  })
})

describe('parseClusterConfig', () => {
  it('reads versions and nodes, with or without an ip', () => {
    assert.deepEqual(parseClusterConfig('12\na|10.0.0.1|11211 b||11212\n'), {
      version: 12,
      nodes: [
        { host: 'a', ip: '10.0.0.1', port: 11_211 },
        { host: 'b', ip: undefined, port: 11_212 },
      ],
    })
    assert.deepEqual(parseClusterConfig('1\n\n').nodes, [])
  })

  it('refuses any other text entirely', () => {
    const texts = ['', 'x\na|1|2', '1.5\na||1', '1\na', '1\na|b|11211', '1\n|10.0.0.1|1', '1\na||']
    const more = ['1\na||1 b', '1\na||123456', '1\na||1|2', '1\na||1\nrest', '-1\na||1']
    for (const text of [...texts, ...more]) {
      assert.throws(() => parseClusterConfig(text), { code: 'MINTRING_PROTOCOL' }, text)
    }
  })
})
