import type { IncomingMessage, ServerResponse } from 'node:http'
import type { PageTarget } from './address.ts'
import { type Asked, isCandidate } from './asked.ts'
import { Disguise, type Received } from './disguise.ts'
import type { WithHeaders } from './headers-set.ts'
import { capture, isGone, isWrapped, linesSet, unwrap } from './node-capture.ts'
import { type TargetSight, targetOf } from './node-target.ts'
import type { Pages, PagesSettings } from './pages.ts'
import type { PageReply } from './reply.ts'
import type { HeaderLines } from './rules.ts'
import type { Ignored } from './shown.ts'
import { type CaptureContext, type Captured, Visit } from './visit.ts'

/** What a framework passes to the page cache beside the request and the response. */
export interface PageHandover {
  readonly next: () => unknown
  readonly sight?: TargetSight | undefined
  /** The Fastify reply, if any. */
  readonly reply?: WithHeaders | undefined
  readonly onServed?: () => void
}

/** Serves a request of node:http or node:http2, or passes it to the application. Never throws. */
export function visitOfNode(
  pages: Pages,
  { hosts, origin, ignored, onError }: PagesSettings,
  messages: { readonly request: IncomingMessage; readonly response: ServerResponse },
  { next, sight, reply, onServed = () => {} }: PageHandover,
): void {
  const { request, response } = messages
  const asked = askedOf(request)
  const isWhole = isCandidate(asked) && hasNoBody(request)
  const target = isWhole ? targetOf(request, sight, hosts) : undefined
  const toApplication = guarded(next, response, (error) => onError(error, target?.address ?? ''))
  const isRender = target !== undefined && origin?.asked(asked) === true
  if (isRender) unwrap(response)
  if (target === undefined || isRender) {
    toApplication()
    return
  }
  const received = { request, response, asked, sight, reply }
  pages.visit(new NodeVisit(target, received, ignored, { next: toApplication, onServed }))
}

/** The two ways a visit can end: in the application, or with a stored page. */
interface Ways {
  /** Passes the request to the application. Never throws. */
  next(): void
  /** Called when a stored page is about to be sent. */
  onServed(): void
}

/** A request of node:http or node:http2. */
class NodeVisit extends Visit {
  readonly arrived: HeaderLines
  readonly isWrapped: boolean
  readonly #received: Received
  readonly #response: ServerResponse
  readonly #ignored: Ignored
  readonly #ways: Ways

  constructor(target: PageTarget, received: Received, ignored: Ignored, ways: Ways) {
    super(target, received.asked)
    this.#received = received
    this.#response = received.response
    this.arrived = linesSet(received.response)
    this.isWrapped = isWrapped(received.response)
    this.#ignored = ignored
    this.#ways = ways
  }

  get isGone(): boolean {
    return isGone(this.#response)
  }

  get hasAnswer(): boolean {
    return this.#response.headersSent
  }

  protected async capture(context: CaptureContext): Promise<Captured> {
    const response = this.#response
    const disguise = new Disguise(this.#received, this.target, this.#ignored)
    const remove = (): void => disguise.remove()
    response.once('finish', remove)
    response.once('close', remove)
    const captured = capture(response, context, disguise.watch)
    this.#ways.next()
    return { capture: await captured, headersRead: disguise.watch.headers }
  }

  protected send({ status, headers, body }: PageReply): void {
    this.#ways.onServed()
    const response = this.#response
    response.statusCode = status
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    // Outer middleware may change the length; then Node computes it.
    if (body !== undefined && !this.isWrapped) response.setHeader('Content-Length', body.length)
    response.end(this.asked.method === 'HEAD' ? undefined : body)
  }

  protected handOver(): void {
    this.#ways.next()
  }
}

function askedOf({ method = '', headers }: IncomingMessage): Asked {
  return {
    method,
    header(name) {
      const value = headers[name]
      return value === undefined ? undefined : String(value)
    },
  }
}

/** In HTTP/2 a frame, not a header, says whether there is a body. */
function hasNoBody(request: IncomingMessage): boolean {
  const { stream } = request as { stream?: { endAfterHeaders?: boolean } }
  return stream?.endAfterHeaders !== false
}

/** Calls the application; if it throws or rejects, reports the error and ends the response. */
function guarded(
  next: () => unknown,
  response: ServerResponse,
  onError: (error: unknown) => void,
): () => void {
  const failed = (error: unknown): void => {
    onError(error)
    fail(response)
  }
  return () => {
    try {
      const outcome = next()
      if (isThenable(outcome)) outcome.then(undefined, failed)
    } catch (error) {
      failed(error)
    }
  }
}

/** Ends a response that the application will not end. */
function fail(response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  response.statusCode = 500
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end('Internal Server Error\n')
}

function isThenable(outcome: unknown): outcome is PromiseLike<unknown> {
  return typeof (outcome as { then?: unknown } | undefined)?.then === 'function'
}
