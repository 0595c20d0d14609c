import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { html, rig, rigWithOrigin } from './rig.ts'

describe('refresh and purge of a page cache', () => {
  test('refresh renders a page again while visitors get the stored one', async (t) => {
    let version = 1
    const { site, pages, settled } = await rigWithOrigin(t, async (_, response) => {
      const body = `version ${version}`
      if (version > 1) await sleep(100)
      html(response, body)
    })
    await site.ask('/a')
    await settled('example.com/a')
    version = 2
    const refreshed = pages.refresh('http://example.com/a')
    await sleep(30)
    assert.equal((await site.ask('/a')).body.toString(), 'version 1')
    assert.equal(await refreshed, true)
    assert.equal((await site.ask('/a')).body.toString(), 'version 2')
  })

  test('refresh stores an absent page, and rejects when it cannot be stored', async (t) => {
    const { pages, stored } = await rigWithOrigin(t, ({ url }, response) => {
      html(response, 'hello', url === '/own' ? { 'Set-Cookie': 'id=1' } : {})
    })
    assert.equal(await pages.refresh('http://example.com/a'), true)
    assert.equal((await stored('example.com/a'))?.value.toString(), 'hello')
    assert.equal(await pages.refresh('http://example.com/own'), false)
    assert.equal(await stored('example.com/own'), undefined)
  })

  test('with an origin no visitor waits while a stale page is rendered', async (t) => {
    let version = 1
    const { site, cache, rendered, settled } = await rigWithOrigin(t, async (_, response) => {
      const body = `version ${version}`
      if (version > 1) await sleep(100)
      html(response, body)
    })
    await site.ask('/a')
    await settled('example.com/a')
    await cache.meta.md('example.com/a', { I: true, T: 60 })
    version = 2
    const answers = await Promise.all(Array.from({ length: 10 }, () => site.ask('/a')))
    assert.ok(answers.every(({ body }) => body.toString() === 'version 1'))
    await sleep(200)
    assert.equal((await site.ask('/a')).body.toString(), 'version 2')
    assert.equal(rendered.length, 2)
  })

  test('refresh stores what the application sent, whatever outer middleware changes', async (t) => {
    const doubling = (response: ServerResponse): void => {
      const { end } = response
      response.end = ((body: string) =>
        Reflect.apply(end, response, [`${body}${body}`])) as typeof end
    }
    const made = await rigWithOrigin(t, (_, response) => html(response, 'hello'), doubling)
    assert.equal(await made.pages.refresh('http://example.com/a'), true)
    assert.equal((await made.stored('example.com/a'))?.value.toString(), 'hello')
    assert.equal((await made.site.ask('/a')).body.toString(), 'hellohello')
  })

  test('purge deletes a page', async (t) => {
    const { site, pages, stored, settled } = await rig(t, (_, response) => html(response, 'hello'))
    await site.ask('/a')
    await settled('example.com/a')
    assert.equal(await pages.purge('https://example.com/a'), true)
    assert.equal(await stored('example.com/a'), undefined)
    assert.equal(await pages.purge('https://example.com/a'), false)
  })

  test('both refuse an argument that is no URL', async (t) => {
    const { pages } = await rig(t, (_, response) => html(response, 'hello'))
    const bad = { code: 'MINTRING_BAD_ARGUMENT' }
    assert.throws(() => pages.purge('/a'), bad)
    await assert.rejects(pages.refresh('http://example.com/a'), bad)
  })
})
