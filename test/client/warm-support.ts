import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'

/** `key:0`, `key:1` and so on. */
export function* keysTo(count: number): Generator<string> {
  for (let i = 0; i < count; i++) yield `key:${i}`
}

/** A client of a server of its own. */
export async function newCache(t: TestContext): Promise<MemcachedClient> {
  const server = await startServer({ port: 0 })
  const cache = new MemcachedClient(server.address)
  t.after(async () => {
    await cache.close()
    await server.close()
  })
  return cache
}

/** A folder that is removed after the test. */
export function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mintring-warm-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
