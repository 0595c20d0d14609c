import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientCore } from '../../src/client/core.ts'
import type { RefillEntry } from '../../src/index.ts'
import { type BehaviorsInput, MemcachedClient, type MintringError } from '../../src/index.ts'
import { type Change, POLICY, CHANGES as SHARED } from '../hosts/changes.ts'
import { gatedPool } from '../hosts/gated-pool.ts'
import type { Gate } from '../meetings/gate.ts'
import { until } from '../support/test-cluster.ts'

/** So long that the announcement still lasts when the test ends, on any machine. */
const CHANGE = { announce: 600, handover: 600 } as const
/** Nothing times out, and a host that is out is not dialled again before the test ends. */
const SETTINGS: BehaviorsInput = {
  ...{ requestTimeoutMs: 20_000, connectTimeoutMs: 20_000 },
  ...{ retryTimeoutMs: 600_000, deadTimeoutMs: 600_000 },
}
const OUT = 1

type Client = MemcachedClient

const CHANGES: Readonly<Record<string, Change>> = {
  ...SHARED,
  setMany: async (client, key, next) => {
    const { failed } = await client.setMany(new Map([[key, next]]))
    return failed.size === 0 ? next : undefined
  },
  deleteMany: async (client, key, next) => {
    const { failed } = await client.deleteMany([key])
    return failed.size === 0 ? next : undefined
  },
  'meta set': async (client, key, next) => {
    if (client.behaviors.protocol === 'classic') return undefined
    return (await client.meta.ms(key, String(next), {})).status === 'done' ? next : undefined
  },
  'raw delete': (client, key, next) => client.raw(key, 'delete', key).then(() => next),
  append: async (client, key, next) =>
    (await client.append(key, '0')) ? 10 * (next - 1) : undefined,
}

const READS: Readonly<Record<string, (client: Client, key: string) => Promise<unknown>>> = {
  get: (client, key) => client.get(key),
  gets: async (client, key) => (await client.gets(key))?.value,
  gat: (client, key) => client.gat(key, 600),
  getMany: async (client, key) => (await client.getMany([key, 'other'])).get(key),
}

/** Changes of servers: which of four servers the two lists have. */
const LISTS = {
  'a host joins': [
    [0, 1, 2],
    [0, 1, 2, 3],
  ],
  'another host leaves': [
    [0, 1, 2, 3],
    [0, 1, 2],
  ],
  'the host that is out leaves': [
    [0, 1, 2, 3],
    [0, 2, 3],
  ],
  'all others are replaced': [
    [0, 1, 2],
    [1, 3],
  ],
} as const

interface Fleet {
  readonly gate: Gate
  /** The host that is out. */
  readonly address: string
  readonly from: readonly string[]
  readonly to: readonly string[]
  readonly clientOf: (list: readonly string[], more: BehaviorsInput) => Client
  readonly heard: Client
  readonly unheard: Client
  /** Keys of the host that is out: some of each way in which the change concerns them. */
  readonly keys: readonly string[]
}

/** A host is out for two processes, and one of them announces another list. */
async function startFleet(
  t: TestContext,
  change: keyof typeof LISTS,
  behaviors: BehaviorsInput,
): Promise<Fleet> {
  const pool = await gatedPool(t, 4, {})
  const [from, to] = LISTS[change].map((places) => places.map((at) => pool.list[at]!))
  const clientOf = (list: readonly string[] = from!, more: BehaviorsInput = {}): Client => {
    const client = new MemcachedClient(list, { ...SETTINGS, ...behaviors, ...more })
    t.after(() => client.close({ drainMs: 0 }))
    return client
  }
  const [heard, unheard, after] = [clientOf(), clientOf(), clientOf()]
  after.setServers(to!, { handover: 0 })
  const found = new Map<string, string[]>()
  for (let i = 0; i < 2_000; i++) {
    const key = `key:${i}`
    const [before, now] = [unheard.locate(key), after.locate(key)]
    if (before.server !== pool.list[OUT]) continue
    const kind = `${now.server === before.server} ${now.fallback === before.fallback}`
    const some = found.get(kind) ?? []
    if (some.length < 2) found.set(kind, [...some, key])
  }
  const keys = [...found.values()].flat()
  for (const key of keys) await unheard.set(key, 1)
  for (const key of keys) await heard.get(key)
  const gate = pool.gates[OUT]!
  gate.shut()
  for (const client of [heard, unheard]) {
    await until(() => {
      client.get(keys[0]!).catch(() => undefined)
      return client.locate(keys[0]!).ejected
    })
  }
  heard.setServers(to!, CHANGE)
  await until(() => heard.handover !== undefined)
  return { gate, address: pool.list[OUT]!, from: from!, to: to!, heard, unheard, keys, clientOf }
}

