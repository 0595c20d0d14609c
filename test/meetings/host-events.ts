import { setTimeout as sleep } from 'node:timers/promises'
import type { Cell } from './cell.ts'
import { always, any, type Event, elsewhere, severalHosts, succeeds, unlessOnce } from './event.ts'
import type { Death } from './gate.ts'

/** A connection that ends sooner than this counts as one that could not be opened. */
const GROWN_UP_MS = 120

function dies(name: string, death: Death, extra: Partial<Event> = {}): Event {
  return {
    name: `the connection dies ${name}`,
    before: async ({ home, key }, { marker }) => {
      await sleep(GROWN_UP_MS)
      home.set(marker || key, death)
    },
    after: async (cell) => {
      if (!cell.home.hasSprung) cell.fault('the cell is what it says', 'the connection never died')
    },
    expects: unlessOnce,
    others: unlessOnce,
    ...extra,
  }
}

/** Ways in which a connection dies. */
export const deaths: readonly Event[] = [
  dies('with the command', 'lost'),
  dies('before the reply', 'unanswered'),
  dies('in the middle of the reply', 'torn'),
  dies('right after the reply', 'answered'),
  dies('after half of the replies of a batch', 'half', {
    pointless: ({ isBatch }) => (isBatch ? undefined : 'one reply has no half that is whole'),
  }),
  dies('before the reply, when it was just opened', 'unanswered', {
    before: ({ home, key }, { marker }) => home.set(marker || key, 'unanswered'),
    loses: severalHosts,
    isOutage: true,
  }),
  dies('before the reply, and again when it is repeated', 'unanswered', {
    before: async ({ home, key }, { marker }) => {
      await sleep(GROWN_UP_MS)
      home.set(marker || key, 'unanswered', 2)
    },
    // Send this command alone first: others in the same write would get no reply either.
    isFirst: true,
    loses: severalHosts,
    after: (cell) => cell.provoke('up'),
    expects: any,
    isOutage: true,
  }),
]

/** Events that happen to hosts. */
export const hosts: readonly Event[] = [
  {
    name: 'the host is suspect',
    ejects: true,
    before: (cell) => shut(cell, 'suspect'),
    during: async ({ home }) => {
      await sleep(20)
      home.isShut = false
    },
    after: open,
    loses: severalHosts,
    expects: (kind) => (kind === 'stream' ? 'any' : 'succeeds'),
    others: succeeds,
    isOutage: true,
  },
  {
    name: 'the host hangs',
    ejects: true,
    before: ({ homeServer }) => homeServer.pause(),
    after: async (cell) => {
      cell.homeServer.resume()
      await cell.provoke('up')
    },
    loses: severalHosts,
    expects: (kind, count) => {
      return kind === 'refill' || (count > 1 && kind === 'read') ? 'succeeds' : 'any'
    },
    others: any,
    isOutage: true,
  },
  {
    name: 'the host is ejected',
    ejects: true,
    before: (cell) => shut(cell, 'ejected'),
    after: open,
    loses: severalHosts,
    expects: elsewhere,
    others: elsewhere,
    isOutage: true,
  },
  {
    name: 'the host is returning',
    ejects: true,
    before: async (cell) => {
      await shut(cell, 'ejected')
      cell.home.isShut = false
      await cell.until(() => cell.homeState !== 'ejected', 'home is probed')
    },
    after: open,
    loses: severalHosts,
    expects: elsewhere,
    others: elsewhere,
    isOutage: true,
  },
  {
    name: 'the host was restarted empty',
    ejects: true,
    before: ({ homeServer }) => homeServer.restart(),
    after: open,
    loses: always,
    expects: unlessOnce,
    others: unlessOnce,
  },
  {
    name: 'the host was restarted as a version without meta commands',
    ejects: true,
    before: (cell) => cell.replaceHome({ version: '1.5.16' }),
    after: open,
    loses: always,
    expects: (kind) => (kind === 'refill' ? 'succeeds' : 'any'),
    others: unlessOnce,
  },
]

/** Makes the key's host refuse connections, until the client reports that state of it. */
export async function shut(cell: Cell, state: string): Promise<void> {
  cell.home.shut()
  await cell.provoke(state)
}

/** Makes the key's host accept connections again, and waits until the client has noticed. */
export async function open(cell: Cell): Promise<void> {
  cell.home.isShut = false
  await cell.provoke('up')
}
