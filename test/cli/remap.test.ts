import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type CliIo, UsageError } from '../../src/cli/io.ts'
import { EXIT_ABOVE, remapCommand } from '../../src/cli/remap.ts'
import { ProgressBar } from '../../src/cli/remap-progress.ts'
import { type Said, said } from './support.ts'

function run(line: string, world?: Partial<CliIo>): Promise<Said> {
  return said((io) => remapCommand(line.split(' '), io), world)
}

describe('mintring remap', () => {
  it('--json prints documented fields, with the expected figures for ketama', async () => {
    const { code, out, err } = await run('--servers 10 --remove 1 --keys 200000 --json')
    assert.equal(code, 0)
    assert.equal(err, '')
    const report = JSON.parse(out)
    assert.equal(report.change, 'remove 1')
    assert.equal(report.keys, 200_000)
    const [ketama, modula] = report.results
    for (const field of [
      'distribution',
      'hash',
      'moved',
      'unrelated',
      'ideal',
      'shares',
      'maxOverMean',
      'stddevOverMean',
    ]) {
      assert.ok(field in ketama, field)
    }
    assert.ok(ketama.moved > 0.08 && ketama.moved < 0.12)
    assert.equal(ketama.unrelated, 0)
    assert.ok(modula.moved > 0.89 && modula.moved < 0.91)
    assert.equal(ketama.shares.length, 10)
  })

  it('prints a table with bars, and the share of each host', async () => {
    const { out } = await run(
      '--servers a,b,c --remove b --keys 3000 --requests-per-second 1000 --hit-ratio 0.9',
    )
    assert.match(out, /^remove b: 3 servers, 3,000 keys\n/)
    assert.match(out, /^ketama +md5 +\d+\.\d % +█+/m)
    assert.match(out, /^modula +one_at_a_time +.*█+▒+/m)
    assert.match(out, /^b:11211 +\d+\.\d %$/m)
    assert.match(out, /the origin goes from 100 to/)
    assert.match(out, /^With handover, hosts that leave must stay up until/m)
  })

  it('prints the load on the origin over time, with handover and without', async () => {
    const line =
      '--servers 4 --add 1 --keys 2000 --distributions ketama --requests-per-second 1000 ' +
      '--hit-ratio 0.99 --handover 5m --announce 20 --learn-within 5s --processes 8 --duration 10m'
    const { out } = await run(line)
    assert.match(out, /^Additional loads, beyond the usual 10 per second, within$/m)
    assert.match(out, /^handover +1 s +10 s +1 min +10 min +copied$/m)
    assert.match(out, /^without +\d+ +\d+ +\d+ +\d+ +0$/m)
    assert.match(out, /^with +0 +0 +0 +\d+ +[1-9]\d*$/m)
    assert.match(out, /^without +[▁-█]{60} {2}\d+\/s at most$/m)
    assert.doesNotMatch(out, /stale reads/)
    assert.match((await run(`${line} --writes-per-second 50`)).out, /stale reads/)

    const { overTime } = JSON.parse((await run(`${line} --json`)).out).results[0].origin
    assert.deepEqual([overTime.keys, overTime.beforePerSecond], [2_000, 10.000000000000009])
    const { withHandover, withoutHandover } = overTime
    assert.equal(withHandover.loadsPerSecond.length * overTime.stepMs, 600_000)
    assert.deepEqual(withHandover.extraLoads[2], { withinMs: 60_000, loads: 0 })
    assert.ok(withoutHandover.extraLoads[0].loads > 0)

    const html = (await run(`${line} --html`)).out
    assert.equal(html.match(/<polyline class="curve/g)?.length, 2)
    assert.match(html, /Load on the origin over time/)
  })

  it('leaves out the load over time when there are too many requests to simulate', async () => {
    const line = '--servers 4 --add 1 --keys 100 --requests-per-second 900000 --hit-ratio 0.5'
    const { code, out } = await run(line)
    assert.equal(code, 0)
    assert.match(out, /the origin goes from 450,000 to/)
    assert.doesNotMatch(out, /Loads beyond the usual/)
    assert.match(out, /too many loads to simulate over time/)
  })

  it('--csv prints one line per distribution', async () => {
    const { out } = await run('--servers 4 --add 1 --keys 1000 --csv --distributions all')
    const lines = out.trimEnd().split('\r\n')
    assert.equal(lines.length, 20)
    assert.ok(lines.every((line) => line.split(',').length === 16))
  })

  it('--distributions all leaves out distributions that cannot place servers by name, and lists them', async () => {
    const line = '--servers cache-a,cache-b,cache-c --remove 1 --keys 100 --csv --distributions all'
    const { code, out, err } = await run(line)
    assert.equal(code, 0)
    assert.match(err, /^spymemcached is left out: Bad server cache-a:11211: .*resolved address/m)
    assert.doesNotMatch(out, /^"?spymemcached"?,/m)
    assert.match(out, /ketama/)
    const wrong = run('--servers cache:99999 --add 1 --keys 100 --distributions all')
    await assert.rejects(wrong, { code: 'MINTRING_BAD_SERVER', message: /port 99999/ })
  })

  it('--svg and --html write files without scripts or external resources, names escaped', async () => {
    const svg = await run('--servers 4 --add 1 --keys 1000 --svg')
    assert.match(svg.out, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/)
    const html = await run('--servers 4 --add memcached://x?name=<b>x --keys 1000 --html')
    assert.match(html.out, /^<!doctype html>/)
    assert.doesNotMatch(html.out, /<script|<link rel="stylesheet|src=|https?:|<b>/)
    assert.match(html.out, /&lt;b&gt;x/)
    assert.match(html.out, /20\.0 % of all keys have to move\. About as many move under ketama\./)
    assert.match(html.out, /79\.7 % move under modula\./)
  })

  it('--fail-above compares the first distribution with the limit', async () => {
    const question = '--servers 10 --remove 1 --keys 5000'
    assert.equal((await run(`${question} --fail-above 0.2`)).code, 0)
    const modula = await run(`${question} --distributions modula --fail-above 0.2`)
    assert.equal(modula.code, EXIT_ABOVE)
    assert.match(modula.err, /modula moves 0\.9/)
  })

  it('reads keys from a file or standard input, and reports skipped lines', async (test) => {
    const folder = await mkdtemp(join(tmpdir(), 'remap-'))
    test.after(() => rm(folder, { recursive: true }))
    const file = join(folder, 'keys')
    await writeFile(file, `a\r\nb\n\n${'x'.repeat(300)}\nc d\ne\n`)
    const fromFile = await run(`--servers 3 --remove 1 --json --keys-from ${file}`)
    assert.equal(JSON.parse(fromFile.out).keys, 3)
    assert.deepEqual(JSON.parse(fromFile.out).skipped, { empty: 1, tooLong: 1, unusable: 1 })
    assert.match(fromFile.err, /1 empty, 1 over 250 bytes, 1 with control bytes/)

    async function* stdin(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a\nb\nc\n')
    }
    const piped = await run('--servers 3 --remove 1 --json --keys-from - --keys 2', {
      stdin: stdin(),
    })
    assert.equal(JSON.parse(piped.out).keys, 2)

    const out = join(folder, 'report.json')
    const written = await run(`--servers 3 --remove 1 --keys 10 --json --out ${out}`)
    assert.equal(written.out, '')
    assert.equal(JSON.parse(await readFile(out, 'utf8')).keys, 10)

    await writeFile(file, '')
    const empty = run(`--servers 3 --remove 1 --keys-from ${file}`)
    await assert.rejects(empty, { code: 'MINTRING_BAD_ARGUMENT' })
  })

  it('ends at once when its signal aborts, while it counts keys from any source', async (test) => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    test.after(() => silent.close())
    const { port } = silent.address() as AddressInfo
    const live = `--servers 127.0.0.1:${port} --add 1 --sample`
    for (const line of [
      live,
      `${live} --keys 100`,
      '--servers 5 --remove 1 --keys 100000000000 --workers 1',
      '--servers 5 --remove 1 --keys-from -',
    ]) {
      const ending = new AbortController()
      const endless = {
        [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }),
      }
      const counted = run(line, { signal: ending.signal, stdin: endless })
      setTimeout(() => ending.abort(), 50)
      await assert.rejects(counted, { code: 'MINTRING_ABORTED', message: /after \d+ keys/ }, line)
    }
  })

  it('prints the same figures when the work is split over several threads', async () => {
    const question = '--servers 5 --remove 1 --keys 20001 --json --distributions ketama,jump'
    assert.equal((await run(`${question} --workers 3`)).out, (await run(question)).out)
  })

  const wrong = [
    '--servers',
    '--remove 1',
    '--servers 3 --remove 1 --json --csv --keys 10',
    '--servers 3 --remove 1 --keys x',
    '--servers 3 --remove 1 --fail-above 20',
    '--servers 3 --remove 1 --hit-ratio nine',
    '--servers 3 --replace a',
    '--servers 3 --reweight a=b',
    '--servers 3 --sample --remove 1',
    '--servers a,b --sample --remove a --key-format k%d',
    '--servers a,b --sample --remove a --workers 2',
    '--servers a,b --sample --remove a --keys-from -',
    '--servers 3 --remove 1 --workers 0',
    '--servers 3 --remove 1 --keys-from - --key-format k%d',
    '--servers 3 --remove 1 --hit-ratio 0.5',
    '--servers 3 --remove 1 --requests-per-second 5',
    '--servers a,b --remove a --trials 2',
    '--servers a,b --remove a --handover 5m',
    '--servers a,b --remove a --requests-per-second 5 --hit-ratio 0.5 --handover 5x',
    '--servers a,b --remove a --requests-per-second 5 --hit-ratio 0.5 --announce -5',
    '--servers a,b --remove a --requests-per-second 5 --hit-ratio 0.5 --processes many',
    '--servers 3 --remove 1 --keys-from -',
    '--servers 3 --frobnicate',
    '--servers 3 extra',
  ]
  for (const line of wrong) {
    it(`exits with 2 for the invalid arguments '${line}'`, async () => {
      await assert.rejects(run(line), UsageError)
    })
  }

  it('--help lists every option', async () => {
    const { code, out } = await run('--help')
    assert.equal(code, 0)
    for (const flag of [
      '--servers',
      '--reweight',
      '--keys-from',
      '--sample',
      '--html',
      '--fail-above',
      '--processes',
      '--learn-within',
      '--announce',
      '--handover',
      '--duration',
      '--zipf',
      '--writes-per-second',
    ]) {
      assert.ok(out.includes(flag), flag)
    }
  })
})

describe('the progress bar of mintring remap', () => {
  function drawn(isTTY: boolean, steps: readonly number[]): string {
    let err = ''
    let now = 0
    const io: CliIo = {
      out: () => {},
      err: (text) => {
        err += text
      },
      isTTY,
      columns: 80,
      env: {},
    }
    const bar = new ProgressBar(io, () => now)
    for (const ms of steps) {
      now = ms
      bar.update(ms / 1000)
    }
    bar.clear()
    return err
  }

  it('prints nothing when the output is no terminal', () =>
    assert.equal(drawn(false, [500, 1000]), ''))
  it('prints nothing for work that ends soon', () => assert.equal(drawn(true, [50, 99]), ''))
  it('redraws ten times a second, and erases itself at the end', () => {
    const text = drawn(true, [150, 160, 500])
    assert.equal(text.split('\r').length, 5)
    assert.match(text, /50 %/)
    assert.ok(text.endsWith(' \r'))
  })
})
