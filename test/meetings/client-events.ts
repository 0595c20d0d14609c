import { setTimeout as sleep } from 'node:timers/promises'
import { CALL_MS, type Cell } from './cell.ts'
import { always, any, type Event, isStream, succeeds, unlessOnce } from './event.ts'
import { open, shut } from './host-events.ts'

function weighted(cell: Cell, weight: number): string[] {
  return cell.places.map((place, index) => (index === 0 ? `${place}:${weight}` : place))
}

async function withoutHome(cell: Cell): Promise<void> {
  const rest = cell.places.slice(1)
  cell.client.setServers(cell.isAlone ? [await cell.spare()] : rest)
}

/** Changes of the client itself: its server list, its settings. */
export const lists: readonly Event[] = [
  {
    name: 'the host leaves the list',
    before: ({ home, key }, { marker }) => home.set(marker || key, { delayMs: 40 }),
    during: async (cell) => {
      await sleep(10)
      await withoutHome(cell)
    },
    after: async (cell) => {
      await sleep(60)
      cell.client.setServers(cell.places)
    },
    loses: always,
    expects: (kind) => (kind === 'stream' ? 'any' : 'succeeds'),
    others: succeeds,
    isOutage: true,
  },
  {
    name: 'the host is out of the list, and listed again',
    before: withoutHome,
    after: ({ client, places }) => client.setServers(places),
    loses: always,
    expects: (kind) => (kind === 'stream' ? 'any' : 'succeeds'),
    others: succeeds,
    isOutage: true,
    pointless: ({ kind }) => (kind === 'stream' ? 'it names a host that is not listed' : undefined),
  },
  {
    name: 'the weight of the host changes, and changes back',
    hosts: [3],
    during: (cell) => cell.client.setServers(weighted(cell, 5)),
    after: ({ client, places }) => client.setServers(places),
    loses: always,
    expects: succeeds,
    others: succeeds,
    isOutage: true,
  },
  {
    name: 'settings change',
    during: ({ client }) => {
      client.configure({
        requestTimeoutMs: 200,
        retries: 2,
        compressAboveBytes: 5,
        retryWrites: false,
      })
    },
    expects: succeeds,
    others: succeeds,
  },
  {
    name: 'TLS is switched on',
    ejects: true,
    before: (cell) => cell.turnToTls(),
    after: (cell) => cell.provoke('up'),
    loses: always,
    expects: unlessOnce,
    others: unlessOnce,
  },
  {
    name: 'a gutter host takes the keys',
    ejects: true,
    hasGutter: true,
    behaviors: ({ gutter }) => ({ failover: { gutter: [gutter!.address], ttl: 5 } }),
    before: (cell) => shut(cell, 'ejected'),
    after: async (cell) => {
      await cell.checkGutter(5)
      await open(cell)
    },
    loses: always,
    expects: (kind) => (kind === 'stream' ? 'any' : 'succeeds'),
    others: succeeds,
    isOutage: true,
  },
]

const QUEUE = 8

/** Events that callers cause, for example when there are too many. */
export const callers: readonly Event[] = [
  {
    name: 'the queue is full',
    ejects: true,
    behaviors: () => ({ maxQueuedPerHost: QUEUE, connections: { min: 1, max: 1 } }),
    before: (cell) => {
      cell.homeServer.pause()
      for (let index = 0; index < QUEUE; index++) {
        cell.client.get(cell.others.read).catch(() => undefined)
      }
    },
    after: async (cell) => {
      cell.homeServer.resume()
      await cell.until(
        () => cell.client.hosts().every((host) => host.inFlight + host.queued === 0),
        'it is empty',
      )
      await cell.provoke('up')
    },
    expects: (kind) => (kind === 'refill' ? 'any' : { rejects: 'MINTRING_OVERLOADED' }),
    others: any,
    pointless: (subject) => {
      return subject.isBatch ? 'a batch has a bound of its own' : isStream(subject)
    },
  },
  {
    name: 'the deadline of the caller passes',
    before: ({ home, key }, { marker }) => home.set(marker || key, { delayMs: 70 }),
    options: () => ({ timeoutMs: 25 }),
    after: () => sleep(100),
    expects: any,
    others: succeeds,
    pointless: ({ kind }) => (kind === 'stream' ? 'it has a signal instead' : undefined),
  },
  {
    name: 'the caller aborts',
    before: ({ home, key }, { marker }) => home.set(marker || key, { delayMs: 70 }),
    options: () => ({ signal: AbortSignal.timeout(25) }),
    after: () => sleep(100),
    expects: any,
    others: succeeds,
  },
  {
    name: 'the caller had aborted before',
    options: () => ({ signal: AbortSignal.abort() }),
    expects: () => ({ rejects: 'MINTRING_ABORTED' }),
    others: succeeds,
  },
  {
    name: 'the client is closed at once',
    before: ({ home, key }, { marker }) => home.set(marker || key, { delayMs: 40 }),
    during: async (cell) => {
      await sleep(5)
      await cell.client.close({ drainMs: 0 })
      cell.replaceReader()
    },
    expects: any,
    others: any,
  },
  {
    name: 'the client is closed and drains',
    before: ({ home, key }, { marker }) => home.set(marker || key, { delayMs: 40 }),
    during: async (cell) => {
      await sleep(5)
      await cell.client.close({ drainMs: CALL_MS })
      cell.replaceReader()
    },
    expects: (kind) => (kind === 'stream' ? 'any' : 'succeeds'),
    others: succeeds,
  },
]
