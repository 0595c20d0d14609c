import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { CliIo } from '../../src/cli/io.ts'
import { UsageError } from '../../src/cli/io.ts'
import { warmCommand } from '../../src/cli/warm.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'

interface Desk {
  readonly folder: string
  readonly address: string
  readonly cache: MemcachedClient
  readonly said: { out: string; err: string }
  run(args: string[], io?: Partial<CliIo>): Promise<number>
}

async function desk(t: TestContext): Promise<Desk> {
  const folder = mkdtempSync(join(tmpdir(), 'mintring-warm-'))
  const server = await startServer({ port: 0 })
  const cache = new MemcachedClient(server.address)
  t.after(async () => {
    await cache.close()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const said = { out: '', err: '' }
  const run: Desk['run'] = (args, io = {}) =>
    warmCommand(args, {
      out: (text) => (said.out += text),
      err: (text) => (said.err += text),
      isTTY: false,
      columns: 80,
      env: {},
      ...io,
    } as CliIo)
  return { folder, address: server.address, cache, said, run }
}

function module(folder: string, code: string): string {
  const path = join(folder, 'loader.mjs')
  writeFileSync(path, code)
  return path
}

test('warm stores what the loader returns for the keys of a file', async (t) => {
  const { folder, address, cache, said, run } = await desk(t)
  const loader = module(folder, `export const load = (key) => 'value of ' + key`)
  const keys = join(folder, 'keys.txt')
  writeFileSync(keys, 'a\r\nb\n\nc')
  assert.equal(await run(['--loader', loader, '--keys', keys, '--ttl', '5m', '-s', address]), 0)
  assert.equal(said.out, '3 keys: 3 stored, 0 skipped, 0 failed, 0 before\n')
  assert.equal(said.err, '')
  assert.equal(await cache.get('c'), 'value of c')
})

test('warm reads keys from standard input or from the module, and draws a progress bar in a terminal', async (t) => {
  const { folder, address, said, run } = await desk(t)
  const plain = module(folder, `export const load = () => 'x'`)
  const stdin = (async function* () {
    yield Buffer.from('a\nb')
    yield Buffer.from('c\nd\n')
  })()
  await run(['--loader', plain, '-s', address, '--json', '--total', '3'], { stdin, isTTY: true })
  assert.deepEqual(JSON.parse(said.out.replace('\r\u001b[K', '')).stored, 3)
  assert.match(said.err, /█+ 100 % · 3 keys/)
  const full = join(folder, 'full.mjs')
  writeFileSync(full, `export const load = () => 'x'; export const keys = () => ['a', 'b']`)
  said.out = ''
  assert.equal(await run(['--loader', full, '-s', address, '--json']), 0)
  assert.equal(JSON.parse(said.out).stored, 2)
})

test('warm lists the keys that failed, and exits with 1', async (t) => {
  const { folder, address, said, run } = await desk(t)
  const loader = module(
    folder,
    `export const keys = ['a', 'b']
     export const load = (key) => { if (key === 'a') throw new Error('no such row'); return 'x' }`,
  )
  assert.equal(await run(['--loader', loader, '-s', address]), 1)
  assert.equal(said.err, 'a: no such row\n')
})

test('warm refuses invalid arguments', async (t) => {
  const { folder, run } = await desk(t)
  await assert.rejects(run([]), UsageError)
  await assert.rejects(run(['--loader', join(folder, 'missing.mjs')]), UsageError)
  const empty = module(folder, 'export const other = 1')
  await assert.rejects(run(['--loader', empty]), UsageError)
  const plain = join(folder, 'plain.mjs')
  writeFileSync(plain, `export const load = () => 'x'`)
  await assert.rejects(run(['--loader', plain, '--rate', '0']), UsageError)
  await assert.rejects(run(['--loader', plain, '--from', 'a,b']), UsageError)
  await assert.rejects(run(['--loader', plain, '--from-set', 'distribution=modula']), UsageError)
  for (const line of [
    '--keys f',
    '--total 5',
    '--ttl 5m',
    '--rate 0',
    '-c x',
    '--from-set nope=1',
  ]) {
    await assert.rejects(run(['--from', 'a,b', ...line.split(' ')]), UsageError)
  }
  await assert.rejects(run(['--loader', plain, '--keys', join(folder, 'missing')]))
})
