import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import { type BehaviorsInput, MemcachedClient } from '../../src/index.ts'
import { Gate } from '../meetings/gate.ts'
import { until } from '../support/test-cluster.ts'
import { type Change, POLICY, CHANGES as SHARED } from './changes.ts'

const LATE_MS = 800

/** A key, whose values are numbers that rise with each change. */
interface Key {
  readonly name: string
  readonly change: Change
  /** The last number given to a change. */
  tip: number
  /** The number of the last change that was acknowledged. */
  floor: number
}

const CHANGES: Readonly<Record<string, Change>> = {
  ...SHARED,
  setMany: (client, key, next) => client.setMany(new Map([[key, next]])).then(() => next),
  deleteMany: (client, key, next) => client.deleteMany([key]).then(() => next),
  append: async (client, key, next) =>
    (await client.append(key, '0')) ? 10 * (next - 1) : undefined,
  'meta set': async (client, key, next) =>
    (await client.meta.ms(key, String(next), {})).status === 'done' ? next : undefined,
  'raw delete': (client, key, next) => client.raw(key, 'delete', key).then(() => next),
  'getOrSet alone': async () => undefined,
}

/** When a key is changed, in the order of the test. */
const MOMENTS = ['away', 'two hosts out', 'late', 'home', 'suspect'] as const
type Moment = (typeof MOMENTS)[number]

class World {
  readonly gates: readonly Gate[]
  readonly client: MemcachedClient
  readonly keys: Readonly<Record<Moment, readonly Key[]>>
  readonly old = new Set<string>()
  readonly #probes: readonly string[]
  readonly #places: readonly string[]

  constructor(gates: readonly Gate[], behaviors: BehaviorsInput) {
    this.gates = gates
    const places = gates.map(({ port }) => `127.0.0.1:${port}`)
    const { failover } = behaviors
    this.#places = places.slice(0, 4)
    this.client = new MemcachedClient(this.#places, {
      ...{
        requestTimeoutMs: 5_000,
        connectTimeoutMs: 200,
        retryTimeoutMs: 200,
        deadTimeoutMs: 200,
      },
      ...behaviors,
      ...(failover === undefined ? { failover: { gutter: places.slice(4), ttl: 60 } } : {}),
    })
    this.#probes = this.#places.map((_, at) => this.#namesOn(at, 'probe', 1)[0]!)
    const keysOf = (moment: Moment): Key[] => {
      const names = this.#namesOn(0, moment, Object.keys(CHANGES).length)
      return Object.values(CHANGES).map((change, at) => {
        return { name: names[at]!, change, tip: 1, floor: 1 }
      })
    }
    const keys = MOMENTS.map((moment) => [moment, keysOf(moment)] as const)
    this.keys = Object.fromEntries(keys) as Record<Moment, Key[]>
  }

  #namesOn(at: number, prefix: string, count: number): string[] {
    const names: string[] = []
    for (let i = 0; names.length < count; i++) {
      const name = `${prefix}:${i}`.replaceAll(' ', '-')
      if (this.client.locate(name).server === this.#places[at]) names.push(name)
    }
    return names
  }

  async out(at: number): Promise<void> {
    this.gates[at]!.shut()
    await until(() => {
      this.client.get(this.#probes[at]!).catch(() => undefined)
      return this.client.hosts()[at]!.state === 'ejected'
    })
  }

  async back(at: number): Promise<void> {
    this.gates[at]!.isShut = false
    await until(() => this.client.hosts()[at]!.state === 'up')
  }

  /** Changes all keys of a moment. A call that rejects may have changed its key or not. */
  async change(moment: Moment): Promise<void> {
    await Promise.all(
      this.keys[moment].map(async (key) => {
        const next = ++key.tip
        const number = await key.change(this.client, key.name, next).catch(() => undefined)
        if (number === undefined) return
        if (number < key.floor) this.old.add(`${nameOf(key)} changed ${number} at ${key.floor}`)
        key.tip = Math.max(key.tip, number)
        key.floor = Math.max(key.floor, number)
      }),
    )
  }

  /** Reads all keys, and notes those whose value is older than an acknowledged change. */
  async look(when: string): Promise<void> {
    const all = Object.entries(this.keys).flatMap(([moment, keys]) =>
      keys.map((key) => ({ key, moment, ...key })),
    )
    const note = (how: string, { key, moment, floor }: (typeof all)[number], value: unknown) => {
      const isOld = value !== undefined && Number(value) < floor
      if (isOld)
        this.old.add(`${when}: ${how} of ${nameOf(key)} (${moment}): ${value}, not ${floor}`)
    }
    const many = await this.client
      .getManyDetailed(all.map(({ name }) => name))
      .catch(() => new Map())
    await Promise.all(
      all.map(async (one) => {
        // A value that is marked stale looks fresh to a plain get.
        const isMarked = one.change === CHANGES.invalidate || one.change === CHANGES.refresh
        if (!isMarked) note('getMany', one, many.get(one.name))
        const load = (): number => one.key.tip
        const found = await this.client.getOrSetEntry(one.name, load, POLICY).catch(() => undefined)
        if (found?.state !== 'stale') note('getOrSet', one, found?.value)
      }),
    )
  }
}

function nameOf({ change }: Key): string {
  return Object.keys(CHANGES).find((name) => CHANGES[name] === change)!
}

async function run(world: World): Promise<void> {
  const { gates } = world
  await world.look('before')
  await world.out(0)
  await world.look('home out')
  await world.change('away')
  await world.look('changed away')
  await world.out(1)
  await world.look('two hosts out')
  await world.change('two hosts out')
  await world.look('changed while two were out')
  await world.back(1)
  await world.look('the second back')
  for (const gate of gates.slice(1)) gate.set('late:', { delayMs: LATE_MS }, 100)
  const late = world.change('late')
  await world.back(0)
  for (const gate of gates.slice(1)) gate.set('', { delayMs: 0 }, 0)
  await world.look('home back before the replies')
  await late
  await world.look('home back')
  await world.change('home')
  gates[0]!.resetAll()
  await world.change('suspect')
  await world.look('changed at home')
  for (const round of ['again', 'and again']) {
    await world.out(0)
    await world.look(`home out ${round}`)
    await world.out(1)
    await world.look(`two hosts out ${round}`)
    await world.back(0)
    await world.look(`home back ${round}`)
    await world.back(1)
    await world.look(`all back ${round}`)
  }
}

suite('after each change, at each moment of outages in turn, nothing older is fresh', {
  concurrency: true,
}, () => {
  for (const protocol of ['auto', 'classic'] as const) {
    for (const failover of ['rehash', 'miss', 'gutter'] as const) {
      for (const ejection of ['skip', 'rebuild'] as const) {
        test(`${protocol} protocol, ${failover}, ${ejection}`, async (t) => {
          const servers = await Promise.all(Array.from({ length: 6 }, () => startServer()))
          const gates = await Promise.all(servers.map(({ port }) => new Gate(port).open()))
          const more = failover === 'gutter' ? {} : { failover }
          const world = new World(gates, { protocol, ejection, ...more })
          t.after(async () => {
            await world.client.close({ drainMs: 0 })
            await Promise.all(gates.map((gate) => gate.close()))
            await Promise.all(servers.map((server) => server.close()))
          })
          await run(world)
          assert.deepEqual([...world.old], [])
        })
      }
    }
  }
})
