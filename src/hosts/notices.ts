import { type Debt, Request, type Verb } from '../net/request.ts'
import { crypto, performance } from '../runtime.ts'
import type { SendTo } from './absence.ts'
import type { Host } from './host.ts'
import { getsVerb, textVerb } from './item-commands.ts'
import type { ClusterPolicy } from './policy.ts'
import { tellRequest } from './tell.ts'

/** How long a fallback host keeps a notice, in seconds: longer than most outages. */
const NOTICE_SECONDS = 3_600
/** UTF-8 never contains this byte, so no caller's key is the same. */
const NOTICE_PREFIX = '\xff~mintring~missed~'
/**
 * The share of requestTimeoutMs that a fallback host gets to reply to a lookup, because the key's
 * own host could still serve the request.
 */
const LOOK_SHARE = 0.25

/**
 * The state of a notice. `MISSED`: the key's own host missed a change. `TOLD`: it has deleted the
 * key since.
 */
const MISSED = 'missed'
const TOLD = 'told'

const SET: Verb = { ...textVerb('set', NOTICE_SECONDS), repeatable: true }
const ADD: Verb = textVerb('add', NOTICE_SECONDS)
const CAS: Verb = textVerb('cas', NOTICE_SECONDS)
const GETS: Verb = getsVerb((reply): Notice => ({ cas: reply.cas, text: reply.valueString() }))

/** A notice that a key was changed on a fallback host, as that host returns it. */
interface Notice {
  readonly cas: bigint
  readonly text: string
}

/** A key and its own host. */
export interface HomeKey {
  readonly home: Host
  readonly routeKey: string
  readonly wireKey: string
  readonly isBase64: boolean
}

/** The parts of the cluster that notices use. */
export interface NoticeOwner {
  readonly policy: ClusterPolicy
  readonly send: SendTo
  owe(host: Host, wireKey: string, debt: Debt): void
  /** Returns the host of a key when one host is excluded. */
  newHostFor(routeKey: string, excluded: Host): Host | undefined
}

/** An outage of a host. */
interface Outage {
  readonly leftMs: number
  /** Until when other processes may still see the host as down; 0 while this process does. */
  untilMs: number
  /** The CAS ids of notices whose keys this process has deleted on the key's own host since. */
  readonly told: Map<string, bigint>
  /** Fallback hosts that did not reply. */
  readonly deaf: Set<Host>
  /** Lookups of notices that are queued but not sent yet, by key: other requests can share them. */
  readonly looks: Map<string, { readonly request: Request; readonly isDone: Promise<void> }>
}

/**
 * Processes notice the return of a host at different times. A process that already uses the host
 * again does not know what another one still changes on a fallback host. So each such change stores
 * a notice on the fallback host first. For some time after a return, a request to the host first
 * checks its fallback host for a notice of the key, and deletes the key if there is one.
 */
export class MissedNotices {
  readonly #owner: NoticeOwner
  readonly #outages = new Map<Host, Outage>()

  constructor(owner: NoticeOwner) {
    this.#owner = owner
  }

