import assert from 'node:assert/strict'
import http from 'node:http'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PageCache } from '../../src/integrations/page.ts'
import { type Ask, MARK, type Trick } from './trick.ts'

/** What a request was shown. */
export interface Shown {
  readonly text: string
  /** The page came out of the cache, as the middleware says. */
  readonly isHit: boolean
}

/** The host under which a trick is played: the application knows it by that. */
export function hostOf(index: number): string {
  return `trick${index}.example`
}

/** What a careless application says of its pages; nothing, or that they are everybody's. */
export type Claim = 'nothing' | 'public, max-age=60'

/** A site of careless applications, with a page cache before it or without. */
export function carelessSite(
  tricks: readonly Trick[],
  claim: Claim,
  pages: PageCache | undefined,
): http.RequestListener {
  const answer = async (
    request: http.IncomingMessage,
    response: http.ServerResponse,
  ): Promise<void> => {
    const said = `${request.headers.host} ${request.url}`
    const index = /trick(\d+)/i.exec(said)?.[1]
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = tricks[Number(index)]?.careless(request, Buffer.concat(chunks).toString())
    response.setHeader('Content-Type', 'text/html; charset=utf-8')
    if (claim !== 'nothing') response.setHeader('Cache-Control', claim)
    response.end(`<p>${text ?? 'no such site'}`)
  }
  return (request, response) => {
    if (pages === undefined) void answer(request, response)
    else pages(request, response, () => answer(request, response))
  }
}

/** A site that tricks are played on. */
export interface Stage {
  readonly port: number
  /** Whether the page cache says what came from it: nginx does not. */
  readonly tellsHits: boolean
}

/** How often the second one asks: the first of them may render, the others are served. */
const ROUNDS = 3

/** Plays a trick; the mark reached nobody else, and pages are still stored where they can be. */
export async function play({ port, tellsHits }: Stage, trick: Trick, index: number): Promise<void> {
  await send(port, trick.first, index)
  await sleep(2)
  const shown = []
  for (let round = 0; round < ROUNDS; round++) {
    shown.push(await send(port, trick.second ?? {}, index))
    await sleep(2)
  }
  for (const { text } of shown) {
    // nginx refuses some of them itself.
    assert.match(text, tellsHits ? /^<p>/ : /^<p>|400 Bad Request/)
    assert.ok(!text.includes(MARK), text)
  }
  const readsRaw = /raw header lines|two Host headers/.test(trick.name)
  if (tellsHits && !readsRaw && trick.isEveryones !== true) {
    for (let tries = 0; !(await send(port, trick.second ?? {}, index)).isHit; tries++) {
      assert.ok(tries < 100, 'no page was ever stored')
      await sleep(20)
    }
  }
}

/** Sends one request of a trick, and says what came back: nothing where it is refused. */
export async function send(port: number, ask: Ask, index: number): Promise<Shown> {
  if (ask.raw !== undefined) return sendRaw(port, ask.raw.replaceAll('HOST', hostOf(index)))
  const host = (ask.headers?.host ?? 'HOST').replace('HOST', hostIn(ask, index))
  const headers = { ...ask.headers, host }
  const { path = '/', method = 'GET', body, from = '127.0.0.1' } = ask
  const length =
    body === undefined || 'transfer-encoding' in headers
      ? {}
      : { 'content-length': `${body.length}` }
  return new Promise((resolve) => {
    const common = { host: '127.0.0.1', port, path, method, agent: false, setHost: false }
    const options = { ...common, localAddress: from }
    const sent = http.request({ ...options, headers: { ...headers, ...length } }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('close', () => {
        const isHit = /^mintring; hit/.test(String(response.headers['cache-status']))
        resolve({ text: Buffer.concat(chunks).toString(), isHit })
      })
    })
    sent.once('error', () => resolve({ text: '', isHit: false }))
    sent.once('upgrade', (_, socket) => {
      socket.destroy()
      resolve({ text: '', isHit: false })
    })
    sent.end(body)
  })
}

/** Capital letters where the trick is about them. */
function hostIn({ headers }: Ask, index: number): string {
  return headers?.host === 'HOST' ? hostOf(index).toUpperCase() : hostOf(index)
}

async function sendRaw(port: number, bytes: string): Promise<Shown> {
  const socket = net.connect(port, '127.0.0.1')
  socket.write(bytes)
  let text = ''
  socket.on('data', (chunk) => (text += chunk))
  await new Promise((resolve) => {
    socket.once('close', resolve)
    socket.once('error', resolve)
    socket.setTimeout(1000, () => socket.destroy())
  })
  return { text, isHit: false }
}
