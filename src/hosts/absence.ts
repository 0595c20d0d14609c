import type { MintringError } from '../errors.ts'
import { Request, type Verb, verbOf } from '../net/request.ts'
import { atMostExptime } from '../protocol/exptime.ts'
import { touchHead } from '../protocol/request.ts'
import { crypto, performance, unixMs } from '../runtime.ts'
import type { Host } from './host.ts'
import { done, getsVerb, itemVerb, ownItem, remove, textVerb } from './item-commands.ts'
import { KeyFilter } from './key-filter.ts'

/** How long a marker lives after the last process renewed it. */
const MARK_SECONDS = 30
/** How often a process renews the markers it needs. */
export const VOUCH_MS = 10_000
/**
 * The maximum difference between the clocks of a fleet, and between the times at which its
 * processes notice an outage.
 */
const CLOCK_SLACK_MS = 1_000
const MAX_MARK_TRIES = 4
/** UTF-8 never contains this byte, so no caller's key is the same. */
const MARK_PREFIX = '\xff~mintring~away~'

/** A marker, or the item of a key, as a check reads it. */
interface Found {
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

/** Sends a request to one host. */
export type SendTo = (host: Host, request: Request) => void

/**
 * One outage of a host (`home`), as one fallback host (`standIn`) serves it. A copy on the
 * fallback host is valid only if some process stored it during this outage. To find out, each
 * process compares CAS ids: a marker item on the fallback host was stored when the outage began,
 * and a server gives higher CAS ids to later items. So a copy of an earlier outage is never read,
 * even if the process that stored it has died.
 */
export class Absence {
  readonly home: Host
  readonly standIn: Host
  /**
   * The marker's value, which identifies the outage in the whole fleet; '' if the server allows no
   * marker.
   */
  id = ''
  /**
   * Keys that were checked: if the fallback host has a copy of one, it was stored in this outage.
   */
  readonly copies = new Set<string>()
  /** Keys that a write may have stored on the fallback host. */
  readonly written = new Set<string>()
  /** Holds the keys beyond the limit of `written`, as a Bloom filter. */
  beyond: KeyFilter | undefined
  /** Checks in progress, by key. */
  readonly pending = new Map<string, Promise<void>>()
  readonly #send: SendTo
  readonly #maxKeys: number
  readonly #markKey: string
  readonly #comebacks: number
  readonly #startMs: number
  #watermark = 0n
  #opening: Promise<void> | undefined
  #isOpen = false

  constructor(home: Host, standIn: Host, send: SendTo, maxKeys: number) {
    this.#maxKeys = maxKeys
    this.home = home
    this.standIn = standIn
    this.#send = send
    this.#comebacks = standIn.comebacks
    this.#startMs = performance.now()
    const name = crypto().createHash('sha256').update(home.name).digest('base64url').slice(0, 16)
    this.#markKey = `${MARK_PREFIX}${name}`
  }

  /**
   * Whether the outage has ended: the host replied again, or the fallback host itself was down. Its
   * copies are then no longer valid.
   */
  get isOver(): boolean {
    return this.home.answeredMs > this.#startMs || this.standIn.comebacks !== this.#comebacks
  }

  /** Records a key before a write of it is sent to the fallback host. */
  note(wireKey: string): void {
    if (this.written.has(wireKey)) return
    if (this.written.size < this.#maxKeys) this.written.add(wireKey)
    else {
      this.beyond ??= new KeyFilter(this.#maxKeys)
      this.beyond.add(wireKey)
    }
  }

  /** Whether the fallback host may have a copy of this key, stored during this outage. */
  mayHold(wireKey: string): boolean {
    return (
      this.copies.has(wireKey) || this.written.has(wireKey) || this.beyond?.has(wireKey) === true
    )
  }

  /**
   * Deletes the fallback host's copies of these keys that are older than the outage. Rejects when
   * the fallback host does not reply. `isRefused` returns whether a marker belongs to a known
   * earlier outage.
   */
  check(wireKeys: readonly string[], isRefused: (id: string) => boolean): Promise<void> {
    const checked = this.#check(wireKeys, isRefused).finally(() => {
      for (const key of wireKeys) this.pending.delete(key)
    })
    for (const key of wireKeys) this.pending.set(key, checked)
    return checked
  }

