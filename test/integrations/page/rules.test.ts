import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HeaderLines } from '../../../src/integrations/page/rules.ts'
import { judge } from '../../../src/integrations/page/rules.ts'

const TYPE = ['content-type', 'text/html; charset=utf-8'] as const
const NOW = Date.parse('Mon, 01 Jan 2024 00:00:00 GMT')

function ruling(headers: HeaderLines, more: { status?: number; hasCookie?: boolean } = {}): string {
  const context = { hasCookie: more.hasCookie ?? false, contentType: TYPE[1], nowMs: NOW }
  const outcome = judge({ status: more.status ?? 200, headers }, context)
  return outcome.isStorable ? `stored ${outcome.ttlSeconds ?? 'by default'}` : outcome.reason
}

const cases: readonly (readonly [HeaderLines, string])[] = [
  [[TYPE], 'stored by default'],
  [[['content-type', 'Text/HTML;charset="UTF-8"']], 'stored by default'],
  [[], 'content-type'],
  [[['content-type', 'text/html']], 'content-type'],
  [[['content-type', 'application/json']], 'content-type'],
  [[TYPE, ['content-type', 'text/plain']], 'content-type'],
  [[TYPE, ['set-cookie', 'id=1']], 'set-cookie'],
  [[TYPE, ['cache-control', 'max-age=30']], 'stored 30'],
  [[TYPE, ['cache-control', 'public, max-age=30, s-maxage=90']], 'stored 90'],
  [[TYPE, ['cache-control', 'max-age=30'], ['cache-control', 'S-MaxAge="90"']], 'stored 90'],
  [[TYPE, ['cache-control', 'max-age=30, max-age=20']], 'stored 20'],
  [[TYPE, ['cache-control', 'max-age=0']], 'cache-control'],
  [[TYPE, ['cache-control', 's-maxage=0, max-age=30']], 'cache-control'],
  [[TYPE, ['cache-control', 'max-age=soon']], 'cache-control'],
  [[TYPE, ['cache-control', 'max-age=-1']], 'cache-control'],
  [[TYPE, ['cache-control', 'Private']], 'cache-control'],
  [[TYPE, ['cache-control', 'max-age=30,private="set-cookie, x"']], 'cache-control'],
  [[TYPE, ['cache-control', 'public'], ['cache-control', 'no-store']], 'cache-control'],
  [[TYPE, ['cache-control', 'no-cache']], 'cache-control'],
  [[TYPE, ['cache-control', 'max-age=60, must-revalidate']], 'cache-control'],
  [[TYPE, ['pragma', 'no-cache']], 'cache-control'],
  [[TYPE, ['pragma', 'no-cache'], ['cache-control', 'max-age=30']], 'stored 30'],
  [[TYPE, ['expires', 'Mon, 01 Jan 2024 00:01:00 GMT']], 'stored 60'],
  [[TYPE, ['expires', 'Sun, 31 Dec 2023 23:59:00 GMT']], 'cache-control'],
  [[TYPE, ['expires', '0']], 'cache-control'],
  [[TYPE, ['vary', 'Accept-Encoding']], 'stored by default'],
  [[TYPE, ['vary', 'accept-encoding, Accept-Encoding']], 'stored by default'],
  [[TYPE, ['vary', 'Accept-Encoding, Cookie']], 'vary'],
  [[TYPE, ['vary', 'Accept-Encoding'], ['vary', 'Origin']], 'vary'],
  [[TYPE, ['vary', '*']], 'vary'],
  [[TYPE, ['cdn-cache-control', 'max-age=60, private']], 'cache-control'],
  [[TYPE, ['cloudflare-cdn-cache-control', 'no-store']], 'cache-control'],
  [[TYPE, ['vercel-cdn-cache-control', 'no-cache']], 'cache-control'],
  [[TYPE, ['surrogate-control', 'no-store']], 'cache-control'],
  [[TYPE, ['edge-control', 'no-store']], 'cache-control'],
  [[TYPE, ['x-accel-expires', '0']], 'cache-control'],
  [[TYPE, ['x-accel-expires', '60']], 'stored by default'],
  [[TYPE, ['content-encoding', 'gzip']], 'stored by default'],
  [[TYPE, ['content-encoding', 'identity']], 'stored by default'],
  [[TYPE, ['content-encoding', 'br']], 'content-encoding'],
  [[TYPE, ['content-encoding', 'zstd']], 'content-encoding'],
  [[TYPE, ['content-encoding', 'gzip, br']], 'content-encoding'],
]

describe('whether a page may be stored: a response', () => {
  for (const [headers, expected] of cases) {
    const shown = headers.map(([name, value]) => `${name}: ${value}`).join(' · ')
    test(`with ${shown || 'no headers'} is ${expected}`, () => {
      assert.equal(ruling(headers), expected)
    })
  }

  test('is stored only with status 200', () => {
    for (const status of [201, 204, 206, 301, 304, 404, 500]) {
      assert.equal(ruling([TYPE], { status }), 'status')
    }
  })

  test('to a visitor with cookies is stored only when it says that it is public', () => {
    const hasCookie = true
    assert.equal(ruling([TYPE], { hasCookie }), 'cookie')
    assert.equal(ruling([TYPE, ['cache-control', 'max-age=30']], { hasCookie }), 'cookie')
    const isPublic = [TYPE, ['cache-control', 'public, max-age=30']] as const
    assert.equal(ruling(isPublic, { hasCookie }), 'stored 30')
    assert.equal(ruling([TYPE, ['cache-control', 's-maxage=30']], { hasCookie }), 'stored 30')
  })
})
