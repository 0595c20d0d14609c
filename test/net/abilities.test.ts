import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { MintringError } from '../../src/errors.ts'
import { type Abilities, lackOf } from '../../src/net/abilities.ts'

const MEMCACHED: Abilities = {
  version: '1.6.18',
  meta: true,
  cas: true,
  itemSizeMax: 1_048_576,
  idleTimeoutMs: 0,
  proxy: false,
  proxyKind: undefined,
  singleGets: false,
  mayLock: true,
}
const TWEMPROXY: Abilities = { ...MEMCACHED, meta: false, proxy: true, proxyKind: 'twemproxy' }
const OWN_PROXY: Abilities = { ...MEMCACHED, proxy: true, proxyKind: 'memcached' }
const ADMINISTRATION = ['flush_all', 'verbosity', 'cache_memlimit', 'slabs', 'lru', 'lru_crawler']
const CLASSIC = ['get', 'gets', 'set', 'add', 'replace', 'append', 'prepend', 'cas', 'incr', 'decr']

const lackOfLine = (abilities: Abilities, line: string): MintringError | undefined =>
  lackOf(abilities, 'cache:1', 'raw', line.split(' '))
const messageOf = (abilities: Abilities, line: string): string | undefined =>
  lackOfLine(abilities, line)?.message

describe('the commands that a server does not support', () => {
  test('are none for memcached; twemproxy and its own proxy support the classic commands', () => {
    for (const command of [...CLASSIC, 'touch', 'delete', 'version']) {
      for (const abilities of [MEMCACHED, TWEMPROXY, OWN_PROXY]) {
        assert.equal(messageOf(abilities, command), undefined, command)
      }
    }
    for (const command of ['mg', 'gat', 'stats', ...ADMINISTRATION]) {
      assert.equal(messageOf(MEMCACHED, command), undefined, command)
    }
  })

  test('are meta commands, gat, statistics and administration for twemproxy', () => {
    for (const command of ['mg', 'ms', 'md', 'ma', 'me', 'mn', 'gat', 'gats', 'stats', 'watch']) {
      assert.match(messageOf(TWEMPROXY, command) ?? '', /^cache:1 is twemproxy, which has no /)
    }
    assert.match(messageOf(TWEMPROXY, 'gat') ?? '', /use get\(\) and touch\(\)$/)
    assert.match(messageOf(TWEMPROXY, 'flush_all') ?? '', /ask the servers behind it/)
  })

  test("are administration commands for memcached's own proxy", () => {
    for (const command of ['mg', 'ms', 'gat', 'stats', 'watch']) {
      assert.equal(messageOf(OWN_PROXY, command), undefined, command)
    }
    for (const command of [...ADMINISTRATION, 'shutdown']) {
      assert.match(messageOf(OWN_PROXY, command) ?? '', /^cache:1 is memcached's proxy/)
    }
  })

  test('are gat and gats before memcached 1.5.3', () => {
    assert.match(messageOf({ ...MEMCACHED, version: '1.4.39' }, 'gat') ?? '', /came with 1\.5\.3/)
    assert.equal(messageOf({ ...MEMCACHED, version: '1.5.3' }, 'gat'), undefined)
    assert.equal(messageOf({ ...MEMCACHED, version: '' }, 'gat'), undefined)
  })

  test('are refused for an older memcached by an error that names an alternative', () => {
    const refusals = {
      mn: ['1.6.9', /mn came with 1\.6\.10: /],
      'lru mode flat': ['1.4.39', /lru mode came with 1\.5\.0: /],
      'lru temp_ttl 60': ['1.4.39', /lru temp_ttl came with 1\.5\.0: /],
      'lru_crawler mgdump all': ['1.6.18', /mgdump came with 1\.6\.19: use metadump\(\)$/],
      'lru_crawler metadump hash': ['1.6.8', /came with 1\.6\.9: use the range 'all'$/],
      'lru_crawler metadump all': ['1.5.3', /metadump came with 1\.5\.4: /],
    } as const
    for (const [line, [version, message]] of Object.entries(refusals)) {
      const older = lackOfLine({ ...MEMCACHED, version }, line)
      assert.match(older?.message ?? '', message)
      assert.match(older?.command ?? '', /^(mn|lru|lru_crawler)$/)
      assert.equal(messageOf({ ...MEMCACHED, version: '1.6.19' }, line), undefined, line)
    }
    for (const line of ['lru tune 20 20 0.2 2', 'lru_crawler enable', 'toString', '']) {
      assert.equal(messageOf({ ...MEMCACHED, version: '1.4.39' }, line), undefined, line)
    }
  })

  test('are never sent: a gat for twemproxy rejects', () => {
    assert.equal(lackOf(TWEMPROXY, 'cache:1', 'gat')?.code, 'MINTRING_UNSUPPORTED')
    assert.equal(lackOf(TWEMPROXY, 'cache:1', 'gat')?.sent, false)
  })
})
