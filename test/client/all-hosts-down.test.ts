import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import type { MintringError } from '../../src/errors.ts'
import { connect, serve } from './support.ts'

type Call = (cache: MemcachedClient) => Promise<unknown>

/** Verbs that ask every host, and one whose keys are on all of them. */
const VERBS: Readonly<Record<string, Call>> = {
  stats: (cache) => cache.stats(),
  version: (cache) => cache.version(),
  flushAll: (cache) => cache.flushAll(),
  verbosity: (cache) => cache.verbosity(0),
  cacheMemlimit: (cache) => cache.cacheMemlimit(64),
  getMany: (cache) => cache.getMany(Array.from({ length: 200 }, (_, index) => `k${index}`)),
}

describe('verbs that ask several hosts, when every host is down', () => {
  /** Nothing listens on these ports. */
  const ports = [1, 2, 3, 4, 5, 6, 8]

  const failing = async (count: number, call: Call): Promise<MintringError> => {
    const servers = ports.slice(0, count).map((port) => `127.0.0.1:${port}`)
    const cache = new MemcachedClient(servers, { autoEjectHosts: false, retries: 0 })
    try {
      return await call(cache).then(
        () => assert.fail('it resolved'),
        (error: MintringError) => error,
      )
    } finally {
      await cache.close({ drainMs: 0 })
    }
  }

  for (const [verb, call] of Object.entries(VERBS)) {
    it(`${verb} rejects and lists three hosts, each with its reason`, async () => {
      const { message } = await failing(3, call)
      for (const port of ports.slice(0, 3)) {
        assert.match(message, new RegExp(`127\\.0\\.0\\.1:${port} refuses connections`))
      }
    })

    it(`${verb} rejects, and lists five of seven hosts and how many more failed`, async () => {
      const { message } = await failing(7, call)
      assert.equal(message.match(/refuses connections/g)?.length, 5)
      assert.match(message, /and 2 more$/)
    })

    it(`${verb} rejects with the error of the only host`, async () => {
      const error = await failing(1, call)
      assert.equal(error.code, 'MINTRING_CONNECTION')
      assert.equal(error.host, '127.0.0.1:1')
      assert.match(error.message, /^127\.0\.0\.1:\d+ refuses connections/)
    })
  }

  it('resolve when one host returns a result, with the other hosts in failed', async (context) => {
    const { server } = await serve(context)
    const versions = await connect(context, [server.address, '127.0.0.1:1']).version()
    assert.deepEqual([...versions.keys()], [server.address])
    assert.deepEqual([...versions.failed.keys()], ['127.0.0.1:1'])
  })
})
