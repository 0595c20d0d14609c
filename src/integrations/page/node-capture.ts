import { OutgoingMessage, ServerResponse } from 'node:http'
import { Http2ServerResponse } from 'node:http2'
import { unixMs } from '../../runtime.ts'
import type { HeaderLines, Ruling } from './rules.ts'
import { judge } from './rules.ts'
import type { Capture, CaptureContext } from './visit.ts'
import type { PageWatch } from './watch.ts'

/** The methods of a response that are replaced in order to watch it. */
type Writing = Pick<ServerResponse, 'writeHead' | 'write' | 'end'>

/**
 * Watches a response while it is sent, and returns what was sent. It neither delays nor changes
 * anything. It captures what the application sends, before outer middleware changes it. It judges
 * the headers of the application and of middleware as soon as they are sent. So it knows early,
 * while the body still streams, that a page is not to be stored.
 */
export function capture(
  response: ServerResponse,
  context: CaptureContext,
  watch: PageWatch,
): Promise<Capture> {
  const render = new Render(response, context, watch)
  return render.done
}

class Render {
  readonly done: Promise<Capture>
  readonly #response: ServerResponse
  readonly #context: CaptureContext
  readonly #watch: PageWatch
  readonly #original: Writing
  readonly #isWrapped: boolean
  #resolve: (capture: Capture) => void = () => {}
  /** The headers as the application sent them, before outer middleware changed them. */
  #sent: HeaderLines | undefined
  /** The headers about the body's encoding and length, as they were before its first bytes. */
  #form: HeaderLines | undefined
  #ruling: Ruling | undefined
  #chunks: Buffer[] = []
  #bytes = 0
  /** Our replacement of `writeHead`, and our wrapper around an application's own replacement. */
  #own: Writing['writeHead'] | undefined
  #counting: Writing['writeHead'] | undefined
  #isEnding = false
  #isDone = false

