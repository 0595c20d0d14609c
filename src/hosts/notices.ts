import type { Bounds } from '../deadline.ts'
import { type Debt, Request, type Verb } from '../net/request.ts'
import { crypto, performance } from '../runtime.ts'
import type { SendTo } from './absence.ts'
import type { Host } from './host.ts'
import { getsVerb, textVerb } from './item-commands.ts'
import { type CountOwner, MissedCounts } from './missed-counts.ts'
import type { ClusterPolicy } from './policy.ts'
import { tellRequest } from './tell.ts'

/** How long notices live without `missedTtl`. */
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
export interface NoticeOwner extends CountOwner {
  readonly send: SendTo
  owe(host: Host, wireKey: string, debt: Debt): void
  /** Returns the host that would serve a key without its home. */
  standInFor(routeKey: string, home: Host): Host | undefined
}

/** An outage of a host. */
interface Outage {
  readonly leftMs: number
  /** Until when other processes may still see the host as down; 0 while this process does. */
  untilMs: number
}

/** What this process learned about notices since a host last left or returned. */
class Known {
  /** The CAS ids of notices whose keys this process has deleted on the key's own host. */
  readonly told = new Map<string, bigint>()
  /** Keys that had no notice, or have been deleted, and need no further check. */
  readonly checked = new Set<string>()
  /** When a fallback host last did not reply. */
  readonly silentMs = new Map<Host, number>()
  /** Lookups of notices that are queued but not sent yet, by key: other requests can share them. */
  readonly looks = new Map<string, { readonly request: Request; readonly isDone: Promise<void> }>()
}

/**
 * Processes notice the return of a host at different times. A process that already uses the host
 * again does not know what another one still changes on a fallback host. So each such change stores
 * a notice on the fallback host first. For some time after a return, a request to the host first
 * checks its fallback host for a notice of the key, and deletes the key if there is one. After that
 * time, and in processes that started later, each key is checked once while the counters say that
 * some process has not told the host.
 */
export class MissedNotices {
  readonly #owner: NoticeOwner
  readonly #outages = new Map<Host, Outage>()
  readonly counts: MissedCounts
  /** Called when a key has been deleted on its own host because of a notice. */
  readonly #onRemoved: (key: HomeKey) => void
  #known = new Known()

