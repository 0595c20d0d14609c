import { isMintringError, MintringError } from '../errors.ts'
import { Request, type Verb, verbOf } from '../net/request.ts'
import { Stamp } from '../refill/paths/stamp.ts'
import type { HomeName } from '../ring/transition.ts'
import { performance, setTimeout } from '../runtime.ts'
import type { Host } from './host.ts'
import {
  elect,
  fill,
  getsItem,
  type PlacedItem,
  peek,
  release,
  remove,
  type WireKey,
} from './item-commands.ts'
import { type CopyableKey, type CopyElection, copyMoved, type MovedKey } from './moved-key.ts'
import { errorOf } from './next-step.ts'
import type { Operations } from './operations.ts'

/**
 * The lifetime of the empty item that reserves a key on its new host while its value is copied: two
 * round trips, plus a second of the server's clock.
 */
const COPY_SECONDS = 3
/** The pause before checking again whether another process has filled its empty item. */
const PAUSE_MS = 20

/** What a moved request needs from its handover. */
export interface Mover {
  readonly counts: { copied: number; absent: number }
  /** Whether the handover is over: do nothing on the previous host, and copy nothing. */
  readonly isOver: boolean
  /** Whether it is over because the fleet went back: only the previous host is used again. */
  readonly isReversed: boolean
  /** Sends a request to one host, without a fallback. */
  sendTo(host: Host, request: Request): void
  /** Sends a request to one host, without a retry. */
  send(host: Host, request: Request): void
  /** Sends a request to the key's host in the previous placement. */
  sendBefore(request: Request, previous: Host, isHomeBound: boolean): void
  /** Deletes a key on the fallback host on which processes that still announce read it. */
  clearStandIn(routeKey: string, wireKey: string, previous: Host, b: boolean): Promise<void>
  /** Sends a request to the key's host in the new placement. */
  place(request: Request): void
  /** Returns the key's host in the new placement; undefined if none is available. */
  hostFor(routeKey: string): Host | undefined
  /** Returns the home of a key in the new placement. */
  newHomeOf(routeKey: string): Host
  rename(routeKey: string, wireKey: string): readonly [string, string]
  /**
   * Records a change that the previous host missed: it must delete the key before its value is
   * used.
   */
  owePrevious(host: Host, request: Request): void
  /** Whether the new host may have items from an earlier time. */
  mayHaveLeftovers(host: Host): boolean
  clear(host: Host, key: WireKey): Promise<void>
  readonly operations: Operations
}

/** A command for a moving key: sends the steps of its plan to the key's previous and new host. */
export class MovedRequest implements MovedKey<unknown> {
  readonly #request: Request
  readonly #mover: Mover
  /**
   * The key's previous host. Undefined if it is down: it then never serves reads, and changes are
   * recorded as missed by it.
   */
  readonly #previous: Host | undefined
  readonly #formerHome: Host
  /** Whether only the previous placement is used, with its fallback hosts. */
  readonly #isServed: boolean
  readonly #finalMs: number
  readonly #b: boolean
  #isSent = false
  /** Whether the caller already has its result. */
  #isLate = false
  /** Whether the previous host has run the command. */
  #hasRun = false

  constructor(request: Request, mover: Mover, previous: Host, isDown: boolean, isServed: boolean) {
    this.#isServed = isServed
    this.#request = request
    this.#mover = mover
    this.#formerHome = previous
    this.#previous = isDown ? undefined : previous
    this.#finalMs = request.endMs(performance.now())
    this.#b = request.verb.debt?.(request).isBase64 === true
  }

  /** Whether a command that changes something may have been sent. */
  get isSent(): boolean {
    return this.#isSent
  }

