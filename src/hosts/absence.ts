import type { MintringError } from '../errors.ts'
import { Request, type Verb } from '../net/request.ts'
import { atMostExptime } from '../protocol/exptime.ts'
import { deleteHead, storeHead, touchHead } from '../protocol/request.ts'
import { crypto, performance, unixMs } from '../runtime.ts'
import type { Host } from './host.ts'
import { done, getsVerb, itemVerb } from './item-commands.ts'
import { KeyFilter } from './key-filter.ts'

/** A mark lives for so long after the last process that needs it spoke for it. */
const MARK_SECONDS = 30
/** How often a process speaks for the marks it needs. */
export const VOUCH_MS = 10_000
/** Clocks of one fleet differ by less; and so may the moments in which processes notice. */
const CLOCK_SLACK_MS = 1_000
const MAX_MARK_TRIES = 4
/** A byte that is never part of UTF-8: no key of a caller is the same. */
const MARK_PREFIX = '\xff~mintring~away~'

/** An item as a check finds it. */
interface Found {
  readonly cas: bigint
  readonly text: string
}

const MAX_MARK_BYTES = 100

/** Looks at a mark, or at the item of a key. */
const GETS: Verb = getsVerb((reply): Found => {
  return { cas: reply.cas, text: reply.size <= MAX_MARK_BYTES ? reply.valueString() : '' }
})

/** A mark may be stored twice: what it says counts, not how often. */
const ADD: Verb = {
  ...itemVerb('add', 'change', (request, maxTtl) => markHead('add', request, maxTtl), done),
  repeatable: true,
}

const CAS: Verb = {
  ...itemVerb('cas', 'change', (request, maxTtl) => markHead('cas', request, maxTtl), done),
  repeatable: true,
}

const TOUCH: Verb = itemVerb(
  'touch',
  'touch',
  ({ wireKey }, maxTtl) => touchHead(wireKey, atMostExptime(MARK_SECONDS, maxTtl)),
  done,
)

const DELETE: Verb = itemVerb('delete', 'remove', ({ wireKey }) => deleteHead(wireKey), done)

function markHead(name: 'add' | 'cas', { wireKey, body, args }: Request, maxTtl: number): string {
  const ttl = atMostExptime(MARK_SECONDS, maxTtl)
  return storeHead(name, wireKey, 0, ttl, body!.length, args as bigint | undefined)
}

/** Sends a request to one host. */
export type SendTo = (host: Host, request: Request) => void

/**
 * One absence of a home, as one stand-in serves it. What the stand-in holds of home's keys counts
 * only if it was stored during this absence, by whatever process: a mark on the stand-in tells its
 * CAS id, and the CAS ids of a server rise with every store. So a copy of an earlier outage is
 * never read, not even one whose process has died.
 */
export class Absence {
  readonly home: Host
  readonly standIn: Host
  /** The mark's value: which absence this is, in the whole fleet. '' where it cannot be told. */
  id = ''
  /** Keys whose copy on the stand-in, or the lack of one, is of this absence. */
  readonly copies = new Set<string>()
  /** Keys that a write may have left there. */
  readonly written = new Set<string>()
  /** Such keys beyond the bound. */
  beyond: KeyFilter | undefined
  /** Keys that are being checked. */
  readonly pending = new Map<string, Promise<void>>()
  readonly #send: SendTo
  readonly #maxKeys: number
  readonly #markKey: string
  readonly #comebacks: number
  readonly #startMs: number
  #watermark = 0n
  #opening: Promise<void> | undefined

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

  /** Home answered since, or the stand-in was away itself: what it holds counts no more. */
  get isOver(): boolean {
    return this.home.answeredMs > this.#startMs || this.standIn.comebacks !== this.#comebacks
  }

  /** A write of the key is about to be sent there. */
  note(wireKey: string): void {
    if (this.written.has(wireKey)) return
    if (this.written.size < this.#maxKeys) this.written.add(wireKey)
    else {
      this.beyond ??= new KeyFilter(this.#maxKeys)
      this.beyond.add(wireKey)
    }
  }

  /** Whether the stand-in may have a copy of this absence. */
  mayHold(wireKey: string): boolean {
    return (
      this.copies.has(wireKey) || this.written.has(wireKey) || this.beyond?.has(wireKey) === true
    )
  }

  /**
   * Makes sure that no copy of these keys is older than the absence. Rejects when the stand-in
   * cannot be asked. `isRefused` tells whether the mark of a known, earlier absence is found.
   */
  check(wireKeys: readonly string[], isRefused: (id: string) => boolean): Promise<void> {
    const checked = this.#check(wireKeys, isRefused).finally(() => {
      for (const key of wireKeys) this.pending.delete(key)
    })
    for (const key of wireKeys) this.pending.set(key, checked)
    return checked
  }

  async #check(wireKeys: readonly string[], isRefused: (id: string) => boolean): Promise<void> {
    this.#opening ??= this.#open(isRefused).catch((error: MintringError) => {
      // Not every server and proxy lets itself be marked.
      if (error.code !== 'MINTRING_REFUSED') throw error
    })
    // In one write with the mark: a CAS id above it is one of this absence, whenever it is read.
    const opening = this.#opening
    await Promise.all([opening, ...wireKeys.map((key) => this.#checkKey(key, opening))])
  }

  async #checkKey(wireKey: string, opening: Promise<void>): Promise<void> {
    const [found] = await Promise.all([this.#look(wireKey), opening])
    const isOld = this.id !== '' && found !== undefined && found.cas <= this.#watermark
    if (isOld) await this.#ask(requestFor(DELETE, wireKey))
    if (this.copies.size < this.#maxKeys) this.copies.add(wireKey)
  }

  /** Keeps the mark alive: it ends when no process speaks for it. */
  vouch(): void {
    if (this.id !== '') this.#forget(TOUCH)
  }

  /** Ends the mark: the next absence is another one. */
  close(): void {
    if (this.id !== '') this.#forget(DELETE)
  }

  #forget(verb: Verb): void {
    this.#ask(requestFor(verb, this.#markKey)).catch(() => {})
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

  /** Stores a mark: if there is none, or in place of the one with this CAS id. */
  #mark(verb: Verb, cas: bigint | undefined): Promise<boolean> {
    const value = `${unixMs()} ${crypto().randomUUID()}`
    return this.#ask(new Request<boolean>(verb, undefined, this.#markKey, undefined, cas, value))
  }

  /**
   * A mark from before home's last answer is one of an earlier absence. One from before the
   * stand-in was away itself says nothing of what others stored meanwhile.
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
