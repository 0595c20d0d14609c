import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { MemcachedClient } from '../../src/client/client.ts'
import type { WarmProgress } from '../../src/client/warm-options.ts'
import { startServer } from '../../src/embedded/server.ts'
import { root } from '../house/sources.ts'
import { TYPESCRIPT } from '../support/typescript.ts'
import { keysTo, newCache, newFolder } from './warm-support.ts'

describe('warm()', () => {
  test('loads and stores every key with its ttl', async (t) => {
    const cache = await newCache(t)
    const done = await cache.warm(keysTo(1000), (key) => `value of ${key}`, { ttl: 60 })
    assert.deepEqual(done, {
      taken: 1000,
      stored: 1000,
      skipped: 0,
      failed: 0,
      resumed: 0,
      elsewhere: 0,
    })
    assert.equal(await cache.get('key:999'), 'value of key:999')
    const { ttl } = await cache.meta.mg('key:0', { t: true })
    assert.ok(ttl! > 55 && ttl! <= 60)
  })

  test('accepts an async iterator of keys, and calls it one key at a time', async (t) => {
    const cache = await newCache(t)
    let isAsked = false
    let count = 0
    const keys: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        async next() {
          assert.ok(!isAsked)
          isAsked = true
          await sleep(1)
          isAsked = false
          return count < 20 ? { value: `key:${count++}`, done: false } : { value: '', done: true }
        },
      }),
    }
    assert.equal((await cache.warm(keys, () => 'x')).stored, 20)
  })

  test('never exceeds its concurrency, and takes keys as they are needed', async (t) => {
    const cache = await newCache(t)
    let running = 0
    let most = 0
    let pulled = 0
    const keys = (function* () {
      for (const key of keysTo(200)) {
        pulled++
        yield key
      }
    })()
    let loaded = 0
    await cache.warm(
      keys,
      async () => {
        most = Math.max(most, ++running)
        assert.ok(pulled <= loaded + 7)
        await sleep(1)
        running--
        loaded++
        return 'x'
      },
      { concurrency: 7 },
    )
    assert.equal(most, 7)
  })

  test('starts no more keys per second than rate allows', async (t) => {
    const cache = await newCache(t)
    const startMs = performance.now()
    await cache.warm(keysTo(50), () => 'x', { perSecond: 200 })
    assert.ok(performance.now() - startMs >= 230)
  })

  test('skips keys whose loader returns undefined, and continues when a loader fails', async (t) => {
    const cache = await newCache(t)
    const failed: string[] = []
    const done = await cache.warm(
      keysTo(4),
      async (key) => {
        if (key === 'key:1') throw new Error('no')
        return key === 'key:2' ? undefined : 'x'
      },
      { onError: (_, key) => failed.push(key) },
    )
    assert.deepEqual(done, { taken: 4, stored: 2, skipped: 1, failed: 1, resumed: 0, elsewhere: 0 })
    assert.deepEqual(failed, ['key:1'])
  })

  test('waits for a cache that is briefly unreachable', async (t) => {
    const server = await startServer({ port: 0 })
    const cache = new MemcachedClient(server.address, { retryTimeoutMs: 100 })
    const port = Number(server.address.split(':').at(-1))
    const back = { server }
    t.after(async () => {
      await cache.close()
      await back.server.close()
    })
    const done = await cache.warm(keysTo(300), async (key) => {
      if (key === 'key:100') {
        await server.close()
        setTimeout(async () => {
          back.server = await startServer({ port })
        }, 300)
      }
      await sleep(1)
      return 'x'
    })
    assert.equal(done.failed, 0)
    assert.equal(done.stored, 300)
  })

  test('rejects when the cache stores nothing any more', async (t) => {
    const cache = await newCache(t)
    const end = cache.warm(keysTo(1_000_000), async (key) => {
      if (key === 'key:100') await cache.close({ drainMs: 0 })
      return 'x'
    })
    await assert.rejects(end, { code: 'MINTRING_CLOSED' })
  })

  test('rejects when its signal aborts, and reports its progress', async (t) => {
    const cache = await newCache(t)
    const end = new AbortController()
    let last: WarmProgress | undefined
    const keys = keysTo(Number.POSITIVE_INFINITY)
    const load = (key: string): string => {
      if (key === 'key:500') end.abort()
      return 'x'
    }
    const warming = cache.warm(keys, load, {
      signal: end.signal,
      onProgress: (progress) => {
        last = progress
      },
    })
    await assert.rejects(warming, { code: 'MINTRING_ABORTED' })
    assert.ok(last!.stored > 0)
  })

  test('refuses invalid arguments', async (t) => {
    const cache = await newCache(t)
    const bad = { code: 'MINTRING_BAD_ARGUMENT' }
    await assert.rejects(cache.warm(keysTo(1), 1 as never), bad)
    await assert.rejects(
      cache.warm(5 as never, () => 1),
      bad,
    )
    await assert.rejects(
      cache.warm(keysTo(1), () => 1, { concurrency: 0 }),
      bad,
    )
    await assert.rejects(
      cache.warm(keysTo(1), () => 1, { perSecond: 0 }),
      bad,
    )
    for (const options of [
      ...[-1, Number.NaN, 1e-9, 1e12, '5', null].map((perSecond) => ({ perSecond })),
      ...[1.5, 1e9, '5', null].map((concurrency) => ({ concurrency })),
      ...['', 5, null].map((resumeFrom) => ({ resumeFrom })),
      ...[5, null].flatMap((listener) => [{ onProgress: listener }, { onError: listener }]),
      { signal: {} },
      { rate: 5 },
      5,
      null,
    ]) {
      const warming = cache.warm(keysTo(1), () => 1, options as never)
      await assert.rejects(warming, bad, JSON.stringify(options))
    }
    await assert.rejects(
      cache.warm(keysTo(1), () => 1, { ttl: -1 }),
      { code: 'MINTRING_BAD_TTL' },
    )
  })
})