/** A process that has not heard of the change does not use a host again that it had lost. */
function guarded({ code }: MintringError): undefined {
  assert.equal(code, 'MINTRING_HOST_EJECTED')
}

/** Makes a change in one process and reads it in the other one, by all verbs, on one key. */
async function assertSeen(
  name: string,
  key: string,
  writer: Client,
  reader: Client,
  start: number,
): Promise<number> {
  let tip = start
  await writer.set(key, tip)
  for (const read of Object.values(READS)) {
    // The reader has a copy wherever it reads.
    while ((await reader.getOrSetEntry(key, () => tip, POLICY)).state === 'stale') await sleep(5)
    const done = await CHANGES[name]!(writer, key, tip + 1).catch(guarded)
    if (done !== undefined) tip = done
    const value = await read(reader, key).catch(guarded)
    const isMarked = name === 'invalidate'
    const least = isMarked ? start : tip
    if (value !== undefined) assert.ok(Number(value) >= least, `${name} ${key}: ${value}, ${tip}`)
    const entry: RefillEntry<number> = await reader.getOrSetEntry(key, () => tip, POLICY)
    const isNew = entry.state === 'stale' || Number(entry.value) >= tip
    assert.ok(isNew, `${name} ${key}: ${entry.value} is ${entry.state}, not ${tip}`)
  }
  return tip + 1
}

/** Makes all changes of all keys in each writer, and reads them in its reader. */
async function assertAllSeen(
  keys: readonly string[],
  pairs: readonly { readonly writer: Client; readonly reader: Client }[],
): Promise<void> {
  let tip = 10
  for (const name of Object.keys(CHANGES)) {
    for (const key of keys) {
      let next = tip
      for (const { writer, reader } of pairs) {
        next = await assertSeen(name, key, writer, reader, next)
      }
      if (name !== 'append') tip = next
    }
  }
}

/** Has a process dial a host that is out until it knows. */
async function loseHost(client: Client, address: string): Promise<void> {
  const { cluster } = Reflect.get(client, '_core') as ClientCore
  const host = cluster.homes.find(({ name }) => name === address)!
  await until(() => {
    host.openLane()
    return host.isEjected
  })
}

/** Has a process dial a host until it is back. */
async function findAgain(client: Client, address: string): Promise<void> {
  const { cluster } = Reflect.get(client, '_core') as ClientCore
  const host = cluster.homes.find(({ name }) => name === address)!
  await until(() => {
    host.probe()
    return !host.isEjected
  })
}

function testChange(change: keyof typeof LISTS, behaviors: BehaviorsInput): void {
  test('processes that have heard of it see what others change, and the reverse', async (t) => {
    const { heard, unheard, keys } = await startFleet(t, change, behaviors)
    await assertAllSeen(keys, [
      { writer: unheard, reader: heard },
      { writer: heard, reader: unheard },
    ])
  })

  // The servers have other ports, so that a process dials none that it finds in the marker only.
  const isAllKnown = change === 'a host joins'
  for (const knows of ['the previous list', 'only the new list'] as const) {
    if (behaviors.ejection !== 'skip' || (knows === 'only the new list' && !isAllKnown)) continue
    test(`so does one that starts with ${knows}`, async (t) => {
      const { address, from, to, unheard, keys, clientOf } = await startFleet(t, change, behaviors)
      const previous = knows === 'the previous list' ? { previous: { servers: from } } : {}
      const started = clientOf(to, { ...CHANGE, ...previous })
      await started.get('any')
      await until(() => started.handover !== undefined)
      await loseHost(started, address)
      await assertAllSeen(keys, [
        { writer: unheard, reader: started },
        { writer: started, reader: unheard },
      ])
    })
  }

  for (const first of ['heard', 'unheard'] as const) {
    test(`so they do if the host is back for the one that reads: ${first}`, async (t) => {
      const fleet = await startFleet(t, change, behaviors)
      const { gate, keys } = fleet
      const reader = fleet[first]
      const writer = first === 'heard' ? fleet.unheard : fleet.heard
      for (const key of keys) await writer.set(key, 2)
      gate.isShut = false
      await findAgain(reader, fleet.address)
      for (const key of keys) {
        const value = await reader.get(key)
        if (value !== undefined) assert.equal(value, 2, key)
      }
      await assertAllSeen(keys, [{ writer, reader }])
    })
  }
}

for (const protocol of ['auto', 'classic'] as const) {
  for (const ejection of ['skip', 'rebuild'] as const) {
    for (const change of Object.keys(LISTS) as (keyof typeof LISTS)[]) {
      suite(`a change is announced and a host is out: ${change}, ${ejection}, ${protocol}`, () => {
        testChange(change, { protocol, ejection })
      })
    }
  }
}
