import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type PageCacheOptions,
  type WebPageCache,
  webPageCache,
} from '../../../src/integrations/page-web.ts'
import { serve } from '../../client/support.ts'
import { HTML } from './rig.ts'

export const URL_OF_A = 'http://example.com/a'

/** A page cache of web requests, and what it reported. */
export interface Web {
  readonly cache: Awaited<ReturnType<typeof serve>>['cache']
  readonly pages: WebPageCache
  readonly told: unknown[]
}

export async function web(t: TestContext, options: Partial<PageCacheOptions> = {}): Promise<Web> {
  const { cache } = await serve(t)
  const told: unknown[] = []
  const onUncacheable = (reason: string, _: string, field?: string): void => {
    told.push(reason, ...(field === undefined ? [] : [field]))
  }
  return { cache, pages: webPageCache(cache, { ttl: 60, onUncacheable, ...options }), told }
}

export function page(
  body: ConstructorParameters<typeof Response>[0],
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body, { headers: { 'content-type': HTML, ...headers } })
}

export function asking(headers: Readonly<Record<string, string>> = {}, path = '/a'): Request {
  return new Request(`http://example.com${path}`, { headers })
}

function isHit({ headers }: Response): boolean {
  return /^mintring; hit/.test(headers.get('cache-status') ?? '')
}

/** Requests a page until it comes out of the cache. */
export async function hit(pages: WebPageCache, request = asking()): Promise<Response> {
  for (let tries = 0; tries < 100; tries++) {
    const response = await pages(request, () => new Response('not there', { status: 404 }))
    if (isHit(response)) return response
    await sleep(2)
  }
  throw new Error('never stored')
}
