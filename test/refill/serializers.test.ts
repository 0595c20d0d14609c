import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Refill } from '../../src/refill/refill.ts'
import type { EncodedItem, Item, Reader, RefillStore, StoreAnswer } from '../../src/refill/store.ts'
import type { RefillHooks } from '../../src/refill/tally.ts'
import { type World, world } from './world.ts'

const POLICY = { ttl: 10, staleWhileRevalidate: 60, lease: 4, jitter: 0 } as const
/** The time limit of the codec for a value: 5 s. */
const PATIENCE_MS = 5_000

type Fault = 'hangs' | 'fails' | undefined

/** The fault of an asynchronous serializer at its nth call, counted from 1. */
interface Faults {
  encode(nth: number): Fault
  decode(nth: number): Fault
}

const NONE: Faults = { encode: () => undefined, decode: () => undefined }

/** A refill whose serializer is asynchronous and has faults. */
function start({ time, start }: World, faults: Partial<Faults>, hooks?: RefillHooks): Refill {
  const { encode, decode } = { ...NONE, ...faults }
  const inner = start().store
  let encoded = 0
  let decoded = 0
  const slowly = async <Result>(fault: Fault, result: () => Result): Promise<Result> => {
    if (fault === 'hangs') return new Promise(() => {})
    if (fault === 'fails') throw new Error('the serializer failed')
    return result()
  }
  const slow = <Some extends Item>(item: Some): Some => ({
    ...item,
    decode: () => slowly(decode(++decoded), () => item.decode()),
    keep: () => slow(item.keep()),
  })
  const store: RefillStore = {
    isStamped: true,
    checkKey: () => {},
    read: (key, vivify, below, reader) => inner.read(key, vivify, below, slowReader(reader, slow)),
    place: () => inner.place(),
    exchange: async (place, key, commands) =>
      (await inner.exchange(place, key, commands)).map((answer) => slow<StoreAnswer>(answer)),
    spread: (key, commands) => inner.spread(key, commands),
    encode: (value) => slowly(encode(++encoded), () => inner.encode(value)),
    decode: (made: EncodedItem) => slowly(decode(++decoded), () => inner.decode(made)),
    readTag: (name, reader) => inner.readTag(name, reader),
    changeTag: (name, change) => inner.changeTag(name, change),
    fits: (key, bytes) => inner.fits(key, bytes),
  }
  return new Refill(store, { clock: time.clock(() => true), hooks })
}

function slowReader(reader: Reader, slow: (item: Item) => Item): Reader {
  return {
    answered: (item) => reader.answered(slow(item)),
    failed: (error) => reader.failed(error),
  }
}

