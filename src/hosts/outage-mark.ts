import { Request, type Verb, verbOf } from '../net/request.ts'
import { atMostExptime } from '../protocol/exptime.ts'
import { touchHead } from '../protocol/request.ts'
import { crypto, performance, unixMs } from '../runtime.ts'
import type { Host } from './host.ts'
import {
  done,
  expireItem,
  getsVerb,
  hostItemKey,
  itemVerb,
  ownItem,
  textVerb,
} from './item-commands.ts'

/** How long a marker lives after the last process renewed it. */
const MARK_SECONDS = 30
/**
 * The maximum difference between the clocks of a fleet, and between the times at which its
 * processes notice an outage.
 */
const CLOCK_SLACK_MS = 1_000
const MAX_MARK_TRIES = 4

/** A marker, or the item of a key, as a check reads it. */
export interface Found {
  readonly cas: bigint
  readonly text: string
}

const MAX_MARK_BYTES = 100

/** Reads a marker, or the item of a key. */
const GETS: Verb = getsVerb((reply): Found => {
  return { cas: reply.cas, text: reply.size <= MAX_MARK_BYTES ? reply.valueString() : '' }
})

/** Repeatable: storing the marker twice does no harm, because the marker of any process will do. */
const ADD: Verb = verbOf({ ...textVerb('add', MARK_SECONDS), repeatable: true })
const CAS: Verb = verbOf({ ...textVerb('cas', MARK_SECONDS), repeatable: true })

const TOUCH: Verb = itemVerb(
  'touch',
  'touch',
  ({ wireKey }, maxTtl) => touchHead(wireKey, atMostExptime(MARK_SECONDS, maxTtl)),
  done,
)

/** Sends a request of the account to one host, and resolves to its result. */
export type AskOne = <Result, Context>(request: Request<Result, Context>) => Promise<Result>

/** Returns the name of a marker about `home`, which no caller's key equals. */
export function outageMarkKey(kind: 'away' | 'gone', home: Host): string {
  return hostItemKey(kind, home.name)
}

/** Reads a small item with its CAS id. */
export function lookAt(wireKey: string): Request<Found | undefined> {
  return requestFor<Found | undefined>(GETS, wireKey)
}

/** When a marker was stored, in Unix milliseconds. */
export function markedAtMs({ text }: Found): number {
  return Number.parseInt(text, 10)
}

/**
 * An item on a fallback host (`standIn`) that was stored during an outage of `home`. All processes
 * share it. A server gives higher CAS ids to later items, so the marker separates the copies of
 * this outage from those of earlier ones.
 */
export class OutageMark {
  /** The marker's value, which identifies the outage in the whole fleet; '' without a marker. */
  id = ''
  /** The CAS id of the marker: later items have higher ones. */
  cas = 0n
  readonly #key: string
  readonly #home: Host
  readonly #standIn: Host
  readonly #ask: AskOne

  constructor(kind: 'away' | 'gone', home: Host, standIn: Host, ask: AskOne) {
    this.#key = outageMarkKey(kind, home)
    this.#home = home
    this.#standIn = standIn
    this.#ask = ask
  }

  /**
   * Finds the marker of this outage, or stores one. `isRefused` returns whether a marker belongs to
   * a known earlier outage.
   */
  async open(isRefused: (id: string) => boolean): Promise<void> {
    const { abilities } = this.#standIn
    const { cas, proxy } = abilities ?? (await this.#standIn.ready())
    if (!cas || proxy) return
    for (let tries = 0; tries < MAX_MARK_TRIES; tries++) {
      const [, mark] = await Promise.all([
        this.#store(ADD, undefined),
        this.#ask(lookAt(this.#key)),
      ])
      if (mark === undefined) continue
      if (this.#isOfNow(mark) && !isRefused(mark.text)) {
        this.cas = mark.cas
        this.id = mark.text
        return
      }
      await this.#store(CAS, mark.cas)
    }
  }

  /** Renews the marker; it expires when no process renews it. */
  renew(): void {
    if (this.id !== '') this.#forget(requestFor(TOUCH, this.#key))
  }

  /** Deletes the marker, so that the next outage gets a new one; not that of another outage. */
  remove(): void {
    if (this.id !== '') this.#forget(expireItem(ownItem(this.#key), String(this.cas)))
  }

  #forget(request: Request<boolean>): void {
    this.#ask(request).catch(() => {})
  }

  /**
   * Stores a marker. Without `cas` it must be the first; with it, it replaces the marker that has
   * this CAS id.
   */
  #store(verb: Verb, cas: bigint | undefined): Promise<boolean> {
    const value = `${unixMs()} ${crypto().randomUUID()}`
    return this.#ask(new Request<boolean>(verb, undefined, this.#key, undefined, cas, value))
  }

  /**
   * Whether a marker belongs to this outage. It does not if it is older than the last reply of the
   * host itself, or than the last return of the fallback host, which may have missed writes before
   * it.
   */
  #isOfNow(mark: Found): boolean {
    const sinceMs = Math.max(this.#home.answeredMs, this.#standIn.comebackMs)
    const sinceAtMs = sinceMs > 0 ? unixMs() + sinceMs - performance.now() : 0
    return markedAtMs(mark) >= sinceAtMs - CLOCK_SLACK_MS
  }
}

function requestFor<Result = boolean>(verb: Verb, wireKey: string): Request<Result> {
  return new Request<Result>(verb, undefined, wireKey, undefined)
}
