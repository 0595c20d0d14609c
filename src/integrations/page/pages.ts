import type { ClientView } from '../../client/view.ts'
import { isMintringError, MintringError } from '../../errors.ts'
import type { RefillEntry } from '../../refill/finding.ts'
import type { Loader } from '../../refill/loader.ts'
import type { RefillPolicy } from '../../refill/policy.ts'
import { clearTimeout, performance, setImmediate, setTimeout } from '../../runtime.ts'
import type { Address, AllowedHosts } from './address.ts'
import { addressesOfUrl, partsOf } from './address.ts'
import { isForAll } from './asked.ts'
import { FOREIGN, type Page } from './body.ts'
import type { NginxHeaders } from './headers.ts'
import type { PageFailure } from './memory.ts'
import { PageOutcomes } from './memory.ts'
import type { Origin } from './origin.ts'
import { CutShort, PageRenderer } from './renderer.ts'
import { failureReply, type ReplyTerms, replyOf } from './reply.ts'
import { Room } from './room.ts'
import type { UncacheableReason } from './rules.ts'
import type { Ignored } from './shown.ts'
import type { PageTags } from './tags.ts'
import type { Visit } from './visit.ts'

/** The options of a page cache, checked and with defaults. */
export interface PagesSettings {
  /** The refill policy, without the tags of each page. */
  readonly policy: RefillPolicy
  readonly tags: PageTags
  readonly ttlSeconds: number
  readonly waitTimeoutMs: number
  readonly contentType: string
  readonly origin: Origin | undefined
  readonly hosts: AllowedHosts
  readonly nginx: NginxHeaders | undefined
  readonly ignored: Ignored
  readonly maxBufferedBytes: number
  readonly uncacheableMs: number
  onError(error: unknown, address: string): void
  onUncacheable(reason: UncacheableReason, address: string, header: string | undefined): void
}

/** Decides for each request whether it is served a page, renders one, or waits for one. */
export class Pages {
  readonly #view: ClientView
  readonly #settings: PagesSettings
  readonly #outcomes: PageOutcomes
  readonly #renderer: PageRenderer
  readonly #room: Room
  #seesHttps = false

