import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PageCacheOptions } from '../../../src/integrations/page.ts'
import { html, type Rig, rig } from './rig.ts'

/** A site whose pages show the newest version, with a `Surrogate-Key` header if they have one. */
async function versioned(
  t: TestContext,
  options: Partial<PageCacheOptions>,
  header: Readonly<Record<string, string>> = {},
) {
  const origin = { version: 1 }
  const made = await rig(t, (_, response) => html(response, `v${origin.version}`, header), options)
  return { ...made, origin }
}

/** Requests a page until the cache serves that version of it fresh. */
async function freshHit({ site }: Rig, version: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const { headers, body } = await site.ask('/a')
    const isFresh = /^mintring; hit; ttl=[1-9]/.test(String(headers['cache-status']))
    if (isFresh && body.toString() === version) return
    await sleep(5)
  }
  assert.fail(`${version} is never a fresh hit`)
}

const SOURCES: Readonly<Record<string, readonly [Partial<PageCacheOptions>, object]>> = {
  'an array': [{ tags: ['news'] }, {}],
  'a function of the address': [
    { tags: (address) => (address === 'example.com/a' ? ['news'] : []) },
    {},
  ],
  'the header Surrogate-Key': [
    { tagHeader: 'Surrogate-Key' },
    { 'Surrogate-Key': 'news product/17' },
  ],
  'a header and an array': [{ tagHeader: 'cache-tag', tags: ['news'] }, { 'Cache-Tag': 'a,b' }],
}

describe('pages whose tags come from', () => {
  for (const [source, [options, header]] of Object.entries(SOURCES)) {
    test(`${source} are stale once a tag is invalidated, and rendered once`, async (t) => {
      const made = await versioned(t, options, header as Record<string, string>)
      await freshHit(made, 'v1')
      made.origin.version = 2
      const rendered = made.rendered.length
      await made.cache.invalidateTags('news')
      const { headers, body } = await made.site.ask('/a')
      assert.equal(body.toString(), 'v2')
      assert.equal(headers['cache-status'], undefined)
      await freshHit(made, 'v2')
      assert.equal(made.rendered.length, rendered + 1)
      assert.deepEqual(made.errors, [])
    })

    test(`${source} are not served after a hard invalidation, not to HEAD either`, async (t) => {
      const made = await versioned(t, options, header as Record<string, string>)
      await freshHit(made, 'v1')
      const hit = await made.site.ask('/a', { method: 'HEAD' })
      assert.match(String(hit.headers['cache-status']), /hit/)
      made.origin.version = 2
      await made.cache.invalidateTags('news', { hard: true })
      const head = await made.site.ask('/a', { method: 'HEAD' })
      assert.equal(head.headers['cache-status'], undefined)
      const all = await Promise.all([1, 2, 3, 4].map(() => made.site.ask('/a')))
      assert.deepEqual(
        all.map(({ body }) => body.toString()),
        ['v2', 'v2', 'v2', 'v2'],
      )
    })
  }
})

describe('pages with tags', () => {
  test('are not stored when a tag is invalid', async (t) => {
    const wrong = ['x'.repeat(257), Array.from({ length: 129 }, (_, i) => `t${i}`).join(' '), 'ü']
    for (const keys of wrong) {
      const options = { tagHeader: 'Surrogate-Key' }
      const made = await versioned(t, options, { 'Surrogate-Key': keys })
      assert.equal((await made.site.ask('/a')).body.toString(), 'v1')
      await sleep(20)
      assert.deepEqual(made.refused, ['headers'])
      assert.equal(await made.stored('example.com/a'), undefined)
    }
  })

  test('have the tag header on a hit, and can be purged', async (t) => {
    const options = { tagHeader: 'Surrogate-Key' }
    const made = await versioned(t, options, { 'Surrogate-Key': 'news' })
    await freshHit(made, 'v1')
    assert.equal((await made.site.ask('/a')).headers['surrogate-key'], 'news')
    assert.equal(await made.pages.purge('http://example.com/a'), true)
    assert.equal(await made.stored('example.com/a'), undefined)
  })

  test('can be served by nginx, which does not get the header that names the tags', async (t) => {
    const options = { tagHeader: 'Surrogate-Key', nginxHeaders: {} }
    const made = await versioned(t, options, { 'Surrogate-Key': 'news' })
    await freshHit(made, 'v1')
    assert.deepEqual(made.refused, [])
  })

  test('whose tag function throws are rendered for each visitor, and the error is reported', async (t) => {
    const tags = (): string[] => {
      throw new Error('no tags')
    }
    const made = await versioned(t, { tags })
    assert.equal((await made.site.ask('/a')).body.toString(), 'v1')
    assert.equal(await made.stored('example.com/a'), undefined)
    assert.match(String(made.errors[0]), /no tags/)
  })
})