  async run(at: HomeName): Promise<unknown> {
    if (at === 'previous' && !(await this.#isThere())) return undefined
    if (at === 'new' && (this.#isDone || (this.#isRead && !this.#isNewThere))) return undefined
    const { verb, context, body, flags, exptime, ordered } = this.#request
    const { args: given } = this.#request
    const args = verb.hasCasId === true ? casIdAt(at, given as bigint) : given
    if (args === OTHER_HOME) return 'exists'
    const key = await this.#keyAt(at)
    const { routeKey, wireKey } = key
    const copy = new Request(verb, routeKey, wireKey, context, args, body, flags, exptime)
    copy.ordered = ordered
    try {
      const result = entryAt(at, await this.#send(at, copy))
      this.#hasRun ||= at === 'previous'
      return result
    } finally {
      this.#request.attempt = copy.attempt
    }
  }

  isMiss(result: unknown): boolean {
    return result === undefined
  }

  both(first: unknown, second: unknown): unknown {
    return typeof first === 'boolean' ? first || second === true : (second ?? first)
  }

  /** Whether only the previous host is used any more, and has run the command. */
  get #isDone(): boolean {
    return this.#hasRun && this.#mover.isReversed
  }

  async has(at: HomeName): Promise<boolean> {
    const { isOver, isReversed } = this.#mover
    if (at === 'new' && (isReversed || !this.#isNewThere)) return false
    if (at === 'previous' && ((isOver && !isReversed) || this.#previous === undefined)) return false
    const key = await this.#keyAt(at)
    if (key.b) return (await this.#send(at, peek(key))) !== undefined
    const item = await this.#send(at, getsItem(key))
    return item !== undefined && !isEmptyItem(item)
  }

  async delete(at: HomeName): Promise<void> {
    if (at === 'previous' && !(await this.#isThere())) return
    if (at === 'new' && this.#isDone) return
    const key = await this.#keyAt(at)
    await this.#send(at, remove(key))
  }

  /**
   * Whether the previous host can get a change. If it is down, records that it missed the change,
   * and deletes the key on the host that replaces it.
   */
  async #isThere(): Promise<boolean> {
    const { isOver, isReversed } = this.#mover
    if (isOver && !isReversed) return false
    if (this.#previous === undefined) this.#mover.owePrevious(this.#formerHome, this.#request)
    if (!this.#isRead) {
      const { routeKey, wireKey } = this.#request
      await this.#mover.clearStandIn(routeKey!, wireKey, this.#formerHome, this.#b)
    }
    return this.#previous !== undefined
  }

  get #isRead(): boolean {
    return this.#request.verb.effect === 'read'
  }

  /**
   * Whether the item of the new host counts. While it is announced, its fallback hosts are not
   * asked: only the previous placement has them.
   */
  get #isNewThere(): boolean {
    return !this.#isServed || (!this.#isSplit && this.#newHome.usable)
  }

  get #newHome(): Host {
    return this.#mover.newHomeOf(this.#request.routeKey!)
  }

  /** Whether the home stays the same, and only the host differs that replaces it. */
  get #isSplit(): boolean {
    return this.#newHome === this.#formerHome
  }

  async copy(): Promise<void> {
    if (this.#previous === undefined) return
    if (await copyMoved(this.#copying(pauseALittle))) this.#mover.counts.copied++
  }

  /** Copies the item, without waiting if another process is copying it. */
  async copyNow(): Promise<CopyOutcome> {
    const copying = this.#copying(undefined)
    let outcome: CopyOutcome = 'absent'
    const elect = async (): Promise<CopyElection> => {
      const elected = await copying.elect()
      if (typeof elected === 'string') outcome = elected
      return elected
    }
    if (!(await copyMoved({ ...copying, elect }))) return outcome
    this.#mover.counts.copied++
    return 'copied'
  }

  copyLater(): void {
    this.#isLate = true
    const copying = copyMoved(this.#copying(undefined)).then(
      (isCopied) => {
        if (isCopied) this.#mover.counts.copied++
      },
      // A copy that fails is ignored: the next reader copies again.
      () => {},
    )
    void this.#mover.operations.during(copying)
  }

  #copying(pause: CopyableKey<PlacedItem>['pause']): CopyableKey<PlacedItem> {
    let home: Host | undefined
    let epoch = 0
    return {
      pause,
      elect: async () => {
        const key = await this.#keyAt('new')
        if (this.#mover.isOver) return 'there'
        const elected = await this.#send('new', elect(key, COPY_SECONDS))
        home = this.#mover.hostFor(key.routeKey)
        epoch = home?.epoch ?? 0
        return elected
      },
      peek: async () => {
        const item = await this.#send('previous', peek(await this.#keyAt('previous')))
        if (item === undefined) this.#mover.counts.absent++
        return item && copyOfItem(item)
      },
      fill: async (item, cas) => {
        const key = await this.#keyAt('new')
        return this.#isAt(home, epoch) ? this.#send('new', fill(key, item, cas), home) : false
      },
      release: async (cas) => {
        const key = await this.#keyAt('new')
        if (this.#isAt(home, epoch)) await this.#send('new', release(key, cas), home)
      },
    }
  }

  /** Whether CAS ids of this host still count: a server that was restarted starts from 1 again. */
  #isAt(home: Host | undefined, epoch: number): home is Host {
    return !this.#mover.isOver && home?.epoch === epoch
  }

  /**
   * Returns the key's names on its previous or new host, after old items of the key there were
   * deleted.
   */
  async #keyAt(at: HomeName): Promise<WireKey & { readonly routeKey: string }> {
    const { wireKey } = this.#request
    const routeKey = this.#request.routeKey!
    if (at === 'previous') {
      const [route, wire] = this.#mover.rename(routeKey, wireKey)
      return { routeKey: route, wireKey: wire, b: this.#b }
    }
    const key = { routeKey, wireKey, b: this.#b }
    const host = this.#mover.hostFor(routeKey)
    if (host !== undefined && this.#mover.mayHaveLeftovers(host)) await this.#mover.clear(host, key)
    return key
  }

  /** `once`: the host that alone may get the request, and only on its current connections. */
  #send<Result>(at: HomeName, request: Request<Result>, once?: Host): Promise<Result> {
    const { times, bounds, verb } = this.#request
    if (this.#request.settled && !this.#isLate) return Promise.reject(gaveUp(this.#request))
    request.times = times
    request.bounds = bounds
    if (!this.#isLate) request.finalMs = this.#finalMs
    const isChange = request.verb.effect !== 'read'
    this.#dispatch(at, request as Request, once)
    return request.promise.then(
      (result) => {
        this.#request.attempts += request.attempts
        if (isChange) this.#isSent = true
        return result
      },
      (error: unknown) => {
        this.#request.attempts += request.attempts
        if (request.sent) this.#isSent = true
        throw isMintringError(error) ? errorOf({ verb, sent: this.#isSent }, error) : error
      },
    )
  }

  #dispatch(at: HomeName, request: Request, once: Host | undefined): void {
    const mover = this.#mover
    if (once !== undefined) mover.send(once, request)
    else if (at === 'previous') {
      const isHomeBound = this.#request.binding === 'host'
      if (this.#isServed) mover.sendBefore(request, this.#formerHome, isHomeBound)
      else mover.sendTo(this.#previous!, request)
    } else if (this.#isServed && this.#isSplit) this.#sendToSplit(request)
    else mover.place(request)
  }

  /** Has processes that move values already find no older value on their fallback host. */
  #sendToSplit(request: Request): void {
    const host = this.#mover.hostFor(this.#request.routeKey!)
    if (host === undefined) request.reject(this.#formerHome.outError())
    else this.#mover.sendTo(host, request)
  }
}

/** The bit that marks CAS ids from a key's new host. Servers use 64 bits. */
const NEW_HOME = 1n << 64n

const OTHER_HOME: unique symbol = Symbol('other home')

/**
 * Returns the CAS id as its server knows it, or OTHER_HOME: ids of two servers cannot be compared.
 */
function casIdAt(at: HomeName, id: bigint): bigint | typeof OTHER_HOME {
  if ((at === 'new') !== id >= NEW_HOME) return OTHER_HOME
  return BigInt.asUintN(64, id)
}

/** Adds the bit to the CAS id in a `gets` result that says that it came from the new host. */
function entryAt(at: HomeName, result: unknown): unknown {
  const entry = result as { readonly cas?: unknown } | null | undefined
  if (at === 'previous' || typeof entry?.cas !== 'bigint') return result
  return { ...entry, cas: entry.cas | NEW_HOME }
}

/** The result of moving a key at once. */
export type CopyOutcome = 'copied' | 'there' | 'held' | 'absent' | 'stays' | 'early' | 'late'

/** A verb that is never sent: stands for the command when a key is moved without one. */
const MOVE: Verb = verbOf({ name: 'move', effect: 'read', repeatable: true, accept: () => true })

/** Moves a key now. */
export function copyOf(
  routeKey: string,
  wireKey: string,
  mover: Mover,
  previous: Host,
): Promise<CopyOutcome> {
  const request = new Request(MOVE, routeKey, wireKey, undefined)
  request.times = previous.settings
  return new MovedRequest(request, mover, previous, false, false).copyNow()
}

/**
 * Returns the item to copy; undefined if it is empty. The server's stale mark cannot be copied in
 * the same command as the item, and a reader could come between. A refill's value gets a mark in
 * its own flags instead; a stale value of a plain set is not copied.
 */
export function copyOfItem(item: PlacedItem): PlacedItem | undefined {
  if (isEmptyItem(item)) return undefined
  if (!item.isStale) return item
  if ((item.flags & Stamp.Refill) === 0) return undefined
  return { ...item, flags: item.flags | Stamp.Marked }
}

async function pauseALittle(): Promise<void> {
  await new Promise((wake) => setTimeout(wake, PAUSE_MS))
}

/**
 * Whether an item is empty and has no flags. It then stands for a value that is being loaded or
 * copied.
 */
function isEmptyItem({ body, flags }: PlacedItem): boolean {
  return body.length === 0 && (flags & 1) === 0
}

function gaveUp({ verb }: Request): MintringError {
  return new MintringError('MINTRING_ABORTED', 'The caller gave up', { command: verb.name })
}
