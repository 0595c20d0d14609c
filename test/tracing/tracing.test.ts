import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { buildSync } from 'esbuild'
import { root } from '../house/sources.ts'
import { skipWithoutMemcached, startMemcached } from '../support/memcached.ts'

const run = promisify(execFile)
const packages = join(root, 'test', 'tracing', 'node_modules')
const compat = join(root, 'src', 'integrations', 'compat.ts')

/** The spans of the memcached instrumentation; Datadog's tracer also makes one per connection. */
type Span = Readonly<Record<string, unknown>>

describe('the tracing of the package memcached', { skip: skipWithoutMemcached() }, () => {
  let servers: Awaited<ReturnType<typeof startMemcached>>[]
  let folder: string
  before(async () => {
    servers = await Promise.all([1, 2, 3].map(() => startMemcached()))
    await servers[2]?.kill()
    folder = withMintringAsMemcached()
  })
  after(async () => {
    rmSync(folder, { recursive: true })
    await Promise.all(servers.map((server) => server.kill()))
  })

  async function spansOf(place: string, vendor: string): Promise<Span[]> {
    const addresses = servers.map(({ host, port }) => `${host}:${port}`)
    const words = [join(place, 'trace.cjs'), vendor, ...addresses]
    const { stdout } = await run(process.execPath, words, { cwd: root, timeout: 60_000 })
    const spans = JSON.parse(stdout) as Span[]
    return spans.filter(({ name }) => name !== 'tcp.connect')
  }

  for (const [vendor, count] of [
    ['opentelemetry', 27],
    ['elastic', 26],
    ['datadog', 27],
  ] as const) {
    test(`makes the same spans for mintring/compat: ${vendor}`, async () => {
      const there = sorted(await spansOf(join(root, 'test', 'tracing'), vendor))
      const here = sorted(await spansOf(folder, vendor))
      assert.deepEqual(here, there)
      assert.equal(there.length, count)
    })
  }
})

/** Sorted by text: servers reply in any order. */
function sorted(spans: readonly Span[]): unknown[] {
  return spans
    .map((span) => JSON.stringify(span))
    .sort()
    .map((text) => JSON.parse(text))
}

/** A folder whose package `memcached` is mintring, next to the packages of this one. */
function withMintringAsMemcached(): string {
  const folder = mkdtempSync(join(packages, '.mintring-'))
  const memcached = join(folder, 'node_modules', 'memcached')
  mkdirSync(memcached, { recursive: true })
  const manifest = { name: 'memcached', version: '2.2.2', main: 'index.cjs' }
  writeFileSync(join(memcached, 'package.json'), JSON.stringify(manifest))
  const built = join(memcached, 'compat.cjs')
  buildSync({ entryPoints: [compat], outfile: built, bundle: true, platform: 'node' })
  writeFileSync(join(memcached, 'index.cjs'), "module.exports = require('./compat.cjs').Memcached")
  cpSync(join(root, 'test', 'tracing', 'trace.cjs'), join(folder, 'trace.cjs'))
  return folder
}
