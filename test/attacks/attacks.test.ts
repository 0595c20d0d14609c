import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { pageCache } from '../../src/integrations/page.ts'
import { compat } from '../../src/ring/compat.ts'
import { startSite } from '../integrations/page/site.ts'
import { startNginx } from '../nginx/nginx-server.ts'
import { realMemcached, skipWithoutMeta, startMemcached } from '../support/memcached.ts'
import type { Claim, Stage } from './stage.ts'
import { carelessSite, play, send } from './stage.ts'
import { MARK } from './trick.ts'
import { tricks } from './tricks.ts'

const CLAIMS: readonly Claim[] = ['nothing', 'public, max-age=60']
/**
 * A site of careless applications behind a page cache on a real memcached; undefined without one.
 */
async function cachedSite(
  t: TestContext,
  claim: Claim,
  isNginx: boolean,
): Promise<Stage | undefined> {
  if (realMemcached(t) === undefined) return undefined
  const memcached = await startMemcached()
  const ring = isNginx ? compat.nginx : {}
  const cache = new MemcachedClient(`127.0.0.1:${memcached.port}`, ring)
  const site = await startSite(carelessSite(tricks, claim, pageCache(cache, { ttl: 60 })))
  t.after(async () => {
    await site.close()
    await cache.close()
    await memcached.kill()
  })
  if (!isNginx) return { port: site.port, tellsHits: true }
  const places = { memcachedPorts: [memcached.port], appPort: site.port }
  const port = await startNginx(t, 'plain.conf', places)
  return port === undefined ? undefined : { port, tellsHits: false }
}

test('the list of attacks has at least 40, each with a name of its own and a source', () => {
  const names = new Set(tricks.map(({ name }) => name))
  assert.equal(names.size, tricks.length)
  assert.ok(tricks.length >= 40)
  assert.ok(tricks.every(({ source }) => source.length > 5))
})

/** Attacks that Node refuses before an application sees them, or changes on the way. */
const REFUSED_BY_NODE = /two lengths|a length and chunks|its own renders|folded/

describe('a careless application without a page cache', () => {
  for (const [index, trick] of tricks.entries()) {
    if (REFUSED_BY_NODE.test(trick.name)) continue
    test(`is vulnerable, so the attack is real: ${trick.name}`, async (t) => {
      const site = await startSite(carelessSite(tricks, 'nothing', undefined))
      t.after(() => site.close())
      const { text } = await send(site.port, trick.first, index)
      assert.ok(text.includes(MARK), text)
    })
  }
})

for (const claim of CLAIMS) {
  for (const isNginx of [false, true]) {
    const where = isNginx ? 'nginx before a page cache' : 'a page cache'
    const title = `${where}, for a careless application whose Cache-Control says ${claim}`
    describe(title, { skip: skipWithoutMeta() }, () => {
      test('sends no visitor planted text, and no attacker the page of another', async (t) => {
        const stage = await cachedSite(t, claim, isNginx)
        if (stage === undefined) return
        for (const [index, trick] of tricks.entries()) {
          if (isNginx && trick.isOfConnection) continue
          await t.test(`${trick.name} (${trick.source})`, () => play(stage, trick, index))
        }
      })
    })
  }
}
