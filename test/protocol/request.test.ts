import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as admin from '../../src/protocol/admin.ts'
import * as request from '../../src/protocol/request.ts'

const badArgument = { code: 'MINTRING_BAD_ARGUMENT' }
const badTtl = { code: 'MINTRING_BAD_TTL' }
const notUint = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1' as unknown as number]

describe('the classic command writers', () => {
  test('encode retrieval commands (get, gets, gat, gats)', () => {
    assert.equal(request.getHead(['a']), 'get a\r\n')
    assert.equal(request.getHead(['a', 'b', 'c']), 'get a b c\r\n')
    assert.equal(request.getsHead(['a', 'b']), 'gets a b\r\n')
    assert.equal(request.gatHead(300, ['a']), 'gat 300 a\r\n')
    assert.equal(request.gatsHead(0, ['a', 'b']), 'gats 0 a b\r\n')
  })
  test('write commands that store', () => {
    assert.equal(request.storeHead('set', 'a', 1, 60, 5), 'set a 1 60 5\r\n')
    assert.equal(
      request.storeHead('add', 'a', 4294967295, 0, 0, undefined, true),
      'add a 4294967295 0 0 noreply\r\n',
    )
    assert.equal(request.storeHead('append', 'a', 0, -1, 5), 'append a 0 -1 5\r\n')
    const largest = 18446744073709551615n
    assert.equal(
      request.storeHead('cas', 'a', 0, 0, 1, largest),
      'cas a 0 0 1 18446744073709551615\r\n',
    )
    assert.equal(request.storeHead('cas', 'a', 0, 0, 1, 7n, true), 'cas a 0 0 1 7 noreply\r\n')
  })
  test('write commands that count, touch and delete', () => {
    assert.equal(request.incrHead('a', 1), 'incr a 1\r\n')
    const largest = 18446744073709551615n
    assert.equal(request.decrHead('a', largest, true), 'decr a 18446744073709551615 noreply\r\n')
    assert.equal(request.touchHead('a', 2147483647), 'touch a 2147483647\r\n')
    assert.equal(request.touchHead('a', 0, true), 'touch a 0 noreply\r\n')
    assert.equal(request.deleteHead('a'), 'delete a\r\n')
    assert.equal(request.deleteHead('a', true), 'delete a noreply\r\n')
  })
  test('write commands for the server', () => {
    assert.equal(admin.versionHead(), 'version\r\n')
    assert.equal(admin.flushAllHead(), 'flush_all\r\n')
    assert.equal(admin.flushAllHead(10), 'flush_all 10\r\n')
    assert.equal(admin.verbosityHead(1), 'verbosity 1\r\n')
    assert.equal(admin.cacheMemlimitHead(64), 'cache_memlimit 64\r\n')
    assert.equal(admin.statsHead(), 'stats\r\n')
    assert.equal(admin.statsHead('detail', 'dump'), 'stats detail dump\r\n')
    assert.equal(admin.slabsReassignHead(-1, 3), 'slabs reassign -1 3\r\n')
    assert.equal(admin.slabsAutomoveHead(2), 'slabs automove 2\r\n')
    assert.equal(admin.lruModeHead('segmented'), 'lru mode segmented\r\n')
    assert.equal(admin.lruTempTtlHead(-1), 'lru temp_ttl -1\r\n')
    assert.equal(admin.lruTuneHead(10, 25, 0.1, 2), 'lru tune 10 25 0.100 2.000\r\n')
    assert.equal(admin.lruCrawlerSwitchHead(true), 'lru_crawler enable\r\n')
    assert.equal(admin.lruCrawlerSwitchHead(false), 'lru_crawler disable\r\n')
    assert.equal(admin.lruCrawlerSleepHead(1000000), 'lru_crawler sleep 1000000\r\n')
    assert.equal(admin.lruCrawlerTocrawlHead(0), 'lru_crawler tocrawl 0\r\n')
    assert.equal(admin.lruCrawlHead([1, 3, 10]), 'lru_crawler crawl 1,3,10\r\n')
    assert.equal(admin.metadumpHead('all'), 'lru_crawler metadump all\r\n')
    assert.equal(admin.mgdumpHead('hash'), 'lru_crawler mgdump hash\r\n')
    assert.equal(admin.watchHead(['fetchers', 'evictions']), 'watch fetchers evictions\r\n')
    assert.equal(admin.configGetHead(), 'config get cluster\r\n')
    assert.equal(admin.shutdownHead(), 'shutdown\r\n')
    assert.equal(admin.shutdownHead(true), 'shutdown graceful\r\n')
    assert.equal(admin.quitHead(), 'quit\r\n')
  })
})

describe('the classic command writers, for invalid arguments', () => {
  test('refuse a missing key', () => {
    assert.throws(() => request.getHead([]), badArgument)
    assert.throws(() => request.gatHead(1, []), badArgument)
  })
  test('refuse values that are no valid numbers', () => {
    for (const wrong of notUint) {
      assert.throws(() => request.storeHead('set', 'a', wrong, 0, 1), badArgument)
      assert.throws(() => request.storeHead('set', 'a', 0, 0, wrong), badArgument)
      assert.throws(() => request.storeHead('cas', 'a', 0, 0, 1, wrong), badArgument)
      assert.throws(() => request.incrHead('a', wrong), badArgument)
      assert.throws(() => request.decrHead('a', wrong), badArgument)
      assert.throws(() => admin.flushAllHead(wrong), badArgument)
      assert.throws(() => admin.verbosityHead(wrong), badArgument)
      assert.throws(() => admin.cacheMemlimitHead(wrong), badArgument)
      assert.throws(() => admin.lruCrawlHead([wrong]), badArgument)
    }
    assert.throws(() => request.storeHead('set', 'a', 2 ** 32, 0, 1), badArgument)
    assert.throws(() => request.storeHead('cas', 'a', 0, 0, 1), badArgument)
    assert.throws(() => request.incrHead('a', -1n), badArgument)
    assert.throws(() => request.incrHead('a', 2n ** 64n), badArgument)
    assert.throws(() => admin.lruTuneHead(10, 20, Number.NaN, 1), badArgument)
  })
  test('refuse invalid exptimes', () => {
    for (const wrong of [-2, 0.5, Number.NaN, 2 ** 31, '1' as unknown as number]) {
      assert.throws(() => request.storeHead('set', 'a', 0, wrong, 1), badTtl)
      assert.throws(() => request.touchHead('a', wrong), badTtl)
      assert.throws(() => request.gatHead(wrong, ['a']), badTtl)
    }
  })
  test('refuse a gat line so long that memcached would close the connection', () => {
    const keys = Array.from({ length: 10 }, () => 'k'.repeat(250))
    assert.throws(() => request.gatHead(0, keys), badArgument)
    assert.throws(() => request.gatsHead(0, keys), badArgument)
    assert.equal(request.getHead(keys).length, 4 + 10 * 251 - 1 + 2)
  })
  test('refuse words that contain another command', () => {
    const hostile = 'x\r\nflush_all'
    assert.throws(() => admin.statsHead(hostile), badArgument)
    assert.throws(() => admin.statsHead('detail', 'a b'), badArgument)
    assert.throws(() => admin.configGetHead(hostile), badArgument)
    assert.throws(() => admin.watchHead([hostile as 'fetchers']), badArgument)
    assert.throws(() => admin.watchHead([]), badArgument)
    assert.throws(() => admin.lruModeHead(hostile as 'flat'), badArgument)
    assert.throws(() => admin.metadumpHead(hostile as 'all'), badArgument)
    assert.throws(() => admin.metadumpHead([]), badArgument)
  })
})
