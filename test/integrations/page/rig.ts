import assert from 'node:assert/strict'
import { once } from 'node:events'
import type http from 'node:http'
import net from 'node:net'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../../src/client/client.ts'
import { startServer } from '../../../src/embedded/server.ts'
import type { PageCacheOptions } from '../../../src/integrations/page.ts'
import { pageCache } from '../../../src/integrations/page.ts'
import { isConfirmed } from '../../../src/refill/paths/stamp.ts'
import { type Site, startSite } from './site.ts'

export const HTML = 'text/html; charset=utf-8'

export interface Rig {
  readonly site: Site
  readonly cache: MemcachedClient
  readonly pages: ReturnType<typeof pageCache>
  /** Paths the application rendered. */
  readonly rendered: string[]
  /** The reasons why pages were not stored. */
  readonly refused: string[]
  readonly errors: unknown[]
  /** The bytes stored under a key. */
  stored(key: string): Promise<{ readonly flags: number; readonly value: Buffer } | undefined>
  /** Resolves when the page of the path is stored, and was checked after that. */
  settled(key: string): Promise<void>
}

export type Render = (request: http.IncomingMessage, response: http.ServerResponse) => unknown

export async function rig(
  t: TestContext,
  render: Render,
  options: Partial<PageCacheOptions> = {},
  before: (response: http.ServerResponse) => void = () => {},
): Promise<Rig> {
  const server = await startServer({ port: 0 })
  const cache = new MemcachedClient(server.address, { requestTimeoutMs: 5000 })
  const rendered: string[] = []
  const refused: string[] = []
  const errors: unknown[] = []
  const pages = pageCache(cache, {
    ttl: 60,
    onUncacheable: (reason) => refused.push(reason),
    onError: (error) => errors.push(error),
    ...options,
  })
  const site = await startSite((request, response) => {
    before(response)
    pages(request, response, () => {
      rendered.push(request.url ?? '')
      return render(request, response)
    })
  })
  t.after(async () => {
    await site.close()
    await cache.close()
    await server.close()
  })
  const stored: Rig['stored'] = async (key) => {
    const { status, value, flags } = await cache.meta.mg(key, { v: true, f: true })
    return status === 'done' ? { flags, value: value! } : undefined
  }
  const settled = async (key: string): Promise<void> => {
    for (let tries = 0; tries < 200; tries++) {
      const item = await stored(key)
      if (item !== undefined && isConfirmed(item.flags)) return
      await sleep(5)
    }
    assert.fail(`${key} was never stored`)
  }
  return { site, cache, pages, rendered, refused, errors, stored, settled }
}

export function html(response: http.ServerResponse, body: string | Buffer, headers = {}): void {
  response.writeHead(200, { 'Content-Type': HTML, ...headers })
  response.end(body)
}

export async function rigWithOrigin(
  t: TestContext,
  render: Render,
  before?: (response: http.ServerResponse) => void,
): Promise<Rig> {
  const port = await freshPort()
  const made = await rig(t, render, { origin: `http://127.0.0.1:${port}` }, before)
  const relay = net.createServer((socket) => {
    const onward = net.connect(made.site.port, '127.0.0.1')
    socket.pipe(onward).pipe(socket)
    socket.on('error', () => onward.destroy())
    onward.on('error', () => socket.destroy())
  })
  relay.listen(port, '127.0.0.1')
  await once(relay, 'listening')
  t.after(() => relay.close())
  return made
}

async function freshPort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  return port
}
