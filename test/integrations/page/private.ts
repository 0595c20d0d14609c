import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Site } from './site.ts'

const HTML = 'text/html; charset=utf-8'

/** Every way in which a Node response can set a cookie, or say that it is for one visitor. */
export const privateWays: Readonly<Record<string, (response: ServerResponse) => void>> = {
  'setHeader Set-Cookie': (response) => {
    response.setHeader('Set-Cookie', 'id=1')
    response.setHeader('Content-Type', HTML)
  },
  'appendHeader Set-Cookie': (response) => {
    response.setHeader('Content-Type', HTML)
    response.appendHeader('Set-Cookie', ['id=1', 'b=2'])
  },
  'writeHead with an object': (response) => {
    response.writeHead(200, { 'Content-Type': HTML, 'sEt-CoOkIe': 'id=1' })
  },
  'writeHead with a list': (response) => {
    response.writeHead(200, ['Content-Type', HTML, 'Set-Cookie', 'id=1'])
  },
  'writeHead with pairs': (response) => {
    const pairs = [
      ['Content-Type', HTML],
      ['Set-Cookie', 'id=1'],
    ]
    response.writeHead(200, pairs as unknown as string[])
  },
  'writeHead with a reason': (response) => {
    response.writeHead(200, 'Fine', { 'Content-Type': HTML, 'Set-Cookie': ['id=1'] })
  },
  'setHeader before writeHead': (response) => {
    response.setHeader('Set-Cookie', 'id=1')
    response.writeHead(200, { 'Content-Type': HTML })
  },
  'a wrapped writeHead, as of sessions': (response) => {
    const writeHead = response.writeHead
    response.writeHead = ((status: number) => {
      response.setHeader('Set-Cookie', 'id=1')
      return Reflect.apply(writeHead, response, [status])
    }) as typeof response.writeHead
    response.setHeader('Content-Type', HTML)
  },
  'Cache-Control: private': (response) => {
    response.writeHead(200, { 'Content-Type': HTML, 'Cache-Control': 'private, max-age=60' })
  },
  'Vary: Cookie': (response) => {
    response.writeHead(200, { 'Content-Type': HTML, Vary: 'Cookie' })
  },
}

/** Responds in one of `privateWays`: the path `/0` selects the first, `/1` the second. */
export function respondPrivately(path: string, response: ServerResponse, user: string): void {
  Object.values(privateWays)[Number(path.slice(1))]!(response)
  response.end(`for ${user}`)
}

/**
 * Requests pages that are each visitor's own, from many visitors at once and one after the other:
 * no visitor may get the page of another.
 */
export async function assertPrivate(site: Site): Promise<void> {
  for (const [index, way] of Object.keys(privateWays).entries()) {
    const ask = async (user: string): Promise<void> => {
      const answer = await site.ask(`/${index}`, { headers: { 'x-user': user } })
      assert.equal(answer.body.toString(), `for ${user}`, way)
      assert.equal(answer.headers['cache-status'], undefined, way)
    }
    await Promise.all(['ada', 'ben', 'cem', 'dot'].map(ask))
    await sleep(10)
    await ask('eve')
  }
}
