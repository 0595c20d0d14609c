import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import { WarmUp } from '../../src/client/warm.ts'
import type { WarmOptions, WarmProgress } from '../../src/client/warm-options.ts'
import { startServer } from '../../src/embedded/server.ts'
import { MintringError } from '../../src/errors.ts'
import { keysTo, newCache, newFolder } from './warm-support.ts'

describe('warm() that is aborted', () => {
  const never = (): Promise<never> => new Promise(() => {})

  test('starts no more loads and rejects soon, whatever it was waiting for', async (t) => {
    const cache = await newCache(t)
    const hangingKeys = { [Symbol.asyncIterator]: () => ({ next: never }) }
    const cases: [string, Iterable<string> | AsyncIterable<string>, () => unknown, WarmOptions][] =
      [
        ['its pace', keysTo(100), () => 'x', { perSecond: 0.01 }],
        [
          'its pace, with many workers',
          keysTo(1000),
          () => 'x',
          { perSecond: 2, concurrency: 200 },
        ],
        ['a loader that ignores the signal', keysTo(100), never, {}],
        ['the next key', hangingKeys, () => 'x', {}],
        ['nothing at all', keysTo(Number.POSITIVE_INFINITY), () => undefined, {}],
      ]
    for (const [what, keys, load, options] of cases) {
      const ending = new AbortController()
      let begun = 0
      const loader = (): unknown => {
        begun++
        return load()
      }
      const warming = cache.warm(keys, loader, { ...options, signal: ending.signal })
      await sleep(150)
      const startMs = performance.now()
      const before = begun
      ending.abort()
      await assert.rejects(warming, { code: 'MINTRING_ABORTED', message: /first \d+ keys/ }, what)
      assert.ok(performance.now() - startMs < 3000, what)
      assert.equal(begun, before, what)
    }
  })

  test('stores nothing after it has rejected', async (t) => {
    const cache = await newCache(t)
    const ending = new AbortController()
    let finish: (value: string) => void = () => {}
    const slow = new Promise<string>((resolve) => {
      finish = resolve
    })
    const warming = cache.warm(['late'], () => slow, { signal: ending.signal })
    ending.abort()
    await assert.rejects(warming, { code: 'MINTRING_ABORTED' })
    finish('x')
    await sleep(20)
    assert.equal(await cache.get('late'), undefined)
  })

  test('does not count aborted keys as failed', async (t) => {
    const cache = await newCache(t)
    const ending = new AbortController()
    const failed: string[] = []
    let last: WarmProgress | undefined
    const load = (_: string, { signal }: { signal: AbortSignal }): Promise<never> =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    const warming = cache.warm(keysTo(50), load, {
      concurrency: 40,
      signal: ending.signal,
      onError: (_, key) => failed.push(key),
      onProgress: (progress) => {
        last = progress
      },
    })
    const warnings: Error[] = []
    const listen = (warning: Error): void => void warnings.push(warning)
    process.on('warning', listen)
    await sleep(20)
    ending.abort()
    await assert.rejects(warming, { code: 'MINTRING_ABORTED' })
    await sleep(20)
    process.off('warning', listen)
    assert.deepEqual(failed, [])
    assert.equal(last!.failed, 0)
    assert.deepEqual(
      warnings.filter(({ name }) => name === 'MaxListenersExceededWarning'),
      [],
    )
  })

  test('continues with the same log from where it was aborted', async (t) => {
    const cache = await newCache(t)
    const resumeFrom = join(newFolder(t), 'warm.log')
    const ending = new AbortController()
    const loaded: string[] = []
    const load = async (key: string): Promise<string> => {
      loaded.push(key)
      if (loaded.length === 120) ending.abort()
      await sleep(1)
      return 'x'
    }
    const broken = cache.warm(keysTo(300), load, { resumeFrom, signal: ending.signal })
    await assert.rejects(broken, { code: 'MINTRING_ABORTED', message: /to continue$/ })
    const first = loaded.length
    const done = await cache.warm(keysTo(300), load, { resumeFrom })
    assert.ok(done.resumed > 0 && done.resumed <= first)
    assert.equal(done.resumed + done.stored, 300)
    assert.equal((await cache.getMany(keysTo(300))).size, 300)
  })
})

describe('warm() when a host dies during the run', () => {
  test('waits for the host, and stores its keys on their own hosts', async (t) => {
    const servers = [await startServer({ port: 0 }), await startServer({ port: 0 })]
    const addresses = servers.map(({ address }) => address)
    const cache = new MemcachedClient(addresses, { retryTimeoutMs: 100, serverFailureLimit: 1 })
    t.after(async () => {
      await cache.close()
      await Promise.all(servers.map((server) => server.close()))
    })
    const done = await cache.warm(keysTo(300), async (key) => {
      if (key === 'key:100') {
        await servers[0]!.close()
        const port = Number(addresses[0]!.split(':').at(-1))
        setTimeout(async () => {
          servers[0] = await startServer({ port })
        }, 600)
      }
      await sleep(1)
      return key
    })
    const { stored, failed, elsewhere } = done
    assert.deepEqual({ stored, failed, elsewhere }, { stored: 300, failed: 0, elsewhere: 0 })
    const home = (key: string): boolean => cache.locate(key).server === addresses[0]
    const late = [...keysTo(300)].slice(130).filter(home)
    assert.ok(late.length > 30)
    assert.equal((await cache.getMany(late)).size, late.length)
  })

  test('continues without the host after some seconds, and counts the keys that went to another host', async () => {
    const stored: string[] = []
    const target = {
      set: async (key: string): Promise<boolean> => stored.push(key) > 0,
      locate: (key: string) => ({ server: key.at(-1)!, ejected: key.endsWith('7') }),
    }
    const done = await new WarmUp(target, keysTo(100), () => 'x', {}).run()
    assert.equal(new Set(stored).size, 100)
    assert.deepEqual([done.stored, done.elsewhere], [100, 10])
  })

  test('rejects when no host takes a key, and says which host failed and how to continue', async (t) => {
    const resumeFrom = join(newFolder(t), 'warm.log')
    const error = new MintringError('MINTRING_TIMEOUT', 'too late', { host: 'a:1' })
    const target = {
      set: (key: string): Promise<void> =>
        key === 'key:5' ? Promise.reject(error) : Promise.resolve(),
      locate: () => ({ server: 'a:1', ejected: false }),
    }
    const options = { concurrency: 1, resumeFrom }
    await assert.rejects(new WarmUp(target, keysTo(100), () => 'x', options).run(), {
      code: 'MINTRING_TIMEOUT',
      host: 'a:1',
      message: /too late.*first 5 keys are done \(5 stored.*to continue/,
    })
    assert.match(readFileSync(resumeFrom, 'utf8'), /"position":5,"key":"key:4"/)
  })
})
