import assert from 'node:assert/strict'
import http from 'node:http'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PageCache } from '../../src/integrations/page.ts'
import { type Ask, MARK, type Trick } from './trick.ts'

/** The response to one request. */
export interface Shown {
  readonly text: string
  /** Whether the page came from the cache, according to a header that the middleware sets. */
  readonly isHit: boolean
}

/** The host name of one attack; the application chooses its handler by it. */
export function hostOf(index: number): string {
  return `trick${index}.example`
}

/** The Cache-Control of a careless application: none, or public. */
export type Claim = 'nothing' | 'public, max-age=60'

/** A site of careless applications, with or without a page cache. */
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

/** A site under attack. */
export interface Stage {
  readonly port: number
  /** Whether a header tells that a response came from the cache; nginx sends no such header. */
  readonly tellsHits: boolean
}

/** How many requests the second visitor sends: the first may render, the others are served. */
const ROUNDS = 3

/**
 * Runs an attack. The text of the attacker or victim (MARK) must reach no other visitor, and pages
 * that may be cached must still be stored.
 */
export async function play({ port, tellsHits }: Stage, trick: Trick, index: number): Promise<void> {
  await send(port, trick.first, index)
  await sleep(2)
  const shown = []
  for (let round = 0; round < ROUNDS; round++) {
    shown.push(await send(port, trick.second ?? {}, index))
    await sleep(2)
  }
  for (const { text } of shown) {
    // nginx itself refuses some of these requests.
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

/** Sends one request of an attack and returns the response, which is empty when it was refused. */
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

/** Returns the host name of an attack, in upper case if the attack asks for that. */
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