  /**
   * Stores the marker before a write, so that the copy has a higher CAS id. Returns a promise to
   * await; undefined if it was stored before.
   */
  open(isRefused: (id: string) => boolean): Promise<void> | undefined {
    return this.#isOpen ? undefined : this.#opened(isRefused)
  }

  #opened(isRefused: (id: string) => boolean): Promise<void> {
    this.#opening ??= this.#open(isRefused)
      .catch((error: MintringError) => {
        // Some servers and proxies reject the marker commands; copies then count as valid.
        if (error.code !== 'MINTRING_REFUSED') throw error
      })
      .then(() => {
        this.#isOpen = true
      })
    return this.#opening
  }

  async #check(wireKeys: readonly string[], isRefused: (id: string) => boolean): Promise<void> {
    // Send the reads in one write with the marker: items stored after that write have higher CAS
    // ids than the marker.
    const opening = this.#opened(isRefused)
    await Promise.all([opening, ...wireKeys.map((key) => this.#checkKey(key, opening))])
  }

  async #checkKey(wireKey: string, opening: Promise<void>): Promise<void> {
    const [found] = await Promise.all([this.#look(wireKey), opening])
    const isOld = this.id !== '' && found !== undefined && found.cas <= this.#watermark
    if (isOld) await this.#ask(remove(ownItem(wireKey)))
    if (this.copies.size < this.#maxKeys) this.copies.add(wireKey)
  }

  /** Renews the marker; it expires when no process renews it. */
  vouch(): void {
    if (this.id !== '') this.#forget(requestFor(TOUCH, this.#markKey))
  }

  /** Deletes the marker, so that the next outage gets a new one. */
  close(): void {
    if (this.id !== '') this.#forget(remove(ownItem(this.#markKey)))
  }

  #forget(request: Request<boolean>): void {
    this.#ask(request).catch(() => {})
  }

  async #open(isRefused: (id: string) => boolean): Promise<void> {
    const { abilities } = this.standIn
    const { cas, proxy } = abilities ?? (await this.standIn.ready())
    if (!cas || proxy) return
    for (let tries = 0; tries < MAX_MARK_TRIES; tries++) {
      const [, mark] = await Promise.all([this.#mark(ADD, undefined), this.#look(this.#markKey)])
      if (mark === undefined) continue
      if (this.#isOfNow(mark.text) && !isRefused(mark.text)) {
        this.#watermark = mark.cas
        this.id = mark.text
        return
      }
      await this.#mark(CAS, mark.cas)
    }
  }

  /**
   * Stores a marker. Without `cas` it must be the first; with it, it replaces the marker that has
   * this CAS id.
   */
  #mark(verb: Verb, cas: bigint | undefined): Promise<boolean> {
    const value = `${unixMs()} ${crypto().randomUUID()}`
    return this.#ask(new Request<boolean>(verb, undefined, this.#markKey, undefined, cas, value))
  }

  /**
   * Whether a marker belongs to this outage. It does not if it is older than the last reply of the
   * host itself, or than the last return of the fallback host, which may have missed writes before
   * it.
   */
  #isOfNow(text: string): boolean {
    const sinceMs = Math.max(this.home.answeredMs, this.standIn.comebackMs)
    const sinceAtMs = sinceMs > 0 ? unixMs() + sinceMs - performance.now() : 0
    return Number.parseInt(text, 10) >= sinceAtMs - CLOCK_SLACK_MS
  }

  #look(wireKey: string): Promise<Found | undefined> {
    return this.#ask(requestFor<Found | undefined>(GETS, wireKey))
  }

  #ask<Result, Context>(request: Request<Result, Context>): Promise<Result> {
    request.ordered = true
    this.#send(this.standIn, request as Request)
    return request.promise
  }
}

function requestFor<Result = boolean>(verb: Verb, wireKey: string): Request<Result> {
  return new Request<Result>(verb, undefined, wireKey, undefined)
}
