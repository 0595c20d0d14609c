import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { Gate } from '../meetings/gate.ts'
import { until } from '../support/test-cluster.ts'
import { run } from './support.ts'

describe('mintring top', () => {
  it('writes one table per refresh into a pipe, without control characters', async () => {
    await using server = await startServer()
    await using other = await startServer()
    await using cache = new MemcachedClient(server.address)
    const asking = setInterval(() => void cache.get('k').catch(() => undefined), 2)
    const { code, out } = await run(
      ['top', server.address, other.address, '-n', '2', '-i', '0.3'],
      {},
    )
    clearInterval(asking)
    assert.equal(code, 0)
    assert.ok(!out.includes('\u001b'))
    assert.equal(out.match(/^mintring top /gm)?.length, 2)
    const second = out.split(/^mintring top /m)[2]!
    const row = new RegExp(`^${server.address} +up +(\\d+)`, 'm').exec(second)
    assert.ok(Number(row?.[1]) > 20, second)
    assert.match(second, /^all +2 of 2/m)
  })

  it('writes one line of JSON per refresh with --json', async () => {
    await using server = await startServer()
    const { out } = await run(['top', server.address, '--json', '-n', '2', '-i', '0.1'])
    const [first, second] = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.equal(first.hosts[0].opsPerSecond, null)
    assert.equal(second.hosts[0].opsPerSecond, 0)
    assert.equal(second.hosts[0].state, 'up')
  })

  it("uses the terminal's alternate screen, and restores the previous one at the end", async () => {
    await using server = await startServer()
    let press: ((key: string) => void) | undefined
    let isForgotten = false
    const { code, out } = await run(['top', server.address, '-i', '0.1'], {
      isTTY: true,
      columns: 60,
      rows: 10,
      onKey(listener) {
        press = listener
        setTimeout(() => press?.('q'), 250)
        return () => {
          isForgotten = true
        }
      },
    })
    assert.equal(code, 0)
    assert.ok(out.startsWith('\u001b[?1049h\u001b[?25l\u001b[H'))
    assert.ok(out.endsWith('\u001b[?25h\u001b[?1049l'))
    assert.ok(isForgotten)
    const colours = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, 'g')
    for (const line of out.replaceAll(colours, '').split('\n')) {
      assert.ok(line.length <= 60, `'${line}' is wider than the terminal`)
    }
  })

  it('shows a host that died, and ends when the process is stopped', async () => {
    const server = await startServer()
    await using other = await startServer()
    const ending = new AbortController()
    let seen = ''
    const running = run(['top', server.address, other.address, '-i', '0.1'], {
      out: (text) => {
        seen += text
      },
      signal: ending.signal,
    })
    await until(() => /^all +2 of 2/m.test(seen))
    await server.kill()
    await until(() => seen.includes(`${server.address} was ejected`))
    await until(() => new RegExp(`^${server.address} +(ejected|probing)`, 'm').test(seen))
    ending.abort()
    assert.equal((await running).code, 0)
    await server.close()
  })

  it('shows how many keys a server missed that no process has told it', async (context) => {
    const [first, other] = [await startServer(), await startServer()]
    const gate = await new Gate(first.port).open()
    const home = `127.0.0.1:${gate.port}`
    const behaviors = { retryTimeoutMs: 200, missedTtl: '1h' } as const
    const cache = new MemcachedClient([home, other.address], behaviors)
    context.after(async () => {
      await Promise.all([cache.close({ drainMs: 0 }), gate.close()])
      await Promise.all([first.close(), other.close()])
    })
    const keys: string[] = []
    for (let i = 0; keys.length < 3; i++) {
      if (cache.locate(`key:${i}`).server === home) keys.push(`key:${i}`)
    }
    gate.shut()
    await until(() => {
      cache.get(keys[0]!).catch(() => undefined)
      return cache.hosts()[0]!.state === 'ejected'
    })
    await cache.delete(keys[0]!)
    await cache.close({ drainMs: 0 })
    const asked = ['top', home, other.address, '-n', '1']
    const { out } = await run([...asked, '--json'])
    assert.deepEqual(
      JSON.parse(out).hosts.map(({ owed }: { owed: number }) => owed),
      [1, null],
    )
    gate.isShut = false
    const table = (await run(asked)).out
    assert.match(table, new RegExp(`^${home} +up +- +- +[0-9.]+ ms +1 `, 'm'))
    assert.match(table, new RegExp(`^${other.address} +up +- +- +[0-9.]+ ms +0 `, 'm'))
  })

  it('refuses invalid intervals and counts', async () => {
    assert.equal((await run(['top', '-i', '0'])).code, 2)
    assert.equal((await run(['top', '-n', '0'])).code, 2)
    assert.equal((await run(['top', '127.0.0.1:1', '-n', '1'])).code, 1)
  })
})
