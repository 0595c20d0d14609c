import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { UsageError } from '../../src/cli/io.ts'
import { serveCommand } from '../../src/cli/serve.ts'
import { RawClient, tryConnect } from '../embedded/support.ts'
import { until } from '../support/test-cluster.ts'

/** Runs `mintring serve` in this process. Returns its output, and a function that stops it. */
function start(argv: string[]): {
  readonly said: { out: string; err: string }
  readonly code: Promise<number>
  readonly stop: () => void
} {
  const said = { out: '', err: '' }
  const stopper = new AbortController()
  const io = {
    out: (text: string) => {
      said.out += text
    },
    err: (text: string) => {
      said.err += text
    },
    isTTY: false,
    columns: 80,
    env: {},
    signal: stopper.signal,
  }
  return { said, code: serveCommand(argv, io), stop: () => stopper.abort() }
}

async function portOf(said: { readonly out: string }): Promise<number> {
  await until(() => said.out.endsWith('\n'))
  return Number(/:(\d+)\n$/.exec(said.out)![1])
}

describe('mintring serve', () => {
  test('prints its address in one line, serves, and exits with 0 when it is stopped', async () => {
    const { said, code, stop } = start(['--port', '0', '--memory', '8', '--max-item-bytes', '2000'])
    const port = await portOf(said)
    assert.equal(said.out, `mintring serve: listening on 127.0.0.1:${port}\n`)
    const client = await RawClient.open(port)
    assert.equal(await client.ask('set a 0 0 1\r\nx\r\n'), 'STORED\r\n')
    const settings = await client.ask('stats settings\r\n', 'END\r\n')
    assert.match(settings, /STAT maxbytes 8388608\r\n/)
    assert.match(settings, /STAT item_size_max 2000\r\n/)
    stop()
    assert.equal(await code, 0)
    await until(() => client.ended !== undefined)
    assert.equal(await tryConnect(port), 'ECONNREFUSED')
    assert.equal(said.err, '')
  })

  test('exits with 1 and a reason when it cannot listen', async () => {
    const first = start(['--port', '0'])
    const port = await portOf(first.said)
    const second = start(['--port', String(port)])
    assert.equal(await second.code, 1)
    assert.match(second.said.err, /cannot listen on 127\.0\.0\.1:\d+ \(.*EADDRINUSE/)
    assert.equal(second.said.out, '')
    first.stop()
    assert.equal(await first.code, 0)
  })

  test('refuses invalid arguments', async () => {
    const bad = [
      ['--port', 'x'],
      ['--port', '65536'],
      ['--memory', '0'],
      ['--memory', '1.5'],
      ['--max-item-bytes', '10'],
      ['--nonsense'],
      ['word'],
    ]
    for (const argv of bad) await assert.rejects(start(argv).code, UsageError, argv.join(' '))
  })

  test('prints its usage with --help', async () => {
    const { said, code } = start(['--help'])
    assert.equal(await code, 0)
    assert.match(said.out, /^Usage: mintring serve --port P/)
  })
})
