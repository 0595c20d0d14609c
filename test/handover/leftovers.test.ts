import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { MarkAsk } from '../../src/hosts/each.ts'
import type { Earlier } from '../../src/hosts/earlier.ts'
import type { FleetState } from '../../src/hosts/handover-mark.ts'
import type { Host } from '../../src/hosts/host.ts'
import { Leftovers } from '../../src/hosts/leftovers.ts'

const KEY = { routeKey: undefined, wireKey: 'key', b: false }

/**
 * Clears the key on a host whose item has a CAS id. Returns how many commands were sent, with the
 * reading of the mark as one.
 */
async function sentFor(
  itemCas: string,
  known: bigint | undefined,
  read: bigint | undefined,
): Promise<number> {
  const host = { abilities: { meta: true } } as Host
  const casOf = new Map<Host, bigint>(known === undefined ? [] : [[host, known]])
  let sent = 0
  const ask = ((_, { verb }) => {
    sent++
    return Promise.resolve(verb.effect === 'read' ? { cas: itemCas } : true)
  }) as MarkAsk
  const leftovers = new Leftovers(ask, { casOf } as FleetState, {} as Earlier, async () => {
    sent++
    if (read !== undefined) casOf.set(host, read)
  })
  await leftovers.clear(host, KEY)
  return sent
}

describe('the item of a key on a host that is not cleared yet', () => {
  test('is deleted if it is older than the mark of the handover, and kept otherwise', async () => {
    assert.equal(await sentFor('5', 10n, undefined), 2)
    assert.equal(await sentFor('12', 10n, undefined), 1)
  })

  test('is compared with a mark that is read first, if it was not read when the handover opened', async () => {
    assert.equal(await sentFor('5', undefined, 10n), 3)
    assert.equal(await sentFor('12', undefined, 10n), 2)
  })

  test('is deleted if the mark cannot be read, because its age is unknown', async () => {
    assert.equal(await sentFor('12', undefined, undefined), 3)
  })
})

/** Clears a host whose dumps list what `dumps` says. Returns the commands that it got. */
async function commandsFor(version: string, dumps: readonly string[]): Promise<string[]> {
  const sent: string[] = []
  let dumped = 0
  async function* lines(head: string): AsyncGenerator<string> {
    sent.push(head.trim())
    const listed = dumps[dumped++] ?? ''
    if (listed !== '') yield listed
  }
  const abilities = { version, meta: true, proxy: false, cas: true }
  const host = { name: 'host', usable: true, abilities, lines } as unknown as Host
  const ask = ((_, { verb, wireKey }) => {
    if (verb.effect === 'read') return Promise.resolve(undefined)
    sent.push(`${verb.name} ${wireKey.split('~').at(-2) ?? wireKey}`)
    return Promise.resolve(true)
  }) as MarkAsk
  const state = { id: 'id', casOf: new Map([[host, 10n]]), announceMs: 0, handoverMs: 0 }
  const earlier = { isArriving: () => true } as unknown as Earlier
  await new Leftovers(ask, state as unknown as FleetState, earlier, async () => {}).look(
    [host],
    false,
  )
  return sent
}

const LISTED = 'key=key exp=-1 la=1 cas=5 fetch=no'

test('a host is cleared when a dump of its hash table lists no old item', async () => {
  const dump = 'lru_crawler metadump hash'
  assert.deepEqual(await commandsFor('1.6.9', [LISTED]), [
    ...['add clearing', dump, 'md key', dump, 'add cleared', 'delete clearing'],
  ])
})

test('a host that cannot dump its hash table is cleared when three dumps in a row list no old item', async () => {
  const dump = 'lru_crawler metadump all'
  assert.deepEqual(await commandsFor('1.6.8', ['', LISTED]), [
    ...['add clearing', dump, dump, 'md key', dump, dump, dump, 'add cleared', 'delete clearing'],
  ])
})
