import type { ClientView } from '../../client/view.ts'
import type { LoaderContext } from '../../refill/loading.ts'
import type { RefillPolicy } from '../../refill/policy.ts'
import type { Page } from './body.ts'
import { pageOf } from './body.ts'
import { capture } from './capture.ts'
import type { UncacheableAddresses } from './memory.ts'
import type { Origin } from './origin.ts'
import type { Reason, Ruling } from './rules.ts'
import { judge } from './rules.ts'
import type { Visit } from './visit.ts'

/** What renders have in common. */
export interface RendererSettings {
  readonly contentType: string
  readonly policy: RefillPolicy
  readonly origin: Origin | undefined
  onError(error: unknown, address: string): void
  onUncacheable(reason: Reason, address: string): void
}

type Loading = LoaderContext<Page | undefined>

/** The visitor who rendered for all left before the page was whole: another one has to. */
export class CutShort extends Error {
  constructor() {
    super('the visitor left before the page was rendered')
    this.name = 'CutShort'
  }
}

/** Makes pages of what the application answers, and decides which of them are stored. */
export class PageRenderer {
  readonly #view: ClientView
  readonly #uncacheable: UncacheableAddresses
  readonly #settings: RendererSettings

  constructor(view: ClientView, uncacheable: UncacheableAddresses, settings: RendererSettings) {
    this.#view = view
    this.#uncacheable = uncacheable
    this.#settings = settings
  }

  /**
   * The loader of a visit: the visitor's own response becomes the page. Where a stale page serves
   * the visitor too, the origin is asked instead, if there is one.
   */
  async render(visit: Visit, context: Loading): Promise<Page | undefined> {
    const { origin, contentType } = this.#settings
    const { address, hasCookie, response } = visit
    if (origin !== undefined && context.stale !== undefined) {
      return this.fetch(origin, address, context)
    }
    if (!visit.canRender) return this.#cutShort(context)
    const rendered = capture(response, { hasCookie, contentType }, this.#view.maxItemBytes)
    visit.render()
    const answer = await rendered
    if (answer === 'cut') return this.#cutShort(context)
    if ('body' in answer) return this.#keep(address, answer.ruling, answer.body, context)
    return this.#refuse(address, answer.ruling, context)
  }

  /** The page as the origin renders it for nobody in particular. */
  async fetch(origin: Origin, address: string, context: Loading): Promise<Page | undefined> {
    const { contentType } = this.#settings
    const fetched = await origin.render(address, context.signal, this.#view.maxItemBytes)
    const { status } = fetched
    const ruling = judge(fetched, { hasCookie: false, contentType, nowMs: Date.now() })
    if (!ruling.isStorable) return this.#refuse(address, ruling, context)
    if (fetched.isTooLarge || fetched.body.length === 0) {
      const reason = fetched.isTooLarge ? 'too large' : 'empty'
      return this.#refuse(address, { isStorable: false, reason, status }, context)
    }
    return this.#keep(address, ruling, fetched.body, context)
  }

  #keep(
    address: string,
    ruling: Extract<Ruling, { isStorable: true }>,
    body: Buffer,
    context: Loading,
  ): Promise<Page> {
    if (ruling.ttlSeconds !== undefined) context.setTtl(ruling.ttlSeconds)
    this.#uncacheable.delete(address)
    return pageOf(body, ruling.isGzip)
  }

  /**
   * A failing application leaves the stale page where it is. Any other answer means that the page
   * is not everybody's any more, unless it is only this visitor's cookies that make it so.
   */
  async #refuse(
    address: string,
    { reason, status }: Extract<Ruling, { isStorable: false }>,
    { stale }: Loading,
  ): Promise<undefined> {
    const isFailure = reason === 'status' && status >= 500
    const isOwn = reason === 'cookie'
    this.#settings.onUncacheable(reason, address)
    if (isFailure && stale !== undefined) throw new Error(`the application answered ${status}`)
    this.#uncacheable.add(address, isOwn ? 'with cookies' : 'for all')
    if (stale === undefined || isOwn) return undefined
    const { ttl: _ttl, ...grace } = this.#settings.policy
    await this.#view.delete(address, grace).catch((error: unknown) => {
      this.#settings.onError(error, address)
    })
    return undefined
  }

  /** With a stale page around the next visitor renders; without one, those who wait try again. */
  #cutShort({ stale }: Loading): undefined {
    if (stale === undefined) throw new CutShort()
    return undefined
  }
}