for (const dialect of ['meta', 'classic'] as const) {
  describe(`an asynchronous serializer, ${dialect} commands`, () => {
    for (const fault of ['hangs', 'fails'] as const) {
      test(`that ${fault} in encode returns the value to the caller if it can, and releases the key`, async () => {
        const w = world(dialect)
        const refill = start(w, { encode: (nth) => (nth === 1 ? fault : undefined) })
        const first = refill.getOrSetEntry('k', () => 1, POLICY)
        if (fault === 'hangs') {
          assert.deepEqual(await w.when(first), { value: 1, state: 'uncached' })
          assert.ok(w.time.nowMs <= PATIENCE_MS + 100, `${w.time.nowMs} ms`)
        } else await assert.rejects(w.when(first))
        await w.pass(7_000)
        assert.equal((await w.when(refill.getOrSetEntry('k', () => 2, POLICY))).state, 'miss')
      })

      test(`that ${fault} in encode of one of many keys fails none of them`, async () => {
        const w = world(dialect)
        const told: unknown[] = []
        const report = (name: string, { key }: { key: string }) => told.push([name, key])
        const refill = start(w, { encode: (nth) => (nth === 1 ? fault : undefined) }, { report })
        const load = (keys: readonly string[]) => new Map(keys.map((key) => [key, key]))
        const entries = await w.when(refill.getOrSetManyEntries(['a', 'b'], load, POLICY))
        const states = [...entries.values()].map(({ value, state }) => [value, state])
        assert.deepEqual(states, [
          ['a', 'uncached'],
          ['b', 'miss'],
        ])
        assert.deepEqual(told.sort(), [
          ['refill', 'b'],
          ['refillError', 'a'],
        ])
        await w.pass(7_000)
        assert.equal((await w.when(refill.getOrSetEntry('a', () => 2, POLICY))).state, 'miss')
      })

      test(`that ${fault} in encode of a value that many keys share with a single call fails only that`, async () => {
        const w = world(dialect)
        const refill = start(w, { encode: (nth) => (nth <= 2 ? fault : undefined) })
        const single = refill.getOrSetEntry('a', () => w.later(100, 1), POLICY)
        single.catch(() => {})
        await w.pass(50)
        const load = (keys: readonly string[]) => new Map(keys.map((key) => [key, 2]))
        const many = refill.getOrSetManyEntries(['a', 'b'], load, POLICY)
        const states = [...(await w.when(many)).values()].map(({ state }) => state)
        assert.equal(states[0], 'uncached')
        if (fault === 'fails') await assert.rejects(w.when(single))
        else assert.equal((await w.when(single)).state, 'uncached')
      })

      test(`that ${fault} in decode makes the value a miss, which is loaded once`, async () => {
        const w = world(dialect)
        const refill = start(w, { decode: (nth) => (nth === 1 ? fault : undefined) })
        await w.when(refill.getOrSet('k', () => 1, POLICY))
        const startMs = w.time.nowMs
        const entry = await w.when(refill.getOrSetEntry('k', () => 2, POLICY))
        assert.deepEqual([entry.value, entry.state], [2, 'miss'])
        assert.ok(w.time.nowMs - startMs <= PATIENCE_MS + 100)
        assert.equal(refill.counters.unreadable, 1)
        assert.equal((await w.when(refill.getOrSetEntry('k', () => 3, POLICY))).value, 2)
      })

      test(`that ${fault} in decode of the stale value for the loader does not stop the load`, async () => {
        const w = world(dialect)
        const refill = start(w, { decode: (nth) => (nth === 2 ? fault : undefined) })
        await w.when(refill.getOrSet('k', () => 1, POLICY))
        await w.pass(11_000)
        const stale: unknown[] = []
        const loader = (_key: string, context: { stale: unknown }) => {
          stale.push(context.stale)
          return 2
        }
        assert.equal((await w.when(refill.getOrSetEntry('k', loader, POLICY))).value, 1)
        await w.pass(PATIENCE_MS + 500)
        assert.deepEqual(stale, [undefined])
        const entry = await w.when(refill.getOrSetEntry('k', loader, POLICY))
        assert.deepEqual([entry.value, entry.state], [2, 'fresh'])
        assert.equal(refill.size <= 2, true)
      })

      test(`that ${fault} while it copies a value blocks no other caller of the load`, async () => {
        const w = world(dialect)
        const refill = start(w, { decode: () => fault })
        const policy = { ...POLICY, waitTimeoutMs: 60_000 }
        const load = () => w.later(100, { made: 1 })
        const first = refill.getOrSet('k', load, policy)
        await w.pass(30)
        const others = [1, 2, 3].map(() => refill.getOrSet('k', load, policy))
        assert.deepEqual(await w.when(Promise.all([first, ...others])), Array(4).fill({ made: 1 }))
        assert.ok(w.time.nowMs <= PATIENCE_MS + 1_000, `${w.time.nowMs} ms`)
      })
    }
  })
}

describe('a caller whose time ends while a serializer hangs learns what it waited for', () => {
  const bounded = { ...POLICY, timeoutMs: 300 }
  const VALUE = 'No value within 300 ms: the'

  test('the loaded value is not encoded', async () => {
    const w = world('meta')
    const refill = start(w, { encode: () => 'hangs' })
    await assert.rejects(w.when(refill.getOrSet('k', () => 1, bounded)), {
      code: 'MINTRING_TIMEOUT',
      message: `${VALUE} loaded value was not encoded (slow serializer?)`,
    })
  })

  test('the value that was read is not decoded', async () => {
    const w = world('meta')
    const refill = start(w, { decode: () => 'hangs' })
    await w.when(refill.getOrSet('k', () => 1, POLICY))
    await assert.rejects(w.when(refill.getOrSet('k', () => 1, bounded)), {
      code: 'MINTRING_TIMEOUT',
      message: `${VALUE} value that was read was not decoded (slow serializer?)`,
    })
  })

  test('the loader still runs', async () => {
    const w = world('meta')
    const refill = start(w, {})
    const never = () => new Promise<never>(() => {})
    await assert.rejects(w.when(refill.getOrSet('k', never, bounded)), {
      code: 'MINTRING_TIMEOUT',
      message: `${VALUE} loader is still running`,
    })
  })
})
