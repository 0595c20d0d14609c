import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCommandLine } from '../../src/cli/command-line.ts'
import { cliTarget } from '../../src/cli/target.ts'
import { Fleet } from '../../src/cli/top-fleet.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import { createRing } from '../../src/ring/ring.ts'
import { memcachedVersion, skipWithoutMeta } from '../support/memcached.ts'
import type { CountingProxy } from './counting-proxy.ts'
import { startWatched } from './observer.ts'

const skip = skipWithoutMeta()
const KEYS = Array.from({ length: 60 }, (_, i) => `key:${i}`)

/** A command line run in memory, and its output. */
function world() {
  const texts: string[] = []
  const out = (text: string): void => void texts.push(text)
  return { texts, io: { out, err: out, isTTY: false, columns: 80, env: {} } }
}

/** What a command prints with `--json`. */
async function printed(line: string, servers: readonly string[]) {
  const { texts, io } = world()
  const errors: string[] = []
  const err = (text: string): void => void errors.push(text)
  await runCommandLine([...line.split(' '), '--servers', servers.join(), '--json'], { ...io, err })
  return { out: texts.join(''), err: errors.join('') }
}

/** The JSON that a command prints. */
async function told(line: string, servers: readonly string[]) {
  return JSON.parse((await printed(line, servers)).out)
}

const onWire = (proxies: readonly CountingProxy[], verb: string): number =>
  proxies.reduce((all, proxy) => all + proxy.count(verb), 0)

const total = (rows: readonly { stats: Record<string, number> }[], name: string): number =>
  rows.reduce((all, { stats }) => all + stats[name]!, 0)

test('stats, top and ping print the figures that counting proxies and arithmetic give', {
  skip,
}, async (context) => {
  const { cache, proxies } = await startWatched(context, { requestTimeoutMs: 5000 })
  const servers = proxies.map(({ address }) => address)
  const fleet = new Fleet(cliTarget({ servers: servers.join() }, [], world().io))
  context.after(() => fleet.close())
  for (const key of KEYS) await cache.set(key, 'value', { ttl: 600 })
  await fleet.look()
  for (const key of [...KEYS, 'none', 'none-too']) await cache.get(key)
  for (const key of KEYS.slice(0, 31)) await cache.set(key, 'value', { ttl: 600 })
  const { hosts } = await fleet.look()
  for (const { host, items, getsPerSecond, setsPerSecond, opsPerSecond, hitRatio } of hosts) {
    const isThere = (key: string): boolean => cache.locate(key).server === host
    const own = KEYS.filter(isThere).length
    const missing = ['none', 'none-too'].filter(isThere).length
    const again = KEYS.slice(0, 31).filter(isThere).length
    assert.equal(items, own)
    const ratio = (a: number, b: number): number => Math.round((a / b) * 1e6)
    assert.equal(ratio(hitRatio, 1), ratio(own, own + missing))
    assert.equal(ratio(setsPerSecond, getsPerSecond), ratio(again, own + missing))
    assert.equal(ratio(opsPerSecond, getsPerSecond), ratio(own + missing + again, own + missing))
  }
  const rows = await told('stats', servers)
  assert.equal(total(rows, 'curr_items'), KEYS.length)
  assert.equal(onWire(proxies, 'get'), KEYS.length + 2)
  // Each new connection reads one key (`mg`): the note about a change of servers in progress. And
  // `top` asks each host (`gets`) for its counters of missed changes.
  const looks = onWire(proxies, 'mg') + onWire(proxies, 'gets')
  assert.equal(total(rows, 'cmd_get'), KEYS.length + 2 + looks)
  assert.equal(total(rows, 'get_misses'), 2 + looks)
  assert.equal(total(rows, 'cmd_set'), onWire(proxies, 'set'))
  const before = onWire(proxies, 'version')
  const pinged = await told('ping --count 7', servers)
  for (const { ok, version, meta } of pinged) {
    assert.deepEqual([ok, version, meta], [true, memcachedVersion(), true])
  }
  // Besides the pings, each new connection of the two hosts sends one `version`.
  assert.equal(onWire(proxies, 'version') - before, 2 * 7 + 2)
})

