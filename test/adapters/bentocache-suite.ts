// bentocache's own suite for drivers, which needs its own test runner. bentocache.test.ts runs it.
import process from 'node:process'
import { assert } from '@japa/assert'
import { configure, processCLIArgs, run, test } from '@japa/runner'
import { registerCacheDriverTestSuite } from 'bentocache/test_suite'
import { MemcachedClient } from '../../src/client/client.ts'
import { MintringDriver } from '../../src/integrations/bentocache.ts'

const cache = new MemcachedClient(process.env.SUITE_MEMCACHED as string)
processCLIArgs([])
configure({
  suites: [{ name: 'driver', files: () => [new URL(import.meta.url)] }],
  importer: register,
  plugins: [assert()],
  reporters: { activated: ['ndjson'], list: [ndjson()] },
  teardown: [() => cache.close()],
} as never)

/** Prints one line per test for the parent process. */
function ndjson() {
  const handler = (_runner: unknown, emitter: { on(name: string, tell: unknown): void }): void => {
    emitter.on('test:end', (end: { title: { original: string }; hasError: boolean }) => {
      console.log(JSON.stringify({ name: end.title.original, isGood: !end.hasError }))
    })
  }
  return { name: 'ndjson', handler }
}

/** Registers bentocache's suite as the only file of the run: its test runner loads files. */
function register(): void {
  test.group('mintring as a driver of bentocache', (group) => {
    registerCacheDriverTestSuite({
      test,
      group,
      supportsMilliseconds: false,
      createDriver: (options = {}) =>
        new MintringDriver({ client: cache, prefix: 'japa', ...options }),
    } as never)
  })
}

await run()