  constructor(
    owner: NoticeOwner,
    onAway: (home: Host, standIn: Host) => void = () => {},
    onRemoved: (key: HomeKey) => void = () => {},
  ) {
    this.#owner = owner
    this.#onRemoved = onRemoved
    this.counts = new MissedCounts(owner, (request, host) => this.#ask(request, host), onAway)
  }

  /** Whether no host needs a check. */
  get isEmpty(): boolean {
    return this.counts.isClear && (this.#outages.size === 0 || this.#forgetOutages())
  }

  /** Forgets outages that are over. Returns whether no host needs a check. */
  #forgetOutages(): boolean {
    const nowMs = performance.now()
    let isEmpty = true
    for (const [home, { untilMs }] of this.#outages) {
      const isOver = untilMs > 0 && nowMs >= untilMs
      if (isOver || !this.#owner.homes.includes(home)) this.#outages.delete(home)
      else if (untilMs > 0) isEmpty = false
    }
    return isEmpty
  }

  hostChanged(home: Host): void {
    const nowMs = performance.now()
    const outage = this.#outages.get(home)
    this.#known = new Known()
    if (home.usable) this.counts.forget()
    if (!home.usable) {
      const leftMs = outage?.untilMs === 0 ? outage.leftMs : nowMs
      this.#outages.set(home, { leftMs, untilMs: 0 })
    } else if (outage !== undefined && outage.untilMs === 0) {
      const { retryTimeoutMs, connectTimeoutMs, precautionsMs } = this.#owner.policy
      const splitMs = 2 * retryTimeoutMs + (nowMs - outage.leftMs) / 5 + connectTimeoutMs
      outage.untilMs = nowMs + Math.min(splitMs, precautionsMs)
    }
  }

  /** Checks for notices of a host that returned and that this process did not see out. */
  returned(home: Host): void {
    const untilMs = performance.now() + this.#owner.policy.precautionsMs
    if (!this.#outages.has(home)) this.#outages.set(home, { leftMs: 0, untilMs })
  }

  close(): void {
    this.counts.close()
  }

  /**
   * Stores a notice on `standIn`, a fallback host, before a change of the key there. Never rejects.
   */
  async leave(key: HomeKey, standIn: Host, change: Request): Promise<void> {
    const isCounted = this.counts.add(key.home, standIn, key.wireKey)
    const name = noticeKey(key.home, key.wireKey, key.isBase64)
    const text = `${MISSED} ${crypto().randomUUID()}`
    const isLeft = isBlind(change)
      ? this.#store('set', standIn, name, undefined, text)
      : this.#leaveForNow(name, standIn, text, change)
    await Promise.all([isCounted, isLeft.catch(() => {})])
  }

  /**
   * Stores a notice, and withdraws it if the server then changes nothing. A notice of another
   * change is never withdrawn.
   */
  async #leaveForNow(name: string, standIn: Host, text: string, change: Request): Promise<void> {
    const before = await this.#ask(asking(name), standIn)
    const verb = before === undefined ? 'add' : 'cas'
    const isLeft = await this.#store(verb, standIn, name, before?.cas, text)
    if (!isLeft) await this.#store('set', standIn, name, undefined, text)
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
    if (notice?.text === text) await this.#store('cas', standIn, name, notice.cas, TOLD)
  }

  /**
   * Returns a promise to await before a request to the key's own host; undefined if there is none.
   */
  check(key: HomeKey): Promise<void> | undefined {
    const standIn = this.#owner.standInFor(key.routeKey, key.home)
    if (standIn === undefined) return undefined
    const outage = this.#outages.get(key.home)
    if (outage !== undefined && outage.untilMs > performance.now()) return this.#look(key, standIn)
    const asking = this.counts.ask(standIn)
    if (asking !== undefined) return asking.then(() => this.#lookOnce(key, standIn))
    return this.#lookOnce(key, standIn)
  }

  /** Checks a key once, if its own host missed changes. */
  #lookOnce(key: HomeKey, standIn: Host): Promise<void> | undefined {
    if (!this.counts.isBehind(key.home, standIn)) return undefined
    const { checked } = this.#known
    const name = noticeKey(key.home, key.wireKey, key.isBase64)
    if (checked.has(name)) return undefined
    const isDone = (): void => {
      if (checked.size < this.#owner.policy.maxOwedKeys) checked.add(name)
    }
    const look = this.#look(key, standIn)
    if (look === undefined) isDone()
    return look?.then(isDone)
  }

  /** Looks for a notice of a key. Requests of the same time share a lookup. */
  #look(key: HomeKey, standIn: Host): Promise<void> | undefined {
    const { looks, silentMs } = this.#known
    if ((silentMs.get(standIn) ?? -1) >= standIn.answeredMs) return this.#distrust(key)
    const name = noticeKey(key.home, key.wireKey, key.isBase64)
    const known = looks.get(name)
    if (known?.request.sent === false) return known.isDone
    const request = asking(name)
    const isDone = this.#obey(request, key, standIn).catch(() => {
      silentMs.set(standIn, performance.now())
      this.#distrust(key)
    })
    const look = { request: request as Request, isDone }
    looks.set(name, look)
    void isDone.then(() => {
      if (looks.get(name) === look) looks.delete(name)
    })
    return isDone
  }

  /** Deletes a key on its own host: its fallback host has not said whether there is a notice. */
  #distrust({ home, wireKey, isBase64 }: HomeKey): undefined {
    this.#owner.owe(home, wireKey, { isMark: false, isBase64 })
  }

  /** Deletes the key on its own host if there is a notice. */
  async #obey(request: Request<Notice | undefined>, key: HomeKey, standIn: Host): Promise<void> {
    const { home, wireKey, isBase64 } = key
    const { told } = this.#known
    const notice = await this.#ask(request, standIn)
    const name = request.wireKey
    if (notice?.text.startsWith(MISSED) !== true || told.get(name) === notice.cas) return
    const debt: Debt = { isMark: false, isBase64 }
    const removal = tellRequest({ wireKey, debt })
    this.#owner.send(home, removal)
    const isTold = await removal.promise.catch(() => false)
    if (told.size < this.#owner.policy.maxOwedKeys) told.set(name, notice.cas)
    if (isTold) this.#store('cas', standIn, name, notice.cas, TOLD).catch(() => {})
    else this.#owner.owe(home, wireKey, debt)
    this.#onRemoved(key)
  }

  #store(
    name: 'set' | 'add' | 'cas',
    standIn: Host,
    key: string,
    cas: bigint | undefined,
    text: string,
  ): Promise<boolean> {
    const verb = textVerb(name, this.#owner.policy.missedTtl || NOTICE_SECONDS)
    return this.#ask(new Request<boolean>(verb, undefined, key, undefined, cas, text), standIn)
  }

  #ask<Result>(request: Request<Result>, standIn: Host): Promise<Result> {
    request.bounds = lookBounds(this.#owner.policy)
    this.#owner.send(standIn, request as Request)
    return request.promise
  }
}

/** Returns the limits of a request of the account to one host, in whole milliseconds. */
export function lookBounds({ requestTimeoutMs }: ClusterPolicy): Bounds {
  return { timeoutMs: Math.ceil(requestTimeoutMs * LOOK_SHARE) }
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
