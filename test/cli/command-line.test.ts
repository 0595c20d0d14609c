import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fromEnvironment } from '../../src/behaviors/env.ts'
import { verbs } from '../../src/cli/verbs.ts'
import { startServer } from '../../src/embedded/server.ts'
import { startScripted } from '../support/scripted-server.ts'
import { run } from './support.ts'

describe('mintring, the command', () => {
  it('lists every verb in its overview, and shows usage and examples for each', async () => {
    const overview = await run(['--help'])
    assert.equal(overview.code, 0)
    for (const { name } of verbs) {
      assert.match(overview.out, new RegExp(`^  ${name} `, 'm'))
      for (const line of [
        [name, '--help'],
        [name, '-h'],
        ['help', name],
      ]) {
        const { code, out } = await run(line)
        assert.equal(code, 0, line.join(' '))
        assert.match(out, new RegExp(`^Usage: mintring ${name}`), line.join(' '))
        assert.doesNotMatch(out, /.{101}/, `${name} --help is too wide`)
      }
    }
  })

  it('exits with 2 for an unknown verb or option, and suggests a similar one', async () => {
    const unknown = await run(['lokate', 'x'])
    assert.equal(unknown.code, 2)
    assert.match(unknown.err, /no command 'lokate'. Did you mean 'locate'/)
    assert.equal((await run([])).code, 2)
    for (const { name } of verbs) {
      const { code, err } = await run([name, '--no-such-option'])
      assert.equal(code, 2, name)
      assert.match(err, new RegExp(`Try: mintring ${name} --help`))
    }
  })

  for (const verb of verbs) {
    it(`${verb.name} suggests a similar option when one is misspelt`, async () => {
      const { help } = await verb.load()
      const [, own = ''] = /^Usage[\s\S]*?\n\n([\s\S]*)/.exec(help) ?? []
      const options = new Set(
        [...own.matchAll(/^ +(?:-\w, )?(--[a-z][a-z-]+)/gm)].map(([, name]) => name!),
      )
      assert.ok(options.size > 0 || ['demo', 'behaviors'].includes(verb.name), own)
      for (const option of options) {
        for (const misspelt of [`${option}x`, option.replace(/(.)(.)$/, '$2$1')]) {
          if (options.has(misspelt) || misspelt === option) continue
          const { code, err } = await run([verb.name, misspelt, '1'])
          assert.equal(code, 2)
          assert.ok(err.includes(`no option '${misspelt}'. Did you mean '${option}'`), err)
        }
      }
    })
  }

  it('reports a system error in one line, without a stack', async () => {
    const directory = Object.assign(new Error('EISDIR: illegal operation on a directory, read'), {
      code: 'EISDIR',
      syscall: 'read',
    })
    // biome-ignore lint/correctness/useYield: it throws before its first yield
    const stdin = (async function* () {
      throw directory
    })()
    const { code, err } = await run(['set', 'k', '-'], { stdin })
    assert.equal(code, 1)
    assert.equal(err, 'mintring set: EISDIR: illegal operation on a directory, read\n')
  })

  it('escapes text of servers in tables, errors and JSON', async () => {
    const sequences = '\u001b]0;PWNED\u0007\u001b[2J\u009b2J\u202e'
    const server = await startScripted((line, socket) => {
      if (line === 'version') socket.write(`VERSION 1.6.18${sequences}\r\n`, 'utf8')
      else if (line === 'mn') socket.write('MN\r\n')
      else if (line.startsWith('stats')) {
        socket.write(
          `STAT version 1.6${sequences}\r\nSTAT evil${sequences} x${sequences}\r\nEND\r\n`,
        )
      } else socket.write(`SERVER_ERROR no${sequences}\r\n`)
    })
    const address = `127.0.0.1:${server.port}`
    for (const line of [
      ['ping', address],
      ['ping', '--json', address],
      ['stats', address],
      ['stats', '--section', 'settings', address],
      ['stats', '--json', address],
      ['get', 'k', '--servers', address],
      ['set', 'k', 'v', '--servers', address],
      ['locate', `\u001b[2Jname`, '--servers', address],
      ['ping', '\u001b[2Jname:1'],
      ['\u001b[2J'],
    ]) {
      const { out, err } = await run(line)
      assert.doesNotMatch(
        out + err,
        // biome-ignore lint/suspicious/noControlCharactersInRegex: must not occur
        /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/,
        line.join(' '),
      )
    }
    await server.close()
  })

  it('exits with 2 and an error code for an invalid server, behavior or duration', async () => {
    const server = await run(['ping', 'host:99999999'])
    assert.equal(server.code, 2)
    assert.match(server.err, /MINTRING_BAD_SERVER/)
    const behavior = await run(['ping', '--set', 'retries=many'])
    assert.equal(behavior.code, 2)
    assert.match(behavior.err, /--set retries takes a whole number.*MINTRING_BAD_BEHAVIOR/)
    const duration = await run(['set', 'a', 'b', '-s', '127.0.0.1:1', '--ttl', 'soon'])
    assert.equal(duration.code, 2)
    assert.match(duration.err, /MINTRING_BAD_TTL/)
    const name = await run(['ping', '--set', 'retrys=1'])
    assert.equal(name.code, 2)
    assert.match(name.err, /Did you mean 'retries'/)
  })

  it('exits with 1 and the reason for a file of keys that does not exist', async () => {
    const file = ['--keys-from', '/does/not/exist']
    const { code, err } = await run(['remap', '--servers', '3', '--remove', '1', ...file])
    assert.deepEqual([code, /ENOENT.*exist/.test(err)], [1, true])
  })

  it('prints no error when the reader of its output closes the pipe', () => {
    const script =
      'set -o pipefail; node --import ./scripts/typescript.mjs src/cli/main.ts behaviors | head -1'
    const done = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
    assert.equal(done.stderr, '')
    assert.equal(done.stdout, 'Where a key lives\n')
    assert.equal(done.status, 0)
  })
})

