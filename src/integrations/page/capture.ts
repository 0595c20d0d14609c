import type { ServerResponse } from 'node:http'
import type { HeaderLines, RuleContext, Ruling } from './rules.ts'
import { judge } from './rules.ts'

/** How a render ended: with a whole page, with something else, or with nobody to read it. */
export type Capture =
  | { readonly ruling: Extract<Ruling, { isStorable: true }>; readonly body: Buffer }
  | { readonly ruling: Extract<Ruling, { isStorable: false }> }
  | 'cut'

/** What of a response is watched: `this` in the methods it replaces. */
type Writing = Pick<ServerResponse, 'writeHead' | 'write' | 'end'>

/**
 * Watches a response go out, and answers what went. It delays nothing and changes nothing. The
 * headers are judged once they are out, from everything that could have set them: what a
 * `writeHead` further in was given, what is in the response then, and the very lines sent.
 */
export function capture(
  response: ServerResponse,
  context: Omit<RuleContext, 'nowMs'>,
  maxBytes: number,
): Promise<Capture> {
  const render = new Render(response, context, maxBytes)
  return render.done
}

class Render {
  readonly done: Promise<Capture>
  readonly #response: ServerResponse
  readonly #context: Omit<RuleContext, 'nowMs'>
  readonly #maxBytes: number
  readonly #original: Writing
  #resolve: (capture: Capture) => void = () => {}
  #given: HeaderLines = []
  #ruling: Ruling | undefined
  #chunks: Buffer[] = []
  #bytes = 0
  #isEnding = false

  constructor(response: ServerResponse, context: Omit<RuleContext, 'nowMs'>, maxBytes: number) {
    this.#response = response
    this.#context = context
    this.#maxBytes = maxBytes
    const { writeHead, write, end } = response
    this.#original = { writeHead, write, end }
    this.done = new Promise((resolve) => {
      this.#resolve = resolve
    })
    response.once('close', () => this.#resolve('cut'))
    this.#wrap()
  }

  /** Called as users may: with any of the optional arguments left out. */
  #wrap(): void {
    const response = this.#response
    const call = (name: keyof Writing, args: unknown[]): unknown =>
      Reflect.apply(this.#original[name], response, args)
    Object.assign(response, {
      writeHead: (...args: unknown[]) => {
        this.#given = [...this.#given, ...linesGiven(args)]
        const answer = call('writeHead', args)
        this.#judge()
        return answer
      },
      write: (...args: unknown[]) => {
        const answer = call('write', args)
        if (!this.#isEnding) this.#took(args)
        return answer
      },
      end: (...args: unknown[]) => {
        // HTTP/2 responses write their last chunk by `write`.
        this.#isEnding = true
        const isCut = response.writableEnded || isGone(response)
        const answer = call('end', args)
        this.#took(args)
        this.#ended(isCut)
        return answer
      },
    })
  }

  #judge(): void {
    if (this.#ruling !== undefined || !this.#response.headersSent) return
    const { statusCode: status } = this.#response
    const headers = [...this.#given, ...linesOf(this.#response)]
    this.#ruling = judge({ status, headers }, { ...this.#context, nowMs: Date.now() })
    if (!this.#ruling.isStorable) this.#drop()
  }

  #took([chunk, encoding]: readonly unknown[]): void {
    this.#judge()
    if (this.#ruling?.isStorable === false) return
    const bytes =
      typeof chunk === 'string'
        ? Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
        : // A copy: its owner may write into it again.
          Buffer.from(chunk instanceof Uint8Array ? chunk : [])
    this.#bytes += bytes.length
    if (this.#bytes > this.#maxBytes) this.#refuse('too large')
    else if (bytes.length > 0) this.#chunks.push(bytes)
  }

  #ended(isCut: boolean): void {
    const ruling = this.#ruling
    if (ruling === undefined || isCut || this.#isShort()) this.#resolve('cut')
    else if (!ruling.isStorable) this.#resolve({ ruling })
    else if (this.#bytes === 0) this.#refuse('empty')
    else this.#resolve({ ruling, body: Buffer.concat(this.#chunks) })
    this.#drop()
  }

  /** Fewer bytes than its headers promised. */
  #isShort(): boolean {
    if (this.#ruling?.isStorable !== true) return false
    const promised = linesOf(this.#response).find(([name]) => name === 'content-length')?.[1]
    return promised !== undefined && Number(promised) !== this.#bytes
  }

  #refuse(reason: 'too large' | 'empty'): void {
    const ruling = { isStorable: false, reason, status: this.#response.statusCode } as const
    this.#ruling = ruling
    this.#resolve({ ruling })
    this.#drop()
  }

  #drop(): void {
    this.#chunks = []
  }
}

/** Whether nobody reads the response any more: what is rendered after that may be cut short. */
export function isGone(response: ServerResponse): boolean {
  return response.destroyed || response.closed || response.socket?.destroyed === true
}

/** The headers in the response, and the lines as they were sent, where Node tells them. */
function linesOf(response: ServerResponse): HeaderLines {
  const set = Object.entries(response.getHeaders()).flatMap(([name, value]) =>
    linesFor(name, value),
  )
  const { _header: sent } = response as { _header?: unknown }
  if (typeof sent !== 'string') return set
  const lines = sent.split('\r\n').slice(1)
  const sentLines = lines.flatMap((line) => {
    const colon = line.indexOf(':')
    return colon > 0 ? linesFor(line.slice(0, colon), line.slice(colon + 1).trim()) : []
  })
  return [...set, ...sentLines]
}

/** The headers among the arguments of `writeHead(status[, reason][, headers])`. */
function linesGiven(args: readonly unknown[]): HeaderLines {
  const headers = args.slice(1).find((arg) => typeof arg === 'object' && arg !== null)
  if (headers === undefined) return []
  if (!Array.isArray(headers)) {
    return Object.entries(headers as object).flatMap(([name, value]) => linesFor(name, value))
  }
  if (Array.isArray(headers[0])) return headers.flatMap(([name, value]) => linesFor(name, value))
  return headers.flatMap((name, i) => (i % 2 === 0 ? linesFor(name, headers[i + 1]) : []))
}

function linesFor(name: unknown, value: unknown): HeaderLines {
  const lower = String(name).toLowerCase()
  return (Array.isArray(value) ? value : [value]).map((one) => [lower, String(one)] as const)
}
