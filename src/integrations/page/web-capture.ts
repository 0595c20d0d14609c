import { unixMs } from '../../runtime.ts'
import type { HeaderLines, Ruling } from './rules.ts'
import { judge } from './rules.ts'
import type { Capture, CaptureContext } from './visit.ts'
import type { PageWatch } from './watch.ts'

/** The response to send instead of the application's, and the result of capturing it. */
export interface WebCapture {
  readonly sent: Response
  readonly capture: Promise<Capture>
}

/**
 * Watches a response while it is sent. A response whose headers forbid storing is sent unchanged.
 * Otherwise the body is read as fast as the application produces it: a slow visitor must not delay
 * the others.
 */
export function captureWeb(
  response: Response,
  context: CaptureContext,
  watch: PageWatch,
): WebCapture {
  const headers = linesOf(response.headers)
  const { status, body } = response
  const ruling = rulingOf({ status, headers }, context, watch)
  const stop = (capture: Capture): WebCapture => {
    return { sent: response, capture: Promise.resolve(capture) }
  }
  if (!ruling.isStorable) return stop({ ruling })
  if (body === null) return stop({ ruling: refusal('empty') })
  if (body.locked) return stop('cut')
  const copy = new Copy(body, headers, ruling, context, watch)
  const { statusText } = response
  const sent = new Response(copy.stream, { status, statusText, headers: response.headers })
  return { sent, capture: copy.done }
}

/** Header lines of a response. */
export function linesOf(headers: Headers): HeaderLines {
  return [...headers].map(([name, value]) => [name.toLowerCase(), value] as const)
}

function rulingOf(
  sent: { readonly status: number; readonly headers: HeaderLines },
  context: CaptureContext,
  watch: PageWatch,
): Ruling {
  const ruling = judge(sent, { ...context, nowMs: unixMs() })
  if (!ruling.isStorable) return ruling
  const isTooLarge = (promised(sent.headers) ?? 0) > context.maxBytes
  return context.objection(sent.headers, watch) ?? (isTooLarge ? refusal('too large') : ruling)
}

function refusal(reason: 'empty' | 'too large'): Extract<Ruling, { isStorable: false }> {
  return { isStorable: false, reason, status: 200 }
}

function promised(headers: HeaderLines): number | undefined {
  const line = headers.find(([name]) => name === 'content-length')
  return line && Number(line[1])
}

/** Passes a body on and copies it while it may still be stored. */
class Copy {
  readonly done: Promise<Capture>
  readonly stream: ReadableStream<Uint8Array>
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #headers: HeaderLines
  readonly #ruling: Extract<Ruling, { isStorable: true }>
  readonly #context: CaptureContext
  readonly #watch: PageWatch
  #finish: (capture: Capture) => void = () => {}
  #isKept = true
  #chunks: Buffer[] = []
  #bytes = 0

  constructor(
    body: ReadableStream<Uint8Array>,
    headers: HeaderLines,
    ruling: Extract<Ruling, { isStorable: true }>,
    context: CaptureContext,
    watch: PageWatch,
  ) {
    this.#reader = body.getReader()
    this.#headers = headers
    this.#ruling = ruling
    this.#context = context
    this.#watch = watch
    this.done = new Promise((resolve) => {
      this.#finish = resolve
    })
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void this.#readAll(controller),
        pull: (controller) => (this.#isKept ? undefined : this.#readOne(controller)),
        cancel: (reason) => {
          this.#end('cut')
          return this.#reader.cancel(reason)
        },
      },
      { highWaterMark: 0 },
    )
  }

  /**
   * Reads the body at full speed while it may still be stored: `maxBytes` limits its copy. After
   * that the visitor's own reads set the speed.
   */
  async #readAll(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (this.#isKept) await this.#readOne(controller)
  }

  async #readOne(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      const { done, value } = await this.#reader.read()
      if (value !== undefined) {
        this.#keep(value)
        controller.enqueue(value)
      }
      if (done) {
        this.#end(this.#whole())
        controller.close()
      }
    } catch (error) {
      this.#end('cut')
      controller.error(error)
    }
  }

  #keep(chunk: Uint8Array): void {
    if (!this.#isKept) return
    if (!(chunk instanceof Uint8Array)) {
      // The chunk is text or an object. Servers can only send bytes, so the response will fail.
      this.#end('cut')
      return
    }
    const { maxBytes, share } = this.#context
    const isTooLarge = this.#bytes + chunk.length > maxBytes
    if (isTooLarge || !share.take(chunk.length)) {
      this.#end({ ruling: refusal('too large') })
      return
    }
    this.#bytes += chunk.length
    this.#chunks.push(Buffer.from(chunk))
  }

  #whole(): Capture {
    const length = promised(this.#headers)
    if (length !== undefined && length !== this.#bytes) return 'cut'
    if (this.#bytes === 0) return { ruling: refusal('empty') }
    // Check once more what the application read: it may read the request while it streams.
    const late = this.#context.objection(this.#headers, this.#watch)
    if (late !== undefined) return { ruling: late }
    return { ruling: this.#ruling, headers: this.#headers, body: Buffer.concat(this.#chunks) }
  }

  #end(capture: Capture): void {
    if (!this.#isKept) return
    this.#isKept = false
    this.#chunks = []
    if (capture === 'cut' || !('body' in capture)) this.#context.share.giveBack()
    this.#finish(capture)
  }
}
