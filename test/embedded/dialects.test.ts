import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createManualClock } from '../../src/embedded/clock.ts'
import { startServer } from '../../src/embedded/server.ts'
import { RawClient } from './support.ts'

async function asking(
  options: Parameters<typeof startServer>[0],
  asks: (ask: (request: string, end?: string) => Promise<string>) => Promise<void>,
): Promise<void> {
  await using server = await startServer({ clock: createManualClock(), ...options })
  const client = await RawClient.open(server.port)
  await asks((request, end) => client.ask(request, end))
  client.close()
}

describe('an embedded server that imitates another version', () => {
  test('reads values of ms as commands before 1.6.10: meta commands are unknown', async () => {
    await asking({ version: '1.5.16' }, async (ask) => {
      assert.equal(await ask('version\r\n'), 'VERSION 1.5.16\r\n')
      assert.equal(await ask('mn\r\n'), 'ERROR\r\n')
      assert.equal(await ask('mg a v\r\n'), 'ERROR\r\n')
      assert.equal(await ask('ms a 2\r\nhi\r\n', 'ERROR\r\nERROR\r\n'), 'ERROR\r\nERROR\r\n')
      assert.equal(await ask('set a 0 0 2\r\nhi\r\n'), 'STORED\r\n')
    })
  })

  test('replies like 1.6.15: trailing spaces, and misses without flags', async () => {
    await asking({ version: '1.6.15' }, async (ask) => {
      assert.equal(await ask('mg a\r\n'), 'CLIENT_ERROR bad command line format\r\n')
      assert.equal(await ask('mg a v k Ox\r\n'), 'EN\r\n')
      assert.equal(await ask('md a\r\n'), 'NF \r\n')
      assert.equal(await ask('md a Ox\r\n'), 'NF  Ox\r\n')
      assert.equal(await ask('ma a\r\n'), 'NF \r\n')
      assert.equal(await ask('ms a 1\r\nx\r\n'), 'HD\r\n')
    })
  })

  test('accepts since 1.6.20 N for appends and s for sets', async () => {
    await asking({ version: '1.6.20' }, async (ask) => {
      assert.equal(await ask('ms a 2 MA N30 s\r\nhi\r\n'), 'HD s2\r\n')
      assert.equal(await ask('ms a 2 MA N60 s\r\nhi\r\n'), 'HD s4\r\n')
      assert.equal(await ask('mg a s t\r\n'), 'HD s4 t30\r\n')
      assert.equal(await ask('lru_crawler mgdump all\r\n', 'EN\r\n'), 'mg a\r\nEN\r\n')
    })
  })

  test('accepts since 1.6.27 explicit CAS ids, up to 2^64-1, and md x', async () => {
    const largest = '18446744073709551615'
    await asking({ version: '1.6.40' }, async (ask) => {
      assert.equal(await ask(`ms a 2 c E${largest}\r\nhi\r\n`), `HD c${largest}\r\n`)
      assert.equal(await ask('gets a\r\n', 'END\r\n'), `VALUE a 0 2 ${largest}\r\nhi\r\nEND\r\n`)
      assert.equal(await ask(`cas a 5 0 3 ${largest}\r\nyes\r\n`), 'STORED\r\n')
      assert.equal(await ask('md a x I T30 E99\r\n'), 'HD\r\n')
      assert.equal(await ask('mg a v f t c\r\n', 'W\r\n\r\n'), 'VA 0 f0 t30 c99 X W\r\n\r\n')
    })
  })

  test('omits since 1.6.40 a value whose CAS id the client sends', async () => {
    await asking({ version: '1.6.40' }, async (ask) => {
      await ask('ms a 2 E7\r\nhi\r\n')
      assert.equal(await ask('mg a v c C7\r\n'), 'HD c7\r\n')
      assert.equal(await ask('mg a v c C8\r\n', 'hi\r\n'), 'VA 2 c7\r\nhi\r\n')
    })
  })

  test('flush_all removes since 1.6.25 items of the same second, and no later ones', async () => {
    await asking({ version: '1.6.25' }, async (ask) => {
      await ask('set a 0 0 1\r\nx\r\n')
      await ask('flush_all\r\n')
      assert.equal(await ask('get a\r\n'), 'END\r\n')
      await ask('set a 0 0 1\r\nx\r\n')
      assert.equal(await ask('mg a\r\n'), 'HD\r\n')
      assert.equal(await ask('mg a c\r\n'), 'HD c2\r\n')
    })
  })

  test('without CAS ids returns 0 for each', async () => {
    await asking({ cas: false }, async (ask) => {
      assert.equal(await ask('ms a 1 c\r\nx\r\n'), 'HD c0\r\n')
      assert.equal(await ask('gets a\r\n', 'END\r\n'), 'VALUE a 0 1 0\r\nx\r\nEND\r\n')
      assert.equal(await ask('ms a 1 C0\r\nx\r\n'), 'EX\r\n')
      const settings = await ask('stats settings\r\n', 'END\r\n')
      assert.match(settings, /STAT cas_enabled no\r\n/)
    })
  })

  test('without flush refuses flush_all', async () => {
    await asking({ flush: false }, async (ask) => {
      assert.equal(await ask('flush_all\r\n'), 'CLIENT_ERROR flush_all not allowed\r\n')
    })
  })
})

describe('an embedded server as a configuration endpoint', () => {
  test('returns the announced nodes, each time with a higher version', async () => {
    await using server = await startServer({ cluster: ['10.0.0.1:11211', 'b|10.0.0.2|11212'] })
    const client = await RawClient.open(server.port)
    assert.equal(
      await client.ask('config get cluster\r\n', 'END\r\n'),
      'CONFIG cluster 0 35\r\n1\n10.0.0.1||11211 b|10.0.0.2|11212\n\r\nEND\r\n',
    )
    server.setCluster(['10.0.0.9:11211'])
    const second = await client.ask('config get cluster\r\n', 'END\r\n')
    assert.equal(second, 'CONFIG cluster 0 18\r\n2\n10.0.0.9||11211\n\r\nEND\r\n')
    client.close()
  })

  test('returns the value of config set cluster also for AmazonElastiCache:cluster', async () => {
    await using server = await startServer({ cluster: [] })
    const client = await RawClient.open(server.port)
    const value = '7\nhost|10.0.0.1|11211\n'
    assert.equal(await client.ask(`config set cluster 0 22\r\n${value}\r\n`), 'STORED\r\n')
    assert.equal(
      await client.ask('config get cluster\r\n', 'END\r\n'),
      `CONFIG cluster 0 22\r\n${value}\r\nEND\r\n`,
    )
    assert.equal(
      await client.ask('get AmazonElastiCache:cluster\r\n', 'END\r\n'),
      `VALUE AmazonElastiCache:cluster 0 22\r\n${value}\r\nEND\r\n`,
    )
    assert.equal(await client.ask('config get other\r\n'), 'ERROR\r\n')
    server.setCluster(['a:1'])
    assert.match(await client.ask('config get cluster\r\n', 'END\r\n'), /\r\n8\na\|\|1\n/)
    client.close()
  })
})
