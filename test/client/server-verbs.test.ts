import assert from 'node:assert/strict'
import { it } from 'node:test'
import { onBothServers } from './both-servers.ts'

onBothServers((pair) => {
  it('version() and stats() return versions and statistics by host, numbers as numbers', async () => {
    await pair.cache.set('item', 1)
    const version = await pair.cache.version()
    assert.match(version.get(pair.server.address) ?? '', /^1\.\d+\.\d+/)
    const general = (await pair.cache.stats()).get(pair.server.address)
    assert.equal(typeof general?.curr_items, 'number')
    assert.equal(typeof general?.rusage_user, 'number')
    assert.equal(typeof general?.version, 'string')
    for (const section of ['settings', 'items', 'slabs', 'conns']) {
      const stats = (await pair.cache.stats(section)).get(pair.server.address)
      assert.ok(Object.keys(stats ?? {}).length > 0, section)
    }
    await pair.cache.stats('detail on')
    await pair.cache.set('prefix:a', 1)
    const detail = (await pair.cache.stats('detail dump')).get(pair.server.address)
    assert.match(String(detail?.prefix), /^get 0 hit 0 set 1 del 0$/)
    await pair.cache.stats('detail off')
    assert.deepEqual({ ...(await pair.cache.stats('reset')).get(pair.server.address) }, {})
  })

  it('administration verbs set verbosity, memory limit, slabs, lru and crawler', async () => {
    const ok = [[pair.server.address, 'OK']]
    assert.deepEqual([...(await pair.cache.verbosity(0))], ok)
    assert.deepEqual([...(await pair.cache.cacheMemlimit(64))], ok)
    assert.deepEqual([...(await pair.cache.slabs({ automove: 0 }))], ok)
    for (const options of [{ mode: 'segmented' } as const, { tempTtlSeconds: -1 }]) {
      const changed = pair.cache.lru(options)
      // One version of memcached reads `lru` as the beginning of `lru_crawler`.
      if (pair.can.takesPrefixes) await assert.rejects(changed, { code: 'MINTRING_REFUSED' })
      else if (pair.can.lruModes) assert.deepEqual([...(await changed)], ok)
      else await assert.rejects(changed, { code: 'MINTRING_UNSUPPORTED' })
    }
    assert.deepEqual([...(await pair.cache.lruCrawler({ sleepMicroseconds: 0 }))], ok)
  })

  it('dump verbs list the items, also for a reader that stops early', async () => {
    await pair.cache.flushAll()
    await new Promise((resolve) => setTimeout(resolve, 1100))
    await pair.cache.setMany(
      Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`é${i}`, i])),
    )
    const keys = new Set<string>()
    if (!pair.can.dumpsByHash) {
      const byHash = pair.cache.metadump({ range: 'hash' })
      await assert.rejects(byHash.next(), { code: 'MINTRING_UNSUPPORTED' })
    }
    const range = pair.can.dumpsByHash ? 'hash' : 'all'
    if (!pair.can.fullDumps) {
      const endless = pair.cache.metadump({ range })
      await assert.rejects(endless.next(), { code: 'MINTRING_UNSUPPORTED', message: /1\.5\.4/ })
      return
    }
    for await (const item of pair.cache.metadump({ range })) {
      assert.equal(item.host, pair.server.address)
      assert.ok(item.size > 0 && item.cas > 0n)
      keys.add(item.key)
    }
    assert.equal(keys.size, 500)
    for await (const item of pair.cache.metadump({ range, host: pair.server.address })) {
      assert.match(item.key, /^é\d+$/)
      break
    }
  })

  it('watch yields what a server reports until the reader stops', async () => {
    const stop = new AbortController()
    const seen: string[] = []
    const watching = (async () => {
      for await (const event of pair.cache.watch('fetchers', { signal: stop.signal })) {
        if (event.type !== 'item_get') continue
        seen.push(event.fields.key ?? '')
        if (event.fields.key === 'watched') stop.abort()
      }
    })()
    const done = assert.rejects(watching, { code: 'MINTRING_ABORTED' })
    const timer = setInterval(() => void pair.cache.get('watched'), 20)
    await done
    clearInterval(timer)
    assert.ok(seen.includes('watched'))
  })

  it('meta verbs send meta commands, and reject on a server without them', async () => {
    const { meta } = pair.cache
    if (!pair.can.meta) {
      const refusal = { code: 'MINTRING_UNSUPPORTED', sent: false }
      await assert.rejects(meta.mg('m', { v: true }), refusal)
      await assert.rejects(meta.ms('m', 'hello'), refusal)
      await assert.rejects(meta.md('m'), refusal)
      await assert.rejects(meta.ma('m'), refusal)
      await assert.rejects(meta.me('m'), refusal)
      await assert.rejects(meta.mn(pair.server.address), refusal)
      return
    }
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
    assert.deepEqual([read.flags, read.size, read.opaque], [7, 5, 'x1'])
    assert.ok(read.ttl! > 60 && read.ttl! <= 100)
    assert.equal((await meta.md('m', { C: (read.cas ?? 0n) + 1n })).status, 'exists')
    assert.equal((await meta.md('m', { I: true, T: 30 })).status, 'done')
    const stale = await meta.mg('m', { v: true })
    assert.deepEqual([stale.won, stale.stale, stale.lost], [true, true, false])
    assert.equal((await meta.md('m')).status, 'done')
    assert.equal((await meta.mg('m', { v: true })).status, 'missing')
    assert.equal((await meta.ma('m', { N: 0, J: 5, v: true })).value?.toString(), '5')
    assert.equal((await meta.me('m'))?.size === undefined, false)
    assert.equal(await meta.me('nothing'), undefined)
    const bytes = Buffer.from('me \r\n')
    await meta.ms(bytes, 'x')
    assert.notEqual(await meta.me(bytes), undefined)
    await meta.mn(pair.server.address)
  })

  it('meta verbs accept any bytes as a key', async () => {
    const key = Buffer.from([0, 32, 13, 10, 255])
    if (!pair.can.meta) {
      await assert.rejects(pair.cache.meta.mg(key), { code: 'MINTRING_UNSUPPORTED' })
      return
    }
    await pair.cache.meta.ms(key, 'v')
    assert.equal((await pair.cache.meta.mg(key, { v: true })).value?.toString(), 'v')
    assert.equal((await pair.cache.meta.md(key)).status, 'done')
    await assert.rejects(pair.cache.meta.mg(Buffer.alloc(187)), { code: 'MINTRING_BAD_KEY' })
  })

  it('meta verbs refuse flags that are newer than the server', async () => {
    const tombstone = pair.cache.meta.md('flagged', { x: true })
    if (pair.can.metaFlags.includes('x')) assert.equal((await tombstone).status, 'missing')
    else await assert.rejects(tombstone, { code: 'MINTRING_UNSUPPORTED' })
    const conditional = pair.cache.meta.mg('flagged', { C: 1n })
    if (pair.can.conditionalGet) assert.equal((await conditional).status, 'missing')
    else await assert.rejects(conditional, { code: 'MINTRING_UNSUPPORTED' })
  })

  it('raw() sends a command to a host, or to the host of a key', async () => {
    const stored = await pair.cache.raw('raw', 'set', 'raw', 0, 0, 5, Buffer.from('hello'))
    assert.deepEqual(stored, [{ line: 'STORED', data: undefined }])
    const got = await pair.cache.raw('raw', 'get', 'raw', 'none')
    assert.equal(got[0]?.line, 'VALUE raw 0 5')
    assert.equal(got[0]?.data?.toString(), 'hello')
    assert.equal(got[1]?.line, 'END')
    const meta = pair.cache.raw('raw', 'mg raw t v')
    if (pair.can.meta) assert.equal((await meta)[0]?.line, 'VA 5 t-1')
    else await assert.rejects(meta, { code: 'MINTRING_REFUSED' })
    const [version] = await pair.cache.raw(pair.server.address, 'version')
    assert.match(version?.line ?? '', /^VERSION /)
    await assert.rejects(pair.cache.raw('raw', 'incr', 'raw', 1), { code: 'MINTRING_REFUSED' })
    assert.equal(await pair.cache.get('raw'), 'hello')
  })

  it('shutdown() rejects when the server does not allow it', async () => {
    await assert.rejects(pair.cache.shutdown(pair.server.address), { code: 'MINTRING_REFUSED' })
    assert.equal((await pair.cache.version()).size, 1)
  })

  it('flushAll() removes everything', async () => {
    await pair.cache.set('a', 1)
    assert.deepEqual([...(await pair.cache.flushAll())], [[pair.server.address, 'OK']])
    assert.equal(await pair.cache.get('a'), undefined)
  })
})
