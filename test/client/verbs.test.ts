import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { skipWithoutMemcached, startMemcached } from '../support/memcached.ts'

interface Server {
  readonly address: string
  stop(): Promise<void>
}

const servers: readonly (readonly [string, string | false, () => Promise<Server>])[] = [
  [
    'the embedded server',
    false,
    async () => {
      const server = await startServer()
      return { address: server.address, stop: () => server.close() }
    },
  ],
  [
    'a real memcached',
    skipWithoutMemcached(),
    async () => {
      const server = await startMemcached({ args: ['-o', 'watcher_logbuf_size=64'] })
      return { address: `${server.host}:${server.port}`, stop: () => server.stop() }
    },
  ],
]

const MAX_UINT64 = 2n ** 64n - 1n

for (const [name, skip, start] of servers) {
  describe(`on ${name}`, { skip }, () => {
    let server: Server
    let cache: MemcachedClient

    before(async () => {
      server = await start()
      cache = new MemcachedClient([server.address], { requestTimeoutMs: 5000 })
    })
    after(async () => {
      await cache.close()
      await server.stop()
    })

    it('stores and gets, and a miss is undefined', async () => {
      assert.equal(await cache.set('a', { x: 1 }), true)
      assert.deepEqual(await cache.get('a'), { x: 1 })
      assert.equal(await cache.get('nobody'), undefined)
    })

    it('takes keys of 250 bytes and of any script', async () => {
      for (const key of ['k'.repeat(250), 'é'.repeat(125), '鍵🔑']) {
        await cache.set(key, key)
        assert.equal(await cache.get(key), key)
        assert.deepEqual(await cache.getMany([key]), new Map([[key, key]]))
        assert.equal((await cache.gets(key))?.value, key)
      }
    })

    it('answers gets of one turn each with its own', async () => {
      await cache.setMany({ t1: 1, t2: 2, t3: 3 })
      const keys = ['t3', 'none', 't1', 't3', 't2', 'none']
      const values = await Promise.all(keys.map((key) => cache.get(key)))
      assert.deepEqual(values, [3, undefined, 1, 3, 2, undefined])
    })

    it('gives callers who ask for one key in one turn a buffer each', async () => {
      for (const size of [10, 5000, 900_000]) {
        await cache.set('shared', Buffer.alloc(size, 1))
        const got = await Promise.all([1, 2].map(() => cache.get<Buffer>('shared')))
        got[0]?.fill(2)
        assert.deepEqual(got[1], Buffer.alloc(size, 1))
      }
    })

    it('keeps what it is told in one turn in order', async () => {
      const answers = [cache.set('o', 1), cache.get('o'), cache.set('o', 2), cache.get('o')]
      assert.deepEqual(await Promise.all(answers), [true, 1, true, 2])
    })

    it('adds only what is not there, and replaces only what is', async () => {
      await cache.delete('new')
      assert.equal(await cache.replace('new', 0), false)
      assert.equal(await cache.add('new', 1), true)
      assert.equal(await cache.add('new', 2), false)
      assert.equal(await cache.replace('new', 3), true)
      assert.equal(await cache.get('new'), 3)
    })

    it('appends and prepends text and bytes', async () => {
      assert.equal(await cache.append('nothing', 'x'), false)
      assert.equal(await cache.prepend('nothing', 'x'), false)
      await cache.set('text', 'b')
      assert.equal(await cache.append('text', 'ç'), true)
      assert.equal(await cache.prepend('text', Buffer.from('a')), true)
      assert.equal(await cache.get('text'), 'abç')
    })

    it('swaps only if nobody stored since', async () => {
      await cache.set('swap', 'one')
      const entry = await cache.gets<string>('swap')
      assert.equal(entry?.value, 'one')
      assert.equal(entry?.flags, 1)
      assert.equal(await cache.cas('swap', 'two', entry.cas), 'stored')
      assert.equal(await cache.cas('swap', 'three', entry.cas), 'exists')
      assert.equal(await cache.cas('nothing', 'x', entry.cas), 'not_found')
      assert.equal(await cache.get('swap'), 'two')
      assert.equal(await cache.gets('nothing'), undefined)
    })

    it('takes a CAS id of 2^64-1 as it is', async () => {
      await cache.set('swap', 'one')
      assert.equal(await cache.cas('swap', 'two', MAX_UINT64), 'exists')
      assert.equal(await cache.cas('swap', 'two', MAX_UINT64 - 1n), 'exists')
    })

    it('touches, and gets while touching', async () => {
      await cache.set('life', 'v', { ttl: 10 })
      const ttl = async (): Promise<number | undefined> =>
        (await cache.meta.mg('life', { t: true })).ttl
      assert.ok(((await ttl()) ?? 0) <= 10)
      assert.equal(await cache.touch('life', 100), true)
      assert.ok(((await ttl()) ?? 0) > 90)
      assert.equal(await cache.gat('life', '1h'), 'v')
      assert.ok(((await ttl()) ?? 0) > 3590)
      assert.equal((await cache.gats('life', 0))?.value, 'v')
      assert.equal(await ttl(), -1)
      assert.equal(await cache.touch('nothing', 1), false)
      assert.equal(await cache.gat('nothing', 1), undefined)
    })

    it('keeps a value of 31 days for 31 days', async () => {
      await cache.set('month', 'v', { ttl: '31d' })
      const { ttl = 0 } = await cache.meta.mg('month', { t: true })
      assert.ok(ttl > 31 * 86_400 - 5 && ttl <= 31 * 86_400 + 1, String(ttl))
    })

    it('deletes', async () => {
      await cache.set('gone', 1)
      assert.equal(await cache.delete('gone'), true)
      assert.equal(await cache.delete('gone'), false)
    })

    it('counts exactly to 2^64-1, wraps there, and stops at 0', async () => {
      await cache.set('n', MAX_UINT64 - 2n)
      assert.equal(await cache.incr('n'), MAX_UINT64 - 1n)
      assert.equal(await cache.incr('n', 1n), MAX_UINT64)
      assert.equal(await cache.get('n'), MAX_UINT64)
      assert.equal(await cache.incr('n'), 0n)
      await cache.set('n', 5)
      assert.equal(await cache.decr('n', 2), 3n)
      assert.equal(await cache.get('n'), 3)
      assert.equal(await cache.decr('n', MAX_UINT64), 0n)
      assert.equal(await cache.incr('nothing'), undefined)
    })

    it('starts a counter that is not there', async () => {
      for (const protocol of ['meta', 'classic'] as const) {
        cache.configure({ protocol })
        await cache.delete('start')
        const initial = { initial: MAX_UINT64 - 1n, ttl: 100 }
        assert.equal(await cache.incr('start', 1, initial), MAX_UINT64 - 1n)
        assert.equal(await cache.incr('start', 1, initial), MAX_UINT64)
        assert.equal(await cache.decr('start', 5, initial), MAX_UINT64 - 5n)
        const { ttl = 0 } = await cache.meta.mg('start', { t: true })
        assert.ok(ttl > 90 && ttl <= 100)
      }
      cache.configure({ protocol: 'auto' })
    })

    it('rejects to count what is no number, and goes on', async () => {
      await cache.set('word', 'x')
      await assert.rejects(cache.incr('word'), { code: 'MINTRING_REFUSED', sent: true })
      assert.equal(await cache.get('word'), 'x')
    })

    it('gets many in the order asked, each key once', async () => {
      const entries = Array.from({ length: 1000 }, (_, i) => [`many${i}`, i] as const)
      const stored = await cache.setMany(entries)
      assert.equal(stored.size, 1000)
      assert.ok([...stored.values()].every((done) => done))
      const backwards = entries.toReversed()
      const asked = [...backwards.map(([key]) => key), 'none', 'many5']
      assert.deepEqual(await cache.getMany<number>(asked), new Map(backwards))
      assert.deepEqual([...(await cache.getMany<number>(asked))], backwards)
    })

    it('deletes many, and tells which were there', async () => {
      await cache.setMany(
        new Map([
          ['d1', 1],
          ['d2', 2],
        ]),
      )
      const deleted = await cache.deleteMany(['d1', 'd0', 'd2'])
      assert.deepEqual(
        [...deleted],
        [
          ['d1', true],
          ['d0', false],
          ['d2', true],
        ],
      )
      assert.equal(deleted.failed.size, 0)
    })

    it('stores many of all kinds and sizes in one call', async () => {
      const values = new Map<string, unknown>([
        ['big', Buffer.alloc(200_000, 7)],
        ['text', 'x'],
        ['wide', 'é'.repeat(5000)],
        ['json', { a: [1] }],
        ['clé', null],
      ])
      assert.deepEqual([...(await cache.setMany(values)).values()], [true, true, true, true, true])
      assert.deepEqual(await cache.getMany(values.keys()), values)
    })

    it('returns what was stored, whatever it is', async () => {
      const anything = fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary-ascii' }),
        fc.uint8Array({ maxLength: 5000 }).map((bytes) => Buffer.from(bytes)),
        fc.double(),
        fc.bigInt(),
        fc.boolean(),
        fc.constant(null),
        fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown),
        fc.constantFrom('\r\n', 'END\r\n', 'VALUE k 0 1\r\nx\r\nEND\r\n', '\0'),
      )
      const property = fc.asyncProperty(fc.array(anything, { maxLength: 20 }), async (values) => {
        const entries = values.map((value, i) => [`any${i}`, value] as const)
        await cache.setMany(entries)
        const found = await cache.getMany(entries.map(([key]) => key))
        for (const [key, value] of entries) assert.deepEqual(found.get(key), value)
        for (const [key, value] of entries.slice(0, 3)) {
          await cache.set(key, value)
          assert.deepEqual(await cache.get(key), value)
        }
      })
      await fc.assert(property, { numRuns: 100 })
    })

    it('sends compressed values and reads them', async () => {
      cache.configure({ compressAboveBytes: 1000 })
      const value = { text: 'compress me '.repeat(10_000) }
      await cache.set('packed', value)
      await cache.setMany({ packedToo: value })
      assert.ok((await cache.meta.mg('packed', { s: true })).size < 5000)
      assert.deepEqual(await cache.get('packed'), value)
      assert.deepEqual((await cache.gets('packed'))?.value, value)
      assert.deepEqual((await cache.getMany(['packedToo'])).get('packedToo'), value)
      cache.configure({ compressAboveBytes: undefined })
    })

    it('refuses a value over the item size, which the server would have deleted for', async () => {
      await cache.set('limit', 'old')
      const size = 1_048_576
      await assert.rejects(cache.set('limit', Buffer.alloc(size)), { code: 'MINTRING_TOO_LARGE' })
      const many = await cache.setMany({ limit: Buffer.alloc(size), other: 1 })
      assert.deepEqual([...many], [['other', true]])
      assert.equal(many.failed.get('limit')?.code, 'MINTRING_TOO_LARGE')
      assert.equal(await cache.get('limit'), 'old')
    })

    it('stores the largest value it allows', async () => {
      const largest = 1_048_576 - 'limit'.length - 80
      assert.equal(await cache.set('limit', Buffer.alloc(largest, 1)), true)
      assert.deepEqual(await cache.get('limit'), Buffer.alloc(largest, 1))
    })

    it('splits values over the item size, and reads them all or not at all', async () => {
      cache.configure({ largeValues: 'split' })
      const value = Buffer.alloc(3_500_000)
      for (let i = 0; i < value.length; i += 997) value[i] = i % 251
      assert.equal(await cache.set('huge', value, { ttl: 100 }), true)
      assert.deepEqual(await cache.get('huge'), value)
      assert.deepEqual((await cache.getMany(['huge'])).get('huge'), value)
      await cache.setMany({ huge2: 'y'.repeat(2_000_000) })
      assert.equal(await cache.get('huge2'), 'y'.repeat(2_000_000))
      cache.configure({ largeValues: 'reject' })
      assert.deepEqual(await cache.get('huge'), value, 'reading needs no setting')
      const { value: manifest } = await cache.meta.mg('huge', { v: true })
      const [base] = manifest?.toString().split(' ') ?? []
      assert.equal(await cache.delete(`${base}~1`), true)
      assert.equal(await cache.get('huge'), undefined)
      assert.equal((await cache.getMany(['huge'])).size, 0)
    })

    it('tells versions and statistics by host, numbers as numbers', async () => {
      const version = await cache.version()
      assert.match(version.get(server.address) ?? '', /^1\.\d+\.\d+/)
      const general = (await cache.stats()).get(server.address)
      assert.equal(typeof general?.curr_items, 'number')
      assert.equal(typeof general?.rusage_user, 'number')
      assert.equal(typeof general?.version, 'string')
      for (const section of ['settings', 'items', 'slabs', 'conns']) {
        const stats = (await cache.stats(section)).get(server.address)
        assert.ok(Object.keys(stats ?? {}).length > 0, section)
      }
      await cache.stats('detail on')
      await cache.set('prefix:a', 1)
      const detail = (await cache.stats('detail dump')).get(server.address)
      assert.match(String(detail?.prefix), /^get 0 hit 0 set 1 del 0$/)
      await cache.stats('detail off')
      assert.deepEqual({ ...(await cache.stats('reset')).get(server.address) }, {})
    })

    it('changes a server: verbosity, memory limit, slabs, lru, crawler', async () => {
      const ok = [[server.address, 'OK']]
      assert.deepEqual([...(await cache.verbosity(0))], ok)
      assert.deepEqual([...(await cache.cacheMemlimit(64))], ok)
      assert.deepEqual([...(await cache.slabs({ automove: 0 }))], ok)
      assert.deepEqual([...(await cache.lru({ mode: 'segmented' }))], ok)
      assert.deepEqual([...(await cache.lru({ tempTtlSeconds: -1 }))], ok)
      assert.deepEqual([...(await cache.lruCrawler({ sleepMicroseconds: 0 }))], ok)
    })

    it('lists its items, also to a reader that stops early', async () => {
      await cache.flushAll()
      await new Promise((resolve) => setTimeout(resolve, 1100))
      await cache.setMany(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`é${i}`, i])))
      const keys = new Set<string>()
      for await (const item of cache.metadump({ range: 'hash' })) {
        assert.equal(item.host, server.address)
        assert.ok(item.size > 0 && item.cas > 0n)
        keys.add(item.key)
      }
      assert.equal(keys.size, 500)
      for await (const item of cache.metadump({ range: 'hash', host: server.address })) {
        assert.match(item.key, /^é\d+$/)
        break
      }
    })

    it('follows what a server reports, until told to stop', async () => {
      const stop = new AbortController()
      const seen: string[] = []
      const watching = (async () => {
        for await (const event of cache.watch('fetchers', { signal: stop.signal })) {
          if (event.type !== 'item_get') continue
          seen.push(event.fields.key ?? '')
          if (event.fields.key === 'watched') stop.abort()
        }
      })()
      const done = assert.rejects(watching, { code: 'MINTRING_ABORTED' })
      const timer = setInterval(() => void cache.get('watched'), 20)
      await done
      clearInterval(timer)
      assert.ok(seen.includes('watched'))
    })

    it('speaks the meta commands', async () => {
      const { meta } = cache
      assert.equal((await meta.ms('m', 'hello', { T: 100, F: 7 })).status, 'done')
      assert.equal((await meta.ms('m', 'x', { M: 'E' })).status, 'not_stored')
      const read = await meta.mg('m', {
        v: true,
        f: true,
        c: true,
        t: true,
        s: true,
        h: true,
        O: 'x1',
      })
      assert.equal(read.value?.toString(), 'hello')
      assert.deepEqual([read.flags, read.ttl, read.size, read.opaque], [7, 100, 5, 'x1'])
      assert.equal((await meta.md('m', { C: (read.cas ?? 0n) + 1n })).status, 'exists')
      assert.equal((await meta.md('m', { I: true, T: 30 })).status, 'done')
      const stale = await meta.mg('m', { v: true })
      assert.deepEqual([stale.won, stale.stale, stale.lost], [true, true, false])
      assert.equal((await meta.md('m')).status, 'done')
      assert.equal((await meta.mg('m', { v: true })).status, 'missing')
      assert.equal((await meta.ma('m', { N: 0, J: 5, v: true })).value?.toString(), '5')
      assert.equal((await meta.me('m'))?.size === undefined, false)
      assert.equal(await meta.me('nothing'), undefined)
      await meta.mn(server.address)
    })

    it('takes any bytes as the key of a meta command', async () => {
      const key = Buffer.from([0, 32, 13, 10, 255])
      await cache.meta.ms(key, 'v')
      assert.equal((await cache.meta.mg(key, { v: true })).value?.toString(), 'v')
      assert.equal((await cache.meta.md(key)).status, 'done')
      await assert.rejects(cache.meta.mg(Buffer.alloc(187)), { code: 'MINTRING_BAD_KEY' })
    })

    it('guards meta flags by the version of the server', async () => {
      const version = (await cache.version()).get(server.address) ?? ''
      if (!version.startsWith('1.6.18')) return
      await assert.rejects(cache.meta.md('m', { x: true }), { code: 'MINTRING_UNSUPPORTED' })
      await assert.rejects(cache.meta.mg('m', { C: 1n }), { code: 'MINTRING_UNSUPPORTED' })
    })

    it('sends raw commands to a host or to a key’s host', async () => {
      const stored = await cache.raw('raw', 'set', 'raw', 0, 0, 5, Buffer.from('hello'))
      assert.deepEqual(stored, [{ line: 'STORED', data: undefined }])
      const got = await cache.raw('raw', 'get', 'raw', 'none')
      assert.equal(got[0]?.line, 'VALUE raw 0 5')
      assert.equal(got[0]?.data?.toString(), 'hello')
      assert.equal(got[1]?.line, 'END')
      const [meta] = await cache.raw('raw', 'mg raw t v')
      assert.equal(meta?.line, 'VA 5 t-1')
      const [version] = await cache.raw(server.address, 'version')
      assert.match(version?.line ?? '', /^VERSION /)
      await assert.rejects(cache.raw('raw', 'incr', 'raw', 1), { code: 'MINTRING_REFUSED' })
      assert.equal(await cache.get('raw'), 'hello')
    })

    it('does not shut a server down that does not allow it', async () => {
      await assert.rejects(cache.shutdown(server.address), { code: 'MINTRING_REFUSED' })
      assert.equal((await cache.version()).size, 1)
    })

    it('forgets everything', async () => {
      await cache.set('a', 1)
      assert.deepEqual([...(await cache.flushAll())], [[server.address, 'OK']])
      assert.equal(await cache.get('a'), undefined)
    })
  })
}
