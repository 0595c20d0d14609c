import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { asking, hit, page, URL_OF_A, web } from './web-support.ts'

describe('the page cache of web requests, when visitors leave', () => {
  test('settles for visitors who leave before the request, while they wait or while they render', async (t) => {
    const { pages } = await web(t)
    const ask = (signal: AbortSignal, next: () => Promise<Response>): Promise<Response> =>
      pages(new Request(URL_OF_A, { signal }), next)
    const none = (): Promise<Response> => new Promise(() => {})
    assert.equal((await ask(AbortSignal.abort(), none)).status, 499)
    const leaving = [new AbortController(), new AbortController()]
    // One of the two visitors renders, and the other waits for the page.
    let rendering = (): void => {}
    const isRendering = new Promise<void>((resolve) => {
      rendering = resolve
    })
    const never = (): Promise<Response> => {
      rendering()
      return none()
    }
    const asked = leaving.map(({ signal }) => ask(signal, never))
    await isRendering
    for (const one of leaving) one.abort()
    for (const { status } of await Promise.all(asked)) assert.equal(status, 499)
  })

  test('cancels a response that arrives after its visitor left', async (t) => {
    const { pages } = await web(t)
    const leaving = new AbortController()
    const ended = new Promise((cancel) => {
      const late = async (): Promise<Response> => {
        leaving.abort()
        return page(new ReadableStream({ pull: () => new Promise(() => {}), cancel }))
      }
      void pages(new Request(URL_OF_A, { signal: leaving.signal }), late)
    })
    await ended
  })

  test('stores no page from a stream that fails or that its visitor cancels', async (t) => {
    const { pages, cache } = await web(t)
    const failing = (): Response => {
      let isBegun = false
      const stream = new ReadableStream({
        pull(controller) {
          if (isBegun) controller.error(new Error('a bug'))
          else controller.enqueue(Buffer.from('first half'))
          isBegun = true
        },
      })
      return page(stream)
    }
    await assert.rejects(
      pages(asking(), failing).then((response) => response.text()),
      /a bug/,
    )
    const endless = (): Response =>
      page(
        new ReadableStream({
          pull: () => new Promise(() => {}),
          start: (c) => c.enqueue(Buffer.from('half')),
        }),
      )
    const left = await pages(asking(), endless)
    await left.body?.cancel()
    const aborting = new AbortController()
    const request = new Request(URL_OF_A, { signal: aborting.signal })
    void pages(request, () => new Promise(() => {}))
    await sleep(5)
    aborting.abort()
    assert.equal((await cache.meta.mg('example.com/a')).status, 'missing')
    const whole = await pages(asking(), () => page('whole'))
    assert.equal(await whole.text(), 'whole')
    await hit(pages)
  })
})