  constructor(response: ServerResponse, context: CaptureContext, watch: PageWatch) {
    this.#watch = watch
    this.#response = response
    this.#context = context
    const { writeHead, write, end } = response
    this.#original = { writeHead, write, end }
    this.#isWrapped = isWrapped(response)
    this.done = new Promise((resolve) => {
      this.#resolve = resolve
    })
    response.once('close', () => this.#finish('cut'))
    this.#wrap()
  }

  /** Replaces the methods. Callers may omit any of the optional arguments. */
  #wrap(): void {
    const response = this.#response
    const watch = this.#watch
    // The original methods are not code of the application, so what they read does not count.
    const call = (name: keyof Writing, args: unknown[]): unknown =>
      watch.aside(() => Reflect.apply(this.#original[name], response, args))
    Object.assign(response, {
      writeHead: (...args: unknown[]) => {
        this.#sent ??= this.#headersNow(linesGiven(args))
        const answer = call('writeHead', args)
        this.#judge()
        return answer
      },
      write: (...args: unknown[]) => {
        // Copy nothing during end(): HTTP/2 calls write() there, with a chunk that end() copied.
        const chunk = this.#isEnding ? undefined : this.#copy(args)
        this.#countInHeaders()
        const answer = call('write', args)
        this.#took(chunk)
        return answer
      },
      end: (...args: unknown[]) => {
        const chunk = this.#isEnding ? undefined : this.#copy(args)
        const isCut = response.writableEnded || isGone(response)
        this.#isEnding = true
        this.#countInHeaders()
        const answer = call('end', args)
        watch.end()
        this.#took(chunk)
        this.#ended(isCut)
        return answer
      },
    })
    this.#own = response.writeHead
  }

  /**
   * Counts what an application's own `writeHead` reads. Node calls it inside `write` and `end`.
   */
  #countInHeaders(): void {
    const response = this.#response
    const { writeHead } = response
    if (response.headersSent || writeHead === this.#own || writeHead === this.#counting) return
    const watch = this.#watch
    this.#counting = ((...args: unknown[]) =>
      watch.counting(() => Reflect.apply(writeHead, response, args))) as Writing['writeHead']
    response.writeHead = this.#counting
  }

  /** Merges headers: those passed to `writeHead` replace those set before. */
  #headersNow(given: HeaderLines): HeaderLines {
    const names = new Set(given.map(([name]) => name))
    const lines = [...this.#lines().filter(([name]) => !names.has(name)), ...given]
    const form = this.#form
    return form === undefined ? lines : [...lines.filter(isNotOfTheBody), ...form]
  }

  #judge(): void {
    if (this.#ruling !== undefined || !this.#response.headersSent) return
    const { statusCode: status } = this.#response
    this.#sent ??= this.#headersNow([])
    const out = this.#watch.aside(() => linesOut(this.#response))
    const headers = [...this.#sent, ...out.filter(isNotOfTheBody)]
    const ruling = judge({ status, headers }, { ...this.#context, nowMs: unixMs() })
    this.#ruling = ruling.isStorable ? (this.#objection() ?? ruling) : ruling
    if (this.#ruling.isStorable && (this.#promised() ?? 0) > this.#context.maxBytes) {
      this.#refuse('too large')
    }
    if (!this.#ruling.isStorable) this.#finish({ ruling: this.#ruling })
  }

  #lines(): HeaderLines {
    return this.#watch.aside(() => linesSet(this.#response))
  }

  #objection(): Extract<Ruling, { isStorable: false }> | undefined {
    return this.#context.objection(this.#sent ?? [], this.#watch)
  }

  /** Copies a chunk, because its owner may reuse the memory. */
  #copy([chunk, encoding]: readonly unknown[]): Buffer | undefined {
    if (this.#isDone) return undefined
    if (!this.#response.headersSent) {
      this.#form ??= this.#lines().filter((line) => !isNotOfTheBody(line))
    }
    if (typeof chunk === 'string') {
      const isNamed = typeof encoding === 'string'
      return Buffer.from(chunk, isNamed ? (encoding as BufferEncoding) : 'utf8')
    }
    return chunk instanceof Uint8Array ? Buffer.from(chunk) : undefined
  }

  #took(chunk: Buffer | undefined): void {
    this.#judge()
    if (chunk === undefined || chunk.length === 0 || this.#isDone) return
    const isTooLarge = this.#bytes + chunk.length > this.#context.maxBytes
    if (isTooLarge || !this.#context.share.take(chunk.length)) {
      this.#refuse('too large')
      return
    }
    this.#bytes += chunk.length
    this.#chunks.push(chunk)
  }

  #ended(isCut: boolean): void {
    const ruling = this.#ruling
    if (this.#isDone) return
    if (ruling === undefined && !isCut) {
      // Outer middleware has buffered the whole body and sends it later.
      this.#response.once('finish', () => this.#sentLater())
      return
    }
    const promised = this.#promised()
    const isShort = promised !== undefined && promised !== this.#bytes
    if (ruling?.isStorable !== true || isCut || isShort) this.#finish('cut')
    else if (this.#bytes === 0) this.#refuse('empty')
    else this.#finish(this.#whole(ruling))
  }

  /**
   * Returns the capture of a complete body. Checks once more what the application read: it may read
   * the request after it has sent its headers.
   */
  #whole(ruling: Extract<Ruling, { isStorable: true }>): Capture {
    const late = this.#objection() ?? this.#rewritten()
    if (late !== undefined) return { ruling: late }
    return { ruling, headers: this.#sent ?? [], body: Buffer.concat(this.#chunks) }
  }

  /**
   * Whether outer middleware may have sent another body: it changed or removed the length. A body
   * that it only compressed counts as the same.
   */
  #rewritten(): Extract<Ruling, { isStorable: false }> | undefined {
    if (!this.#context.mustBeSent || !this.#isWrapped) return undefined
    const lineOf = (lines: HeaderLines, wanted: string): string | undefined =>
      lines.find(([name]) => name === wanted)?.[1]
    const out = this.#watch.aside(() => linesOut(this.#response))
    const [own, sent] = [this.#sent ?? [], out].map((lines) => lineOf(lines, 'content-encoding'))
    if (own !== sent || Number(lineOf(out, 'content-length')) === this.#bytes) return undefined
    return { isStorable: false, reason: 'rewritten', status: this.#response.statusCode }
  }

  #sentLater(): void {
    this.#judge()
    this.#ended(this.#ruling === undefined)
  }

  /** Returns the application's Content-Length. */
  #promised(): number | undefined {
    const line = this.#sent?.find(([name]) => name === 'content-length')
    return line && Number(line[1])
  }

  #refuse(reason: 'too large' | 'empty'): void {
    const ruling = { isStorable: false, reason, status: this.#response.statusCode } as const
    this.#ruling = ruling
    this.#finish({ ruling })
  }

  #finish(capture: Capture): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#resolve(capture)
    this.#chunks = []
    if (capture === 'cut' || !('body' in capture)) this.#context.share.giveBack()
  }
}

/** Headers about the body. Outer middleware may change them: it changes them for hits too. */
const OF_THE_BODY: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-length',
  'content-type',
])

function isNotOfTheBody([name]: HeaderLines[number]): boolean {
  return !OF_THE_BODY.has(name)
}

/** Whether the visitor left. What is written after that may be incomplete. */
export function isGone(response: ServerResponse): boolean {
  return response.destroyed || response.closed || response.socket?.destroyed === true
}

const OWN_WRITES: ReadonlySet<unknown> = new Set([
  OutgoingMessage.prototype.write,
  Http2ServerResponse.prototype.write,
])
const OWN_ENDS: ReadonlySet<unknown> = new Set([
  OutgoingMessage.prototype.end,
  Http2ServerResponse.prototype.end,
])

/** Whether outer middleware may change the written bytes. */
export function isWrapped({ write, end }: ServerResponse): boolean {
  return !OWN_WRITES.has(write) || !OWN_ENDS.has(end)
}

/**
 * Restores the response methods that outer middleware replaced: a background render must capture
 * what the application itself writes.
 */
export function unwrap(response: ServerResponse): void {
  const { writeHead, write, end } = isHttp2(response)
    ? Http2ServerResponse.prototype
    : ServerResponse.prototype
  if (isWrapped(response)) Object.assign(response, { writeHead, write, end })
}

function isHttp2(response: object): boolean {
  return response instanceof Http2ServerResponse
}

/** The headers set in the response. */
export function linesSet(response: ServerResponse): HeaderLines {
  return Object.entries(response.getHeaders()).flatMap(([name, value]) => linesFor(name, value))
}

/** Returns the headers in the response, plus the lines that were sent, if Node exposes them. */
function linesOut(response: ServerResponse): HeaderLines {
  const { _header: sent } = response as { _header?: unknown }
  if (typeof sent !== 'string') return linesSet(response)
  const lines = sent.split('\r\n').slice(1)
  const sentLines = lines.flatMap((line) => {
    const colon = line.indexOf(':')
    return colon > 0 ? linesFor(line.slice(0, colon), line.slice(colon + 1).trim()) : []
  })
  return [...linesSet(response), ...sentLines]
}

/** Returns the headers in the arguments of `writeHead(status[, reason][, headers])`. */
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