  /** Whether no host needs a check. */
  get isEmpty(): boolean {
    if (this.#outages.size === 0) return true
    const nowMs = performance.now()
    let isEmpty = true
    for (const [home, { untilMs }] of this.#outages) {
      const isOver = untilMs > 0 && nowMs >= untilMs
      if (isOver || home.index < 0) this.#outages.delete(home)
      else if (untilMs > 0) isEmpty = false
    }
    return isEmpty
  }

  hostChanged(home: Host): void {
    const nowMs = performance.now()
    const outage = this.#outages.get(home)
    if (!home.usable) {
      const leftMs = outage?.untilMs === 0 ? outage.leftMs : nowMs
      this.#outages.set(home, {
        leftMs,
        untilMs: 0,
        told: new Map(),
        deaf: new Set(),
        looks: new Map(),
      })
    } else if (outage !== undefined && outage.untilMs === 0) {
      const { retryTimeoutMs, connectTimeoutMs, precautionsMs } = this.#owner.policy
      const splitMs = 2 * retryTimeoutMs + (nowMs - outage.leftMs) / 5 + connectTimeoutMs
      outage.untilMs = nowMs + Math.min(splitMs, precautionsMs)
    }
  }

  /**
   * Stores a notice on `standIn`, a fallback host, before a change of the key there. Never rejects.
   */
  async leave(key: HomeKey, standIn: Host, change: Request): Promise<void> {
    const name = noticeKey(key.home, key.wireKey, key.isBase64)
    const text = `${MISSED} ${crypto().randomUUID()}`
    if (isBlind(change)) await this.#store(SET, standIn, name, undefined, text).catch(() => {})
    else await this.#leaveForNow(name, standIn, text, change).catch(() => {})
  }

  /**
   * Stores a notice, and withdraws it if the server then changes nothing. A notice of another
   * change is never withdrawn.
   */
  async #leaveForNow(name: string, standIn: Host, text: string, change: Request): Promise<void> {
    const before = await this.#ask(asking(name), standIn)
    const isLeft = await this.#store(before ? CAS : ADD, standIn, name, before?.cas, text)
    if (!isLeft) await this.#store(SET, standIn, name, undefined, text)
    else if (before?.text.startsWith(MISSED) !== true) {
      change.promise.then(
        () => {
          if (change.attempt?.isUnchanged === true)
            this.#takeBack(name, standIn, text).catch(() => {})
        },
        () => {},
      )
    }
  }

  async #takeBack(name: string, standIn: Host, text: string): Promise<void> {
    const notice = await this.#ask(asking(name), standIn)
    if (notice?.text === text) await this.#store(CAS, standIn, name, notice.cas, TOLD)
  }

  /**
   * Returns a promise to await before a request to the key's own host; undefined if there is none.
   */
  check(key: HomeKey): Promise<void> | undefined {
    const outage = this.#outages.get(key.home)
    if (outage === undefined || outage.untilMs <= performance.now()) return undefined
    const standIn = this.#owner.newHostFor(key.routeKey, key.home)
    if (standIn === undefined || outage.deaf.has(standIn)) return undefined
    const name = noticeKey(key.home, key.wireKey, key.isBase64)
    const known = outage.looks.get(name)
    if (known?.request.sent === false) return known.isDone
    const request = asking(name)
    const isDone = this.#look(request, outage, key, standIn).catch(() => {
      outage.deaf.add(standIn)
    })
    const look = { request: request as Request, isDone }
    outage.looks.set(name, look)
    void isDone.then(() => {
      if (outage.looks.get(name) === look) outage.looks.delete(name)
    })
    return isDone
  }

  async #look(
    request: Request<Notice | undefined>,
    { told }: Outage,
    { home, wireKey, isBase64 }: HomeKey,
    standIn: Host,
  ): Promise<void> {
    const notice = await this.#ask(request, standIn)
    const name = request.wireKey
    if (notice?.text.startsWith(MISSED) !== true || told.get(name) === notice.cas) return
    const debt: Debt = { isMark: false, isBase64 }
    const removal = tellRequest({ wireKey, debt })
    this.#owner.send(home, removal)
    const isTold = await removal.promise.catch(() => false)
    if (told.size < this.#owner.policy.maxOwedKeys) told.set(name, notice.cas)
    if (isTold) this.#store(CAS, standIn, name, notice.cas, TOLD).catch(() => {})
    else this.#owner.owe(home, wireKey, debt)
  }

  #store(
    verb: Verb,
    standIn: Host,
    name: string,
    cas: bigint | undefined,
    text: string,
  ): Promise<boolean> {
    return this.#ask(new Request<boolean>(verb, undefined, name, undefined, cas, text), standIn)
  }

  #ask<Result>(request: Request<Result>, standIn: Host): Promise<Result> {
    request.bounds = { timeoutMs: this.#owner.policy.requestTimeoutMs * LOOK_SHARE }
    this.#owner.send(standIn, request as Request)
    return request.promise
  }
}

/** Whether a request overwrites or deletes the item, whatever its content was. */
export function isBlind({ verb, isOnce }: Request): boolean {
  if (verb.effect === 'remove') return true
  return verb.effect === 'change' && verb.repeatable && !isOnce
}

function asking(name: string): Request<Notice | undefined> {
  return new Request<Notice | undefined>(GETS, undefined, name, undefined)
}

function noticeKey({ name }: Host, wireKey: string, isBase64: boolean): string {
  const text = `${name} ${wireKey}${isBase64 ? ' b' : ''}`
  return (
    NOTICE_PREFIX +
    crypto().createHash('sha256').update(text, 'latin1').digest('base64url').slice(0, 24)
  )
}