/** Why a test is skipped on Deno: it starts a process with command-line options of Node. */
const skip = 'Deno' in globalThis && 'starts a process with options of Node'

describe('warm() with a log', () => {
  test('continues where a killed process stopped', { skip }, async (t) => {
    const server = await startServer({ port: 0 })
    const cache = new MemcachedClient(server.address)
    const folder = newFolder(t)
    const log = join(folder, 'warm.log')
    const source = pathToFileURL(join(root, 'src/client/client.ts')).href
    const program = join(folder, 'program.mts')
    writeFileSync(
      program,
      `import { MemcachedClient } from ${JSON.stringify(source)}
      const cache = new MemcachedClient(${JSON.stringify(server.address)})
      const keys = Array.from({ length: 3000 }, (_, i) => 'key:' + i)
      const load = () => new Promise((done) => setTimeout(done, 5, 'first'))
      await cache.warm(keys, load, { resumeFrom: ${JSON.stringify(log)} })`,
    )
    const child = spawn(process.execPath, [...TYPESCRIPT, program], { cwd: root })
    while ((await cache.getMany(keysTo(1000))).size < 1000) await sleep(10)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const asked: string[] = []
    const done = await cache.warm(
      keysTo(3000),
      (key) => {
        asked.push(key)
        return 'second'
      },
      { resumeFrom: log },
    )
    assert.ok(done.resumed > 300, `${done.resumed}`)
    assert.equal(done.resumed + done.stored, 3000)
    assert.equal(asked.length, done.stored)
    const all = await cache.getMany(keysTo(3000))
    assert.equal(all.size, 3000)
    await cache.close()
    await server.close()
  })

  test('starts from the beginning after a completed run, and accepts a truncated last line', async (t) => {
    const cache = await newCache(t)
    const resumeFrom = join(newFolder(t), 'warm.log')
    await cache.warm(keysTo(10), () => 'x', { resumeFrom })
    assert.match(readFileSync(resumeFrom, 'utf8'), /"isFinished":true/)
    assert.equal((await cache.warm(keysTo(10), () => 'x', { resumeFrom })).stored, 10)
    writeFileSync(resumeFrom, '{"position":4,"key":"key:3"}\n')
    appendFileSync(resumeFrom, '{"position":7,"ke')
    const done = await cache.warm(keysTo(10), () => 'x', { resumeFrom })
    assert.equal(done.resumed, 4)
    assert.equal(done.stored, 6)
  })

  test('refuses a log of other keys, and files that are no log', async (t) => {
    const cache = await newCache(t)
    const resumeFrom = join(newFolder(t), 'warm.log')
    const bad = { code: 'MINTRING_BAD_ARGUMENT' }
    writeFileSync(resumeFrom, '{"position":4,"key":"other"}\n')
    await assert.rejects(
      cache.warm(keysTo(10), () => 'x', { resumeFrom }),
      bad,
    )
    await assert.rejects(
      cache.warm(keysTo(2), () => 'x', { resumeFrom }),
      bad,
    )
    for (const text of ['something else\n', 'no line end', '{"position":"4"}\n']) {
      writeFileSync(resumeFrom, text)
      await assert.rejects(
        cache.warm(keysTo(10), () => 'x', { resumeFrom }),
        bad,
      )
      assert.equal(readFileSync(resumeFrom, 'utf8'), text)
    }
  })
})
