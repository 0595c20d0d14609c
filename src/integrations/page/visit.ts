import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Address, Sight, Target } from './address.ts'
import { isGone, isWrapped, linesSet } from './capture.ts'
import { Disguise, type Ignored } from './disguise.ts'
import type { HeaderLines } from './rules.ts'

/** What a visit came to: it is decided once. */
type Fate = 'waiting' | 'rendering' | 'served' | 'passed'

/** How a visit ends: with the application, or with a stored page. */
export interface Ways {
  /** Hands over to the application. Never throws. */
  next(): void
  /** Called when a stored page is about to be sent. */
  onServed(): void
}

/** What a visit knows beside its request and response. */
export interface Surroundings {
  readonly sight: Sight | undefined
  readonly ignored: Ignored
  readonly ways: Ways
}

/** Asking for another method than GET: what an application makes of it is no page. */
const OVERRIDES = ['x-http-method', 'x-http-method-override', 'x-method-override']

/**
 * Whether a stored page may answer the request: a GET or HEAD without a body, without rights of its
 * own, for the whole page, and plainly framed.
 */
export function isCandidate(request: IncomingMessage): boolean {
  const { method, headers } = request
  if (method !== 'GET' && method !== 'HEAD') return false
  if (headers.authorization !== undefined || headers.range !== undefined) return false
  if (headers.upgrade !== undefined || OVERRIDES.some((name) => name in headers)) return false
  if (headers['transfer-encoding'] !== undefined) return false
  if ((headers['content-length'] ?? '0') !== '0') return false
  const { stream } = request as { stream?: { endAfterHeaders?: boolean } }
  return stream?.endAfterHeaders !== false
}

/** Whether the answer to a candidate may be stored (RFC 9111, 5.2.1.5). */
export function isForAll({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && !/no-store/i.test(headers['cache-control'] ?? '')
}

/** One request that may be answered from the cache, or by the application. */
export class Visit {
  readonly target: Target
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Headers that were set before this middleware had the request. */
  readonly arrived: HeaderLines
  /** Middleware further out may change what is written. */
  readonly isWrapped: boolean
  readonly #ways: Ways
  readonly #sight: Sight | undefined
  readonly #ignored: Ignored
  #fate: Fate = 'waiting'

  constructor(
    target: Target,
    request: IncomingMessage,
    response: ServerResponse,
    { sight, ignored, ways }: Surroundings,
  ) {
    this.target = target
    this.request = request
    this.response = response
    this.arrived = linesSet(response)
    this.isWrapped = isWrapped(response)
    this.#sight = sight
    this.#ignored = ignored
    this.#ways = ways
  }

  get address(): Address {
    return this.target.address
  }

  get hasCookie(): boolean {
    return 'cookie' in this.request.headers
  }

  get isRendering(): boolean {
    return this.#fate === 'rendering'
  }

  /** Nobody waits for an answer any more. */
  get isGone(): boolean {
    return isGone(this.response)
  }

  /** Whether the application can still be asked on this visitor's behalf. */
  get canRender(): boolean {
    return this.#fate === 'waiting' && !this.isGone && !this.response.headersSent
  }

  /** Takes the visit for a stored page; false when that is no longer possible. */
  claim(): boolean {
    if (!this.canRender) return false
    this.#fate = 'served'
    this.#ways.onServed()
    return true
  }

  /** Shows the application what everybody's page may be made of, until the response has ended. */
  disguise(): Disguise {
    const { request, response, target } = this
    const disguise = new Disguise(request, response, target, this.#sight, this.#ignored)
    const remove = (): void => disguise.remove()
    response.once('finish', remove)
    response.once('close', remove)
    return disguise
  }

  /** Hands over to the application, whose response becomes everybody's. */
  render(): void {
    this.#fate = 'rendering'
    this.#ways.next()
  }

  /** Hands over to the application, unless the visit is over or with it already. */
  pass(): void {
    if (this.#fate !== 'waiting') return
    this.#fate = 'passed'
    if (!this.isGone) this.#ways.next()
  }
}