describe('mintring locate', () => {
  const servers = ['--servers', '10.0.0.1,10.0.0.2,10.0.0.3:11211:2']

  it('prints the host of a key, the reason and the fallback hosts, without connecting', async () => {
    const { code, out } = await run(['locate', 'user:1', ...servers])
    assert.equal(code, 0)
    assert.match(
      out,
      /^user:1\n {2}lives on {5}10\.0\.0\.\d:11211\n {2}because {6}ketama: its hash/,
    )
    assert.match(out, /if it dies {3}10\.0\.0\.\d:11211/)
  })

  it('prints a JSON array, also for one key', async () => {
    const [one] = JSON.parse((await run(['locate', 'user:1', '--json', ...servers])).out)
    assert.deepEqual(Object.keys(one), [
      ...['key', 'server', 'distribution', 'hash', 'point', 'fallback', 'share'],
    ])
    assert.notEqual(one.server, one.fallback)
    const two = JSON.parse((await run(['locate', 'a', 'b', '--json', ...servers])).out)
    assert.deepEqual(
      two.map(({ key }: { key: string }) => key),
      ['a', 'b'],
    )
  })

  it('places keys by --set, by a libmemcached string or by the environment', async () => {
    const distribution = async (...more: string[]) =>
      JSON.parse((await run(['locate', 'k', '--json', ...more])).out)[0].distribution
    assert.equal(await distribution(...servers, '--set', 'preset=twemproxy'), 'twemproxy')
    const configuration = '--SERVER=localhost --DISTRIBUTION=consistent'
    assert.equal(await distribution(`--libmemcached=${configuration}`), 'ketamaUnweighted')
    const env = { MEMCACHED_SERVERS: 'a,b', MINTRING_DISTRIBUTION: 'modula' }
    const { out } = await run(['locate', 'k', '--json'], { env })
    assert.equal(JSON.parse(out)[0].distribution, 'modula')
    assert.equal(await distribution(...servers, '--set', 'hash=xxh64'), 'ketama')
  })

  it('refuses a missing or invalid key', async () => {
    assert.equal((await run(['locate', ...servers])).code, 2)
    const { code, err } = await run(['locate', 'a b', ...servers])
    assert.equal(code, 1)
    assert.match(err, /MINTRING_BAD_KEY/)
  })
})

