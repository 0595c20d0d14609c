import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import type { BehaviorsInput } from '../src/behaviors/behaviors.ts'
import { behaviorsFrom } from '../src/behaviors/behaviors-from.ts'
import { MemcachedClient } from '../src/client/client.ts'
import type { Servers } from '../src/hosts/address.ts'
import { escaped, withoutCredentials, withoutSecrets } from '../src/secrets.ts'
import { run } from './cli/support.ts'
import { ADDRESSES, assertKeepsSecret, OBJECTS, SECRET } from './support/planted-secret.ts'

/** What a client made with these options prints, or the error of its constructor. */
async function shownBy(make: () => MemcachedClient): Promise<unknown> {
  let cache: MemcachedClient
  try {
    cache = make()
  } catch (error) {
    return error
  }
  const shown = [
    cache.hosts(),
    cache.toJSON(),
    inspect(cache, { depth: Infinity }),
    inspect(cache.behaviors, { depth: Infinity }),
    JSON.stringify(cache.behaviors),
    await cache.get('key', { timeoutMs: 1 }).catch((error: unknown) => error),
  ]
  await cache.close({ drainMs: 0 })
  return shown
}

const nowhere = { connectTimeoutMs: 1, requestTimeoutMs: 1, retries: 0 } as const

describe('a password in a malformed address is in no error and no snapshot', () => {
  for (const server of [...ADDRESSES, ...OBJECTS]) {
    const name = JSON.stringify(server).replaceAll(SECRET, '…')
    const list = typeof server === 'string' ? server : [server]
    it(`when it is one of a client's servers: ${name}`, async () => {
      const make = () => new MemcachedClient(list as Servers, nowhere)
      assertKeepsSecret(await shownBy(make), 'the client')
      const inList = () => new MemcachedClient(['other:1', server] as Servers, nowhere)
      assertKeepsSecret(await shownBy(inList), 'a list')
    })

    it(`when it is in setServers, a gutter or discovery: ${name}`, async () => {
      const cache = new MemcachedClient('other:1', nowhere)
      const seen: unknown[] = []
      cache.on('configure', (message) => void seen.push(message))
      try {
        cache.setServers(list as Servers)
      } catch (error) {
        seen.push(error)
      }
      const behaviors: object[] = [
        { failover: { gutter: list, ttl: 5 } },
        { failover: server },
        { discovery: { endpoint: server } },
        { distribution: server },
        { previous: server },
        { previous: { servers: list } },
        { [JSON.stringify(server)]: 1 },
      ]
      for (const input of behaviors) {
        const make = () =>
          new MemcachedClient('other:1', { ...nowhere, ...input } as BehaviorsInput)
        seen.push(await shownBy(make))
      }
      await cache.close({ drainMs: 0 })
      assertKeepsSecret(seen, 'a setting')
    })
  }

  it('when it comes from the environment, from settings of another client, or from a command line', async () => {
    for (const server of ADDRESSES) {
      const env = { MEMCACHED_SERVERS: server, MINTRING_REQUEST_TIMEOUT_MS: '1' }
      assertKeepsSecret(await shownBy(() => MemcachedClient.fromEnv(env)), 'fromEnv')
      const pool = { servers: [`${server}:1`], hash: 'md5' }
      const translations: (() => unknown)[] = [
        () => behaviorsFrom.libmemcached(`--SERVER=${server}`),
        () => behaviorsFrom.twemproxy(pool),
      ]
      for (const translate of translations) {
        try {
          translate()
        } catch (error) {
          assertKeepsSecret(error, 'a dialect')
        }
      }
      assertKeepsSecret(await run(['locate', 'key', '--servers', server]), 'the command line')
    }
  })
})

describe('a password in a valid address', () => {
  const gutter = [`memcached://u:${SECRET}@g:1`, { host: 'h', username: 'u', password: SECRET }]
  const behaviors: BehaviorsInput = {
    ...nowhere,
    username: 'user',
    password: SECRET,
    tls: { passphrase: SECRET },
    failover: { gutter, ttl: 5 },
    discovery: { endpoint: `memcached://u:${SECRET}@e:1` },
  }

  it('is in no event, no channel and no printed form of the client', async () => {
    const servers = [`memcached://user:${SECRET}@127.0.0.1:1`]
    const cache = new MemcachedClient(servers, behaviors)
    const seen: unknown[] = []
    const note = (message: unknown): void => void seen.push(message)
    subscribe('mintring:configure', note)
    for (const name of ['configure', 'warning', 'eject', 'probe', 'return'] as const) {
      cache.on(name, note)
    }
    cache.configure({ failover: 'rehash', password: `${SECRET}-new` })
    cache.configure({ failover: { gutter, ttl: 6 }, tls: false })
    cache.setServers([...servers, { host: 'b', username: 'u', password: SECRET }])
    const failure = await cache.get('key').catch((error: unknown) => error)
    await cache.close({ drainMs: 0 })
    unsubscribe('mintring:configure', note)
    assert.ok(seen.length >= 3)
    const printed = [cache, cache.behaviors].map((shown) => [
      inspect(shown, { depth: Infinity }),
      JSON.stringify(shown),
    ])
    assertKeepsSecret([seen, failure, cache.hosts(), printed], 'something')
  })
})

describe('text for messages and terminals', () => {
  it('is escaped where it could move the cursor, end a line or change the direction', () => {
    assert.equal(escaped('a\x1b[2Jb\r\n\x7f\x9b'), 'a\\x1b[2Jb\\x0d\\x0a\\x7f\\x9b')
    assert.equal(escaped('a\u202eb\u2028\ud800'), 'a\\u202eb\\u2028\\ud800')
    assert.equal(escaped('Grüße 🎉'), 'Grüße 🎉')
    assert.equal(escaped('abcdef', 3), 'abc…')
  })

  it('has no credentials in its URLs', () => {
    assert.equal(
      withoutCredentials('to memcached://u:p@a:1 or memcacheds://x@y@b'),
      'to memcached://***@a:1 or memcacheds://***@b',
    )
    assert.equal(withoutCredentials('user@example.com'), 'user@example.com')
  })

  it('hides secrets in settings at any depth', () => {
    const settings = {
      a: [{ password: 'p', tls: { key: 'k' }, port: 1 }],
      b: { endpoint: 'memcached://u:p@h' },
      tls: true,
      run: () => {},
      bytes: Buffer.from('p'),
    }
    assert.deepEqual(withoutSecrets(settings), {
      a: [{ password: '[set]', tls: '[set]', port: 1 }],
      b: { endpoint: '***@h' },
      tls: true,
      run: '[function]',
      bytes: '[bytes]',
    })
  })
})

describe('a query string is hidden with all that may be a part of a password', () => {
  for (const [text, shown] of [
    ['at memcached://h:1/?password=s3cret so', 'at memcached://h:1/?*** so'],
    ['memcached://h:1/?username=ada&password=s3@cret', 'memcached://***'],
    ['memcached://ada:s3@cret@h:1/?weight=2', 'memcached://***@h:1/?***'],
    ['is it memcached://h:1?', 'is it memcached://h:1?'],
  ] as const) {
    it(`in an error: ${text}`, () => assert.equal(withoutCredentials(text), shown))
  }

  for (const [text, shown] of [
    ['memcached://h:1/?password=s3cret', 'memcached://h:1/?***'],
    ['h:1/?password=s3@cret', '***'],
    ['is it so?', 'is it so?'],
    ['app?:', 'app?:'],
  ] as const) {
    it(`in settings: ${text}`, () => assert.equal(withoutSecrets(text), shown))
  }
})
