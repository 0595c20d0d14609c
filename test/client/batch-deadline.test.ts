import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import type { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import type { MintringError } from '../../src/errors.ts'
import { connect, PATIENT, serve } from './support.ts'

const KEYS = Array.from({ length: 40 }, (_, i) => `k${i}`)
const IN_TIME = { timeoutMs: 1_500 }

interface Halves {
  readonly cache: MemcachedClient
  readonly hanging: string
  /** The keys of the host that replies, and of the one that hangs. */
  readonly alive: readonly string[]
  readonly hung: readonly string[]
}

/** Two hosts, one of which accepts connections and never replies. Nothing is stored. */
async function halfHanging(context: TestContext, behaviors: BehaviorsInput = {}): Promise<Halves> {
  const servers = await Promise.all([startServer(), startServer()])
  const [one, two] = servers.map(({ address }) => address) as [string, string]
  context.after(() => Promise.all(servers.map((server) => server.close())))
  const cache = connect(context, [one, two], { ...PATIENT, ...behaviors })
  await cache.getMany(KEYS)
  servers[1]!.pause()
  context.after(() => servers[1]!.resume())
  const onTwo = (key: string): boolean => cache.locate(key).server === two
  return { cache, hanging: two, alive: KEYS.filter((k) => !onTwo(k)), hung: KEYS.filter(onTwo) }
}

/** Every key of the hanging host failed with the timeout, and says which host it waited for. */
function assertLate(failed: ReadonlyMap<string, MintringError>, { hung, hanging }: Halves): void {
  assert.deepEqual([...failed.keys()].sort(), [...hung].sort())
  for (const { code, host, sent, message } of failed.values()) {
    assert.deepEqual([code, host, sent], ['MINTRING_TIMEOUT', hanging, true])
    assert.ok(message.startsWith(`${hanging} did not reply to `), message)
  }
}

describe('At its own timeout, with one of two hosts hanging,', { concurrency: true }, () => {
  it('getManyDetailed returns what it read, and lists the other keys as failed', async (context) => {
    const halves = await halfHanging(context)
    const { cache, alive } = halves
    await cache.set(alive[0]!, 'here')
    const found = await cache.getManyDetailed(KEYS, IN_TIME)
    assert.deepEqual([...found], [[alive[0], 'here']])
    assertLate(found.failed, halves)
  })

  it('getMany returns what it read', async (context) => {
    const { cache, alive } = await halfHanging(context)
    await cache.set(alive[0]!, 'here')
    assert.deepEqual([...(await cache.getMany(KEYS, IN_TIME))], [[alive[0], 'here']])
  })

  it('getMany rejects when no key could be read', async (context) => {
    const { cache, hung, hanging } = await halfHanging(context)
    const late = { code: 'MINTRING_TIMEOUT', host: hanging, sent: true }
    await assert.rejects(cache.getMany(hung, IN_TIME), late)
  })

  it('setMany stores what it can, and lists the other keys as failed', async (context) => {
    const halves = await halfHanging(context)
    const { cache, alive } = halves
    const stored = await cache.setMany(
      KEYS.map((key) => [key, 'x'] as const),
      IN_TIME,
    )
    assert.deepEqual([...stored].sort(), alive.map((key) => [key, true]).sort())
    assertLate(stored.failed, halves)
    assert.equal((await cache.getMany(alive)).size, alive.length)
  })

  it('deleteMany deletes what it can, and lists the other keys as failed', async (context) => {
    const halves = await halfHanging(context)
    const { cache, alive } = halves
    await cache.set(alive[0]!, 'here')
    const deleted = await cache.deleteMany(KEYS, IN_TIME)
    assert.deepEqual([...deleted].sort(), alive.map((key) => [key, key === alive[0]]).sort())
    assertLate(deleted.failed, halves)
  })

  it('deleteMany deletes the locks of keys that were not stored on the other host', async (context) => {
    const halves = await halfHanging(context, { placeholder: 'sidecar' })
    const { cache, alive } = halves
    let release = (_: string): void => {}
    const loaded = new Promise<string>((resolve) => {
      release = resolve
    })
    const started = new Promise<void>((begun) => {
      const loader = (): Promise<string> => {
        begun()
        return loaded
      }
      void cache.getOrSet(alive[0]!, loader, { ttl: 60 })
    })
    await started
    const deleted = await cache.deleteMany(KEYS, IN_TIME)
    assert.equal(deleted.failed.size, halves.hung.length)
    release('older than the delete')
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(await cache.get(alive[0]!), undefined)
  })

  for (const verb of ['getManyDetailed', 'setMany', 'deleteMany'] as const) {
    it(`${verb} rejects as a whole when its signal aborts`, async (context) => {
      const { cache } = await halfHanging(context)
      const { signal } = abortSoon()
      const calls = {
        getManyDetailed: () => cache.getManyDetailed(KEYS, { signal }),
        setMany: () =>
          cache.setMany(
            KEYS.map((key) => [key, 'x'] as const),
            { signal },
          ),
        deleteMany: () => cache.deleteMany(KEYS, { signal }),
      }
      await assert.rejects(calls[verb](), { code: 'MINTRING_ABORTED' })
    })
  }
})

function abortSoon(): AbortController {
  const abort = new AbortController()
  setTimeout(() => abort.abort(), 50)
  return abort
}

describe('A serializer that never encodes one of the values', () => {
  const encode = (value: unknown): string | Promise<string> =>
    (value as { hangs?: true }).hangs ? new Promise(() => {}) : JSON.stringify(value)
  const serializer = { serialize: encode, deserialize: (bytes: Buffer) => JSON.parse(`${bytes}`) }
  const entries = { a: { hangs: true }, b: { n: 1 } }

  it('fails that value alone in setMany without a timeout', async (context) => {
    const behaviors = { serializer, requestTimeoutMs: 1_000, retries: 0 }
    const { cache } = await serve(context, behaviors)
    const stored = await cache.setMany(entries)
    assert.deepEqual([...stored], [['b', true]])
    assert.match(stored.failed.get('a')!.message, /not encoded .*and no host was asked$/)
    assert.deepEqual(await cache.get('b'), { n: 1 })
  })

  it('fails every value that setMany could not send before its timeout', async (context) => {
    const { cache } = await serve(context, { serializer, ...PATIENT })
    const { size, failed } = await cache.setMany(entries, { timeoutMs: 50 })
    assert.deepEqual([size, [...failed.keys()].sort()], [0, ['a', 'b']])
    for (const { code, sent } of failed.values()) {
      assert.deepEqual([code, sent], ['MINTRING_TIMEOUT', false])
    }
  })

  it('rejects setMany as a whole when the serializer refuses a value', async (context) => {
    const refusing = { ...serializer, serialize: async () => Promise.reject(new Error('no')) }
    const { cache } = await serve(context, { serializer: refusing, ...PATIENT })
    await assert.rejects(cache.setMany(entries), { code: 'MINTRING_BAD_VALUE' })
  })
})

it('setMany fails alone a value whose chunks cannot be stored', async (context) => {
  const { server, cache } = await serve(context, { largeValues: 'split', ...PATIENT })
  await cache.set('warm', 1)
  await server.inject({ dropReplies: true, only: ['set'], times: 2 })
  const large = 'x'.repeat(1_500_000)
  const stored = await cache.setMany({ large, small: 'y' }, { timeoutMs: 300 })
  assert.equal(stored.failed.get('large')?.code, 'MINTRING_TIMEOUT')
  assert.equal(stored.size + stored.failed.size, 2)
})