  constructor(view: ClientView, settings: PagesSettings) {
    const { hosts } = settings
    this.#view = view
    this.#settings = settings
    this.#room = new Room(settings.maxBufferedBytes)
    this.#outcomes = new PageOutcomes(settings.uncacheableMs, () => performance.now())
    this.#renderer = new PageRenderer(view, this.#outcomes, {
      ...settings,
      shownHost: (address) => {
        const { host } = partsOf(address)
        return hosts?.get(host) ?? host
      },
    })
  }

  /**
   * Serves a visit, or passes it to the application. Never throws: a failed cache must not fail
   * requests.
   */
  visit(visit: Visit): void {
    const { asked, address, target } = visit
    this.#seesHttps ||= target.scheme === 'https'
    const mayRender = isForAll(asked) && !this.#outcomes.isInVain(address, asked)
    const served = mayRender ? this.#serveOrRender(visit) : this.#serveIfThere(visit)
    served.catch((error: unknown) => {
      this.#settings.onError(error, address)
      visit.pass()
    })
  }

  async refresh(url: string | URL): Promise<boolean> {
    const { origin } = this.#settings
    if (origin === undefined) {
      throw new MintringError('MINTRING_BAD_ARGUMENT', 'refresh() needs the option origin')
    }
    const address = await this.#addressOf(url)
    this.#outcomes.forget(address)
    const load: Loader<Page | undefined> = (_key, context) =>
      this.#room.during(answered, (share) => this.#renderer.fetch(origin, address, context, share))
    const answered = this.#view.refresh(address, load, this.#policyFor(address))
    return (await answered) !== undefined
  }

  /** Deletes the page of a URL; resolves to whether there was one. Throws for an invalid URL. */
  purge(url: string | URL): Promise<boolean> {
    const deleted = addressesOfUrl(url).map(async (address) => {
      this.#outcomes.forget(address)
      // Invalidate first, so that a page that is being rendered now is not stored afterwards.
      const wasMarked = await this.#view.invalidate(address, this.#settings.policy)
      return (await this.#view.delete(address)) || wasMarked
    })
    return Promise.all(deleted).then((all) => all.some(Boolean))
  }

  /** Returns the address under which visitors look up the page of a URL. */
  async #addressOf(url: string | URL): Promise<Address> {
    const [asIs, withoutScheme] = addressesOfUrl(url)
    if (withoutScheme === undefined || this.#seesHttps) return asIs
    return (await this.#view.get(asIs)) === undefined ? withoutScheme : asIs
  }

  #policyFor(address: Address): RefillPolicy {
    return this.#settings.tags.policyFor(this.#settings.policy, address)
  }

  /**
   * Serves a stored page without rendering: for HEAD, and for visitors whose page cannot be stored.
   */
  async #serveIfThere(visit: Visit): Promise<void> {
    const page = await this.#look(visit.address)
    if (page === undefined || page === FOREIGN) visit.pass()
    else await this.#serve(visit, page, undefined)
  }

  /** Returns the stored page, or undefined after a hard invalidation of one of its tags. */
  async #look(address: Address): Promise<Page | undefined> {
    const page = await this.#view.get<Page>(address)
    if (page === undefined || !this.#settings.tags.isOn) return page
    const load: Loader<Page | undefined> = (_key, context) => {
      context.skip()
      return undefined
    }
    const entry = await this.#view.getOrSetEntry(address, load, this.#policyFor(address))
    return entry.value
  }

  /**
   * Lets one of all waiting visitors render the page, for itself and the others. The others wait
   * for another render if that visitor left or the application failed.
   */
  async #serveOrRender(visit: Visit): Promise<void> {
    const untilMs = performance.now() + this.#settings.waitTimeoutMs
    let waitedFor: PageFailure | undefined
    for (;;) {
      const found = await this.#findWithin(visit, untilMs - performance.now())
      if (visit.isRendering || visit.isGone) return
      if (typeof found === 'object') {
        const { value, ...terms } = found
        return this.#serve(visit, value, terms)
      }
      const failure = this.#outcomes.failure(visit.address)
      const hasFailedAgain = waitedFor !== undefined && failure !== waitedFor
      const isOver = found === 'none' && (failure === undefined || hasFailedAgain)
      const leftMs = untilMs - performance.now()
      if (isOver || leftMs <= 0) return this.#pass(visit)
      waitedFor = failure
      const pauseMs = Math.min(Math.ceil(this.#outcomes.backOffMs(visit.address)), leftMs)
      await new Promise((wake) => setTimeout(wake, pauseMs))
    }
  }

  /**
   * Returns the page; 'none' if it cannot be shared or takes too long, 'cut' if its render was
   * aborted.
   */
  #findWithin(visit: Visit, timeoutMs: number): Promise<Found> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, timeoutMs, 'none')
      this.#find(visit)
        .then(resolve, reject)
        .finally(() => clearTimeout(timer))
    })
  }

  async #find(visit: Visit): Promise<Found> {
    const { address } = visit
    let entry: RefillEntry<Page | undefined>
    try {
      const load: Loader<Page | undefined> = (_key, context) =>
        this.#room.during(answered, (share) => this.#renderer.render(visit, context, share))
      const answered = this.#view.getOrSetEntry(address, load, this.#policyFor(address))
      entry = await answered
    } catch (error) {
      if (isMintringError(error) && error.cause instanceof CutShort) return 'cut'
      throw error
    }
    const { value, ...terms } = entry
    // A stale page starts its refill in this tick. Wait: this visitor may be the one who renders.
    if (terms.state === 'stale') await new Promise((turn) => setImmediate(turn))
    return value === undefined || value === FOREIGN ? 'none' : { value, ...terms }
  }

  /**
   * Passes a visit to the application; if the application is failing, responds 503 to most visits.
   */
  #pass(visit: Visit): void {
    const { address } = visit
    if (this.#outcomes.mayPass(address)) visit.pass()
    else if (!visit.answer(failureReply(this.#outcomes.backOffMs(address)))) visit.pass()
  }

  async #serve(visit: Visit, page: Page, terms: ReplyTerms | undefined): Promise<void> {
    const mayZip = !visit.isWrapped
    const reply = await replyOf(visit.asked, page, this.#settings, { terms, mayZip })
    if (!visit.answer(reply)) visit.pass()
  }
}

/** The result of a lookup; `cut` when the visitor who rendered left before the end. */
type Found = RefillEntry<Page> | 'none' | 'cut'
