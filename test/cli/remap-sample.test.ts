import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { EXIT_ABOVE, remapCommand } from '../../src/cli/remap.ts'
import { startServer } from '../../src/embedded/server.ts'
import { skipWithoutDumps, startMemcached } from '../support/memcached.ts'
import { run as runCommand, type Said, said } from './support.ts'

const skip = skipWithoutDumps()

function run(line: string): Promise<Said> {
  return said((io) => remapCommand(line.split(' '), io))
}

/** Stores `count` small items. */
async function store(port: number, name: string, count: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  const sets = Array.from({ length: count }, (_, i) => `set ${name}:${i} 0 0 1\r\nx\r\n`)
  socket.write(`${sets.join('')}quit\r\n`)
  socket.resume()
  await once(socket, 'close')
}

/** Starts one real memcached per count, filled with that many items. */
async function serversHolding(test: TestContext, items: readonly number[]): Promise<string[]> {
  const servers = await Promise.all(items.map(() => startMemcached()))
  test.after(() => Promise.all(servers.map(({ kill }) => kill())))
  for (const [i, { port }] of servers.entries()) await store(port, `of-${i}`, items[i]!)
  return servers.map(({ host, port }) => `${host}:${port}`)
}

describe('mintring remap --sample', () => {
  it('exits with an error that says why a memcached before 1.5.4 cannot be sampled', async (test) => {
    const server = await startServer({ version: '1.4.39' })
    test.after(() => server.close())
    await store(server.port, 'key', 3)
    const line = `remap --servers ${server.address} --add 1 --sample`
    const { code, err } = await runCommand(line.split(' '))
    assert.equal(code, 1)
    assert.match(err, /memcached 1\.4\.39.*before 1\.5\.4/)
  })

  it('samples every live server in proportion to its keys, and prints how many keys each gave', {
    skip,
  }, async (test) => {
    const held = [900, 300, 0, 60]
    const list = await serversHolding(test, held)
    const question = `--servers ${list.join(',')} --remove ${list[0]} --sample`
    for (const keys of [30, 63, 1000, 1260]) {
      const { sample, results, ...report } = JSON.parse(
        (await run(`${question} --json --keys ${keys}`)).out,
      )
      assert.equal(report.keys, keys)
      for (const [i, items] of held.entries()) {
        const { server, ...taken } = sample[i]
        assert.equal(server, list[i])
        assert.equal(taken.items, items)
        assert.ok(Math.abs(taken.keys - (keys * items) / 1260) < 1, `${taken.keys} of ${keys}`)
      }
      assert.equal(results.length, 2)
    }
    const all = JSON.parse((await run(`${question} --json`)).out)
    assert.deepEqual(
      all.sample.map(({ keys }: { keys: number }) => keys),
      held,
    )
    const more = JSON.parse((await run(`${question} --json --keys 5000`)).out)
    assert.equal(more.keys, 1260)
    const said = await run(`${question} --keys 105`)
    assert.match(said.out, /Sampled: 75 of 900 from .*, 25 of 300 from .*, 0 of 0 from .*, 5 of 60/)
    assert.match(said.out, /^ketama md5 moves \d+\.\d % to \d+\.\d % of all keys \(95 %\)$/m)
    assert.match((await run(`${question} --keys 105 --csv`)).err, /Sampled: 75 of 900/)
  })

  it('draws no conclusion from a sample that is too small', { skip }, async (test) => {
    const list = await serversHolding(test, [900, 300])
    const question = `--servers ${list.join(',')} --remove ${list[0]} --sample --json`
    for (const keys of [1, 10, 29]) {
      await assert.rejects(run(`${question} --keys ${keys}`), {
        code: 'MINTRING_BAD_ARGUMENT',
        message: /too few, at least.*of 900 from/,
      })
    }
    const report = JSON.parse((await run(`${question}`)).out)
    const { moved } = report.results[0]
    const near = moved + 0.02
    // A small sample cannot show on which side of the limit the share is.
    const small = `${question} --keys 50`
    const [{ moved: seen }] = JSON.parse((await run(small)).out).results
    const unsure = await run(`${small} --fail-above ${seen + 0.001}`)
    assert.equal(unsure.code, 1)
    assert.match(unsure.err, /too few were sampled to decide/)
    assert.equal((await run(`${question} --fail-above ${near}`)).code, 0)
    assert.equal((await run(`${question} --fail-above ${moved - 0.02}`)).code, EXIT_ABOVE)
    assert.equal((await run(`${small} --fail-above 0.01`)).code, EXIT_ABOVE)
    const gone = run(
      `${question},127.0.0.1:1 --keys 50`.replace(' --remove', ',127.0.0.1:1 --remove'),
    )
    await assert.rejects(gone)
  })
})
