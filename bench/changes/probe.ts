import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import { type Memcached, startMemcached } from '../../test/support/memcached.ts'
import { type Change, HOSTS, type Side } from './cases.ts'
import { changed, movesBetween, ringOf } from './worker.ts'

/**
 * What a change of servers sends, counted by proxies before real memcacheds. A command counts for
 * the key that it names, so that the work of the handover itself does not disturb the counts.
 */
export interface Sent {
  readonly keys: number
  /** The most commands that one read of a moved key sent, one after the other. */
  readonly firstRead: number
  /** The same for the next read of the key. */
  readonly nextRead: number
  /** How often the value of a key was stored when all clients read it at once: the most. */
  readonly storesPerKey: number
  /** How often one client asked one host for a key then: the most. More than once is waiting. */
  readonly readsPerClientAndHost: number
  readonly loads: number
  /** The bytes of many calls after the end, and whether a fresh client sends the same. */
  readonly bytesAfterwards: number
  readonly isAsFresh: boolean
}

const CLIENTS = 8
const KEYS = 400
const ANNOUNCE_SECONDS = 2
const HANDOVER_SECONDS = 40
const POLICY = { ttl: '1h' } as const

/** Runs one change with eight clients, and counts what they send. */
export async function probe(change: Change): Promise<Sent> {
  const memcacheds = await Promise.all(Array.from({ length: HOSTS }, () => startMemcached()))
  const proxies = await Promise.all(memcacheds.map((memcached) => startProxy(memcached)))
  const sides = change.sides(proxies.map(({ address }) => address))
  const clients = Array.from({ length: CLIENTS }, () => clientOf(sides.from))
  try {
    return await counted(clients, proxies, sides)
  } finally {
    await Promise.all(clients.map((client) => client.close()))
    for (const { close } of proxies) close()
    await Promise.all(memcacheds.map(({ kill }) => kill()))
  }
}

async function counted(
  clients: MemcachedClient[],
  proxies: readonly Proxy[],
  { from, to }: { readonly from: Side; readonly to: Side },
): Promise<Sent> {
  const keys = Array.from({ length: KEYS }, (_, i) => `key:${i}`)
  for (const key of keys) await clients[0]!.getOrSet(key, () => key, POLICY)
  for (const [i, client] of clients.entries()) {
    clients[i] = await changed(client, from, to, {
      announce: ANNOUNCE_SECONDS,
      handover: HANDOVER_SECONDS,
    })
  }
  await untilValuesMove(clients, proxies)
  const moved = keys.filter(movesBetween(ringOf(from), ringOf(to)))
  const half = Math.floor(moved.length / 2)
  const read = await readOneByOne(clients[0]!, proxies, moved.slice(0, half))
  const together = await readTogether(clients, proxies, moved.slice(half))
  while (clients.some(({ handover }) => handover !== undefined)) await sleep(100)
  await using fresh = clientOf(to)
  const [ofFresh, ofOld] = [await bytesOf(fresh, proxies), await bytesOf(clients[0]!, proxies)]
  return {
    keys: moved.length,
    ...read,
    ...together,
    loads: read.loads + together.loads,
    bytesAfterwards: ofOld.join('').length,
    isAsFresh: ofFresh.join() === ofOld.join(),
  }
}

function clientOf({ servers, behaviors }: Side): MemcachedClient {
  return new MemcachedClient(servers, behaviors)
}

/** Waits until all clients move values, and the hosts that receive keys are cleared. */
async function untilValuesMove(
  clients: readonly MemcachedClient[],
  proxies: readonly Proxy[],
): Promise<void> {
  while (clients.some(({ handover }) => handover?.phase !== 'move')) await sleep(50)
  for (;;) {
    for (const { forget } of proxies) forget()
    await sleep(2_500)
    // Clients ask a host again and again whether it is cleared, until it is.
    if (proxies.every(({ sent }) => sent().length === 0)) return
  }
}

async function readOneByOne(
  client: MemcachedClient,
  proxies: readonly Proxy[],
  keys: readonly string[],
): Promise<{ firstRead: number; nextRead: number; loads: number }> {
  const most = { firstRead: 0, nextRead: 0, loads: 0 }
  for (const key of keys) {
    for (const which of ['firstRead', 'nextRead'] as const) {
      for (const { forget } of proxies) forget()
      await client.getOrSet(key, () => String(most.loads++), POLICY)
      const sent = proxies.flatMap((proxy) => proxy.sent()).filter((line) => names(line, key))
      most[which] = Math.max(most[which], sent.length)
    }
  }
  return most
}

async function readTogether(
  clients: readonly MemcachedClient[],
  proxies: readonly Proxy[],
  keys: readonly string[],
): Promise<{ storesPerKey: number; readsPerClientAndHost: number; loads: number }> {
  const most = { storesPerKey: 0, readsPerClientAndHost: 0, loads: 0 }
  for (const key of keys) {
    for (const { forget } of proxies) forget()
    await Promise.all(
      clients.map((client) => client.getOrSet(key, () => String(most.loads++), POLICY)),
    )
    const byClient = proxies.flatMap(({ connections }) => connections())
    const ofKey = byClient.map((lines) => lines.filter((line) => names(line, key)))
    const stores = ofKey.flat().filter((line) => line.startsWith('ms '))
    const reads = ofKey.map((lines) => lines.filter((line) => line.startsWith('mg ')).length)
    most.storesPerKey = Math.max(most.storesPerKey, stores.length)
    most.readsPerClientAndHost = Math.max(most.readsPerClientAndHost, ...reads)
  }
  return most
}

function names(line: string, key: string): boolean {
  return /^[a-z]/.test(line) && line.split(' ')[1] === key
}

/**
 * Returns what a client sends to each host for many calls, without CAS ids and random ttls. Sorted,
 * because refills store in the background.
 */
async function bytesOf(
  client: MemcachedClient,
  proxies: readonly Proxy[],
): Promise<readonly string[]> {
  await client.version()
  await sleep(500)
  for (const { forget } of proxies) forget()
  for (let i = 0; i < 100; i++) {
    const key = `after:${i}`
    await client.set(key, '1', POLICY)
    await client.get(key)
    await client.gets(key)
    await client.incr(key)
    await client.touch(key, 60)
    await client.getOrSet(`page:${i}`, () => 'x', POLICY)
    await client.invalidate(`page:${i}`)
    await client.delete(`page:${i}`)
    await client.delete(key)
  }
  await client.getMany(Array.from({ length: 100 }, (_, i) => `after:${i}`))
  return proxies.map(({ sent }) => {
    const lines = sent().map((line) => line.replace(/ [CT]\d+/g, ''))
    return lines.sort().join('\n')
  })
}

interface Proxy {
  readonly address: string
  /** The lines that all clients have sent. */
  sent(): readonly string[]
  /** The same for each connection. */
  connections(): readonly (readonly string[])[]
  forget(): void
  close(): void
}

async function startProxy({ host, port }: Memcached): Promise<Proxy> {
  const texts = new Map<Socket, string>()
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(port, host)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    client.on('data', (bytes) => {
      texts.set(client, (texts.get(client) ?? '') + bytes.toString('latin1'))
    })
    client.pipe(upstream).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as { readonly port: number }
  const connections = (): string[][] => [...texts.values()].map((text) => text.split('\r\n'))
  return {
    address: `127.0.0.1:${address.port}`,
    connections,
    sent: () => connections().flat(),
    forget: () => texts.clear(),
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