describe('mintring ping and stats', () => {
  it('print every server, and exit with 1 when one is down', async () => {
    await using server = await startServer()
    const ping = await run(['ping', server.address, '127.0.0.1:1'])
    assert.equal(ping.code, 1)
    assert.match(ping.out, new RegExp(`^${server.address} +up +\\d`, 'm'))
    assert.match(ping.out, /^127\.0\.0\.1:1 +down .*MINTRING_CONNECTION/m)
    const stats = await run(['stats', server.address, '127.0.0.1:1'])
    assert.equal(stats.code, 1)
    assert.match(stats.out, /^server +version +up +items/)
    assert.match(stats.out, /^127\.0\.0\.1:1 +MINTRING_CONNECTION/m)
  })

  it('print JSON with --json', async () => {
    await using server = await startServer()
    const ping = await run(['ping', server.address, '--json', '-n', '2'])
    assert.equal(ping.code, 0)
    const [row] = JSON.parse(ping.out)
    assert.equal(row.host, server.address)
    assert.equal(row.meta, true)
    assert.equal(row.tls, false)
    assert.ok(row.medianMs <= row.maxMs)
    const stats = await run(['stats', '-s', server.address, '--json'])
    assert.equal(JSON.parse(stats.out)[0].stats.curr_items, 0)
    const away = await run(['stats', '127.0.0.1:1', '--section', 'settings'])
    assert.equal(away.code, 1)
    assert.match(away.out, /127\.0\.0\.1:1 refuses connections/)
    const settings = await run(['stats', server.address, '--section', 'settings'])
    assert.match(settings.out, /^item_size_max +1048576$/m)
    const down = await run(['stats', '127.0.0.1:1', '--json'])
    assert.equal(down.code, 1)
    assert.equal(JSON.parse(down.out)[0].code, 'MINTRING_CONNECTION')
  })

  it('print colours in a terminal, unless NO_COLOR is set or the terminal is dumb', async () => {
    await using server = await startServer()
    const isColoured = async (world: object) =>
      (await run(['ping', server.address], world)).out.includes('\u001b[32m')
    assert.equal(await isColoured({ isTTY: true }), true)
    assert.equal(await isColoured({}), false)
    assert.equal(await isColoured({ isTTY: true, env: { NO_COLOR: '1' } }), false)
    assert.equal(await isColoured({ isTTY: true, env: { NO_COLOR: '' } }), true)
    assert.equal(await isColoured({ isTTY: true, env: { TERM: 'dumb' } }), false)
  })

  it('never print a password', async () => {
    const { out, err } = await run(['ping', 'memcached://ada:hunter2@127.0.0.1:1'])
    assert.doesNotMatch(out + err, /hunter2/)
  })
})

describe('mintring behaviors', () => {
  it('lists all behaviors, searches them, and describes one in full', async () => {
    assert.match((await run(['behaviors'])).out, /^ {2}retryTimeoutMs +2000 /m)
    const one = (await run(['behaviors', 'retryTimeoutMs'])).out
    assert.match(one, /environment {2}MINTRING_RETRY_TIMEOUT_MS/)
    assert.match(one, /pylibmc {6}retry_timeout \(s\)/)
    const found = JSON.parse((await run(['behaviors', 'dead_timeout', '--json'])).out)
    assert.deepEqual(
      found.map(({ name }: { name: string }) => name),
      ['deadTimeoutMs'],
    )
    const none = await run(['behaviors', 'retrytimoutms'])
    assert.equal(none.code, 2)
    assert.match(none.err, /Did you mean 'retryTimeoutMs'/)
  })

  it('prints environment names that fromEnv() reads, in every format and in the docs', async () => {
    const json: Printed[] = JSON.parse((await run(['behaviors', '--json'])).out)
    const printed = json.flatMap((row) => [
      { row, path: [row.name] },
      ...(row.fields ?? []).map((field) => ({ row: field, path: [row.name, field.name] })),
    ])
    const told = printed.flatMap(({ row: { env } }) => env ?? [])
    const detail = (await run(['behaviors', ...json.map(({ name }) => name)])).out
    const docs = readFileSync('docs/behaviors.md', 'utf8')
    assert.deepEqual(all(detail, /environment +(MINTRING_\S+)/g), told)
    assert.deepEqual(all(docs, /^- Environment: `(.+)`$/gm), told)
    assert.ok(told.includes('MINTRING_CONNECTIONS_IDLE_MS'))
    for (const { row, path } of printed) {
      if (row.env === undefined) continue
      const text = row.choices?.[0] ?? (isSwitch(row) ? 'true' : '7')
      const { behaviors } = fromEnvironment({ MINTRING_URL: 'a', [row.env]: text })
      const held = path.reduce<unknown>(
        (at, name) => (at as Record<string, unknown>)[name],
        behaviors,
      )
      // The variable of the behavior `previous` contains only its list of servers.
      const shown = row.name === 'previous' ? (held as { servers: string }).servers : held
      assert.equal(String(shown), text, row.env)
    }
  })
})

/** A behavior as `mintring behaviors --json` prints it. */
interface Printed {
  readonly name: string
  readonly type: string
  readonly default?: unknown
  readonly env?: string
  readonly choices?: readonly string[]
  readonly fields?: readonly Printed[]
}

const all = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, found]) => found!)

const isSwitch = ({ type, default: by }: Printed): boolean =>
  type === 'boolean' || (typeof by === 'boolean' && type !== 'seconds')

it('--set without = says what to write', async () => {
  const { code, err } = await run(['get', 'key', '--servers', '127.0.0.1:1', '--set', 'password'])
  assert.equal(code, 2)
  assert.match(err, /--set takes behavior=value, such as retries=2, not a text without =/)
})

it('remap without a change names its own options', async () => {
  const { code, err } = await run(['remap', '--servers', 'x'])
  assert.equal(code, 2)
  assert.match(err, /nothing changes: pass --remove, --add, --replace or --reweight/)
})