test('get, set, invalidate, remap and locate print the figures that counting proxies and arithmetic give', {
  skip,
}, async (context) => {
  const { cache, proxies } = await startWatched(context, { requestTimeoutMs: 5000 })
  const servers = proxies.map(({ address }) => address)
  for (const key of KEYS) await cache.set(key, 'value', { ttl: 600 })
  const stored = await told('set told éé --ttl 600', servers)
  assert.equal(stored.host, cache.locate('told').server)
  const found = await told('get told', servers)
  const { flags, cas } = (await cache.gets('told'))!
  assert.deepEqual(
    [found.host, found.value, found.size, found.flags, BigInt(found.cas)],
    [cache.locate('told').server, 'éé', 4, flags, cas],
  )
  assert.ok(found.ttl > 500 && found.ttl <= 600)
  await cache.delete('told')

  const marks = onWire(proxies, 'md')
  const marked = await told('invalidate key:0 none', servers)
  assert.deepEqual([marked.keys, marked.found], [['key:0', 'none'], true])
  assert.ok(onWire(proxies, 'md') > marks)

  const home = (key: string): string => cache.locate(key).server
  const leaving = KEYS.filter((key) => home(key) === servers[0])
  const { sample, results, keys } = await told(`remap --remove ${servers[0]} --sample`, servers)
  assert.equal(keys, KEYS.length)
  assert.deepEqual(
    sample.map((row: { keys: number }) => row.keys),
    servers.map((server) => KEYS.filter((key) => home(key) === server).length),
  )
  assert.equal(results[0].moved, leaving.length / KEYS.length)
  assert.equal(results[0].unrelated, 0)
  const placed = await told('locate key:1 key:2', servers)
  assert.deepEqual(
    placed.map((row: { server: string }) => row.server),
    [home('key:1'), home('key:2')],
  )
})

const LOADER = `export const keys = Array.from({ length: 50 }, (_, i) => 'page:' + i)
export function load(key) {
  const number = Number(key.slice(5))
  if (number < 3) throw new Error('no')
  return number < 7 ? undefined : 'value'
}`

test('warm prints how many keys counting proxies saw stored, and how many its loader skipped or failed', {
  skip,
}, async (context) => {
  const { proxies } = await startWatched(context, { requestTimeoutMs: 5000 })
  const servers = proxies.map(({ address }) => address)
  const folder = mkdtempSync(join(tmpdir(), 'mintring-warm-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'loader.mjs')
  writeFileSync(file, LOADER)
  const { out, err } = await printed(`warm --loader ${file} --ttl 60`, servers)
  const { taken, stored, skipped, failed } = JSON.parse(out)
  assert.deepEqual(
    { taken, stored, skipped, failed },
    { taken: 50, stored: 43, skipped: 4, failed: 3 },
    err,
  )
  assert.equal(onWire(proxies, 'set'), 43)
  assert.equal(
    proxies.reduce((all, { storedBytes }) => all + storedBytes, 0),
    43 * 'value'.length,
  )
})

test('warm --from prints how many keys arithmetic moves and a counting proxy saw copied', {
  skip,
}, async (context) => {
  const { proxies } = await startWatched(context, { requestTimeoutMs: 5000 })
  const servers = proxies.map(({ address }) => address)
  const before = new MemcachedClient(servers[0]!)
  context.after(() => before.close())
  await before.setMany(new Map(KEYS.map((key) => [key, 'value'])), { ttl: 600 })
  const ring = createRing(servers)
  const moving = KEYS.filter((key) => ring.locate(key).server === servers[1])
  const { out, err } = await printed(`warm --from ${servers[0]} --set announce=1s`, servers)
  const { listed, moved, copied, there, absent, failed } = JSON.parse(out)
  const counts = { listed, moved, copied, there, absent, failed }
  const none = { there: 0, absent: 0, failed: 0 }
  // The notes about the change of servers, of the new list and of the one before, are items too.
  const wanted = { listed: KEYS.length + 2, moved: moving.length, copied: moving.length, ...none }
  assert.deepEqual(counts, wanted, err)
  assert.equal(proxies[1]!.storedBytes, moving.length * 'value'.length)
})

test('the table of stats shows how many items arithmetic puts on each server', {
  skip,
}, async (context) => {
  const { cache, proxies } = await startWatched(context, { requestTimeoutMs: 5000 })
  const servers = proxies.map(({ address }) => address)
  for (const key of KEYS) await cache.set(key, 'value', { ttl: 600 })
  for (const key of KEYS) await cache.get(key)
  const { texts, io } = world()
  await runCommandLine(['stats', '--servers', servers.join()], io)
  const lines = texts.join('').split('\n')
  for (const server of servers) {
    const own = KEYS.filter((key) => cache.locate(key).server === server).length
    const words = lines
      .find((line) => line.startsWith(server))!
      .trim()
      .split(/ +/)
    assert.ok(words.includes(String(own)), words.join())
    assert.equal(words[1], memcachedVersion())
  }
})
