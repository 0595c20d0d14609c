import { badArgument } from '../../arguments.ts'
import { kindOf } from '../../secrets.ts'
import type { PageTarget } from './address.ts'
import { type Asked, isCandidate } from './asked.ts'
import type { Pages, PagesSettings } from './pages.ts'
import type { PageReply } from './reply.ts'
import type { HeaderLines } from './rules.ts'
import type { Ignored } from './shown.ts'
import { type CaptureContext, type Captured, Visit } from './visit.ts'
import { PageWatch } from './watch.ts'
import { captureWeb } from './web-capture.ts'
import { shownRequest, targetOfWeb } from './web-request.ts'

/** What a server passes to the page cache beside the request. */
export interface WebHandover {
  /**
   * Calls the application. `watch` is set if the response may become a shared page; the
   * application then gets a request that hides what is not in the key.
   */
  readonly next: (request: Request, watch: PageWatch | undefined) => Response | Promise<Response>
  /** Whether outer middleware may change the response. */
  readonly isWrapped: boolean
  /** Headers that were already set; the server sets them on hits too. */
  readonly arrived: HeaderLines
}

/** Returns a stored page or the application's response. Rejects if the application does. */
export function visitOfWeb(
  pages: Pages,
  { hosts, origin, ignored }: PagesSettings,
  request: Request,
  handover: WebHandover,
): Promise<Response> {
  const { method, headers } = request
  const asked: Asked = { method, header: (name) => headers.get(name) ?? undefined }
  const isWhole = isCandidate(asked) && request.body === null
  const target = isWhole ? targetOfWeb(request, hosts) : undefined
  return new Promise((resolve, reject) => {
    const toApplication = (): void => {
      new Promise<Response>((answer) => answer(handover.next(request, undefined))).then(
        resolve,
        reject,
      )
    }
    if (target === undefined || origin?.asked(asked) === true) toApplication()
    else {
      const ways = { resolve, reject, toApplication }
      const visit = new WebVisit(target, asked, request, handover, ignored, ways)
      whenLeft(request.signal, () => resolve(new Response(null, { status: LEFT })))
      pages.visit(visit)
    }
  })
}

/** The status that nginx logs when a client closed its request. */
const LEFT = 499

function whenLeft(signal: AbortSignal, left: () => void): void {
  if (signal.aborted) left()
  else signal.addEventListener('abort', left, { once: true })
}

interface Ways {
  readonly resolve: (response: Response) => void
  readonly reject: (error: unknown) => void
  readonly toApplication: () => void
}

/** A visit by a web Request. */
class WebVisit extends Visit {
  readonly hasAnswer: boolean = false
  readonly #request: Request
  readonly #handover: WebHandover
  readonly #ignored: Ignored
  readonly #ways: Ways

  constructor(
    target: PageTarget,
    asked: Asked,
    request: Request,
    handover: WebHandover,
    ignored: Ignored,
    ways: Ways,
  ) {
    super(target, asked)
    this.#request = request
    this.#handover = handover
    this.#ignored = ignored
    this.#ways = ways
  }

  get isGone(): boolean {
    return this.#request.signal.aborted
  }

  get isWrapped(): boolean {
    return this.#handover.isWrapped
  }

  get arrived(): HeaderLines {
    return this.#handover.arrived
  }

  protected async capture(context: CaptureContext): Promise<Captured> {
    const watch = new PageWatch(this.#ignored.fields)
    const captured = await Promise.race([this.#captured(context, watch), this.#left()])
    if (captured === 'cut') context.share.giveBack()
    return { capture: captured, headersRead: watch.headers }
  }

  protected send({ status, headers, body }: PageReply): void {
    const lines = Object.entries(headers).flatMap(([name, values]) =>
      [values].flat().map((value): [string, string] => [name, value]),
    )
    if (body !== undefined && !this.isWrapped) lines.push(['content-length', String(body.length)])
    const sent = this.asked.method === 'HEAD' ? null : (body ?? null)
    this.#ways.resolve(new Response(sent, { status, headers: lines }))
  }

  protected handOver(): void {
    this.#ways.toApplication()
  }

  async #captured(context: CaptureContext, watch: PageWatch): Promise<Captured['capture']> {
    const ignored = this.#ignored
    try {
      const shown = shownRequest(this.#request, this.target, this.asked, { watch, ignored })
      const response = await this.#handover.next(shown, watch)
      checkResponse(response)
      const { sent, capture } = captureWeb(response, context, watch)
      this.#ways.resolve(sent)
      // The visitor left and this call has resolved, so the server will not read this response.
      if (this.isGone) await sent.body?.cancel()
      return capture
    } catch (error) {
      // The application failed, or returned something that is not a Response.
      this.#ways.reject(error)
      return { ruling: { isStorable: false, reason: 'status', status: 500 } }
    }
  }

  /** Resolves when the visitor leaves; later output may be incomplete. */
  #left(): Promise<'cut'> {
    return new Promise((resolve) => whenLeft(this.#request.signal, () => resolve('cut')))
  }
}

/** Works for the responses of any realm and server. */
function checkResponse(given: unknown): void {
  const { status, headers } = Object(given) as Partial<Response>
  if (typeof status === 'number' && typeof headers?.get === 'function') return
  throw badArgument(`The handler of a page must return a Response, not ${kindOf(given)}`)
}
