import type { Pool } from 'generic-pool'
import { MintringError } from '../errors.ts'
import { clearInterval, performance, setInterval } from '../runtime.ts'
import { Lane } from './lane.ts'
import type { LaneOwner } from './lane-owner.ts'
import type { Past, Request } from './request.ts'

/** How many lanes a host gets. */
export interface LaneBounds {
  /** Connections that are always kept, once there. */
  readonly min: number
  /** Connections there may be at most. */
  readonly max: number
  /** How long an unused lane beyond `min` stays; 0: for good. */
  readonly idleMs: number
}

/** Lanes for one request each at once. */
const MAX_APART = 8

/** What the pool may ever hold; `LaneBounds.max` can change while it runs. */
const POOL_MAX = 1024

/**
 * The lanes of one host. generic-pool owns their birth, number and end; they are on standing loan,
 * so that a command never borrows one. A lane is born closed, and its birth cannot fail: the pool
 * would try again without pause. When to dial is the host's decision.
 */
export class Lanes {
  readonly #pool: Promise<Pool<Lane>>
  readonly #standing: Lane[] = []
  readonly #first: Lane
  readonly #apart = new Set<Lane>()
  #bounds: LaneBounds
  /** Lanes that the pool has not lent yet: it is loaded with the first, and lends later. */
  readonly #births: Lane[] = []
  readonly #owner: LaneOwner<Lane>
  #isClosed = false
  #pausedUntilMs = 0
  #idleTimer: NodeJS.Timeout | undefined

  constructor(owner: LaneOwner<Lane>, bounds: LaneBounds) {
    this.#owner = owner
    this.#bounds = bounds
    this.#pool = this.#makePool()
    this.#first = this.#borrow()
  }

  /** Where requests go, and all that must keep their order. It is there from the beginning. */
  get first(): Lane {
    return this.#first
  }

  get all(): readonly Lane[] {
    return this.#standing
  }

  /** Counts at once: lanes beyond `max` finish what they hold, those up to `min` are made. */
  set bounds(bounds: LaneBounds) {
    this.#bounds = bounds
    clearInterval(this.#idleTimer)
    this.#idleTimer = undefined
    for (const lane of this.#standing.slice(bounds.max)) lane.drain(unused())
    if (this.isOpen) this.warm()
  }

  /** Ends the lanes that are not open; what they hold fails with `error`. */
  closeUnopened(error: MintringError): void {
    for (const lane of [...this.#standing, ...this.#apart]) {
      if (lane.state !== 'open') lane.close(error)
    }
  }

  /** Adds no lane before `untilMs`: the server just refused one. */
  pause(untilMs: number): void {
    this.#pausedUntilMs = untilMs
  }

  /** Whether any lane is open. */
  get isOpen(): boolean {
    return this.#standing.some((lane) => lane.state === 'open')
  }

  /** Lanes that are open, and the requests on all of them. */
  get counts(): { readonly lanes: number; readonly inFlight: number; readonly queued: number } {
    const counts = { lanes: 0, inFlight: 0, queued: 0 }
    for (const lane of this.#standing) {
      if (lane.state === 'open') counts.lanes++
      counts.inFlight += lane.inFlight
      counts.queued += lane.queued
    }
    return counts
  }

  /** Requests on all lanes. */
  get load(): number {
    let load = 0
    for (const lane of this.#standing) load += lane.inFlight + lane.queued
    return load
  }

  /** Bytes of values on all lanes. */
  get queuedBytes(): number {
    let bytes = 0
    for (const lane of this.#standing) bytes += lane.queuedBytes
    return bytes
  }

  /**
   * The lane for a request: the first, so that a turn's requests share a write, unless it is busy
   * or gone and another is not. A turn that began on a lane stays there. A change that the server
   * may still execute on a lane stays there too: on another one its second attempt could be
   * overtaken by the first, which then undoes what followed.
   */
  pick(request: Request, mayGrow: boolean): Lane {
    const held = request.past === undefined ? undefined : this.#holding(request.past)
    if (held !== undefined) return held
    const first = this.#first
    if (request.ordered || first.isGathering || (first.state === 'open' && !first.isBusy))
      return first
    for (const lane of this.#standing) {
      if (lane.state === 'open' && !lane.isBusy) return lane
    }
    if (!first.isBusy) return first
    const other = this.#standing.find((lane) => lane.state === 'opening') ?? this.#grow(mayGrow)
    // A socket that is only full will be faster than a dial.
    return first.isStalled ? (other ?? first) : first
  }

  /** The lane where an earlier attempt was left. */
  #holding({ heldBy }: Past): Lane | undefined {
    if (heldBy === undefined || heldBy.lane.life !== heldBy.life) return undefined
    return this.#standing.find((lane) => lane === heldBy.lane && lane.state === 'open')
  }

  /** A lane for one request, which ends with it; undefined when there are too many. */
  apart(request: Request): Lane | undefined {
    if (this.#isClosed || this.#apart.size >= MAX_APART) return undefined
    const lane = this.#borrow()
    this.#standing.pop()
    this.#apart.add(lane)
    lane.open()
    const end = (): void => {
      this.#apart.delete(lane)
      lane.close(new MintringError('MINTRING_CONNECTION', 'Closed: the lane was for one command'))
      void this.#destroy(lane)
    }
    request.promise.then(end, end)
    return lane
  }

  /** The lane was made for one request: what becomes of it says nothing of the host. */
  isApart(lane: Lane): boolean {
    return this.#apart.has(lane)
  }

  /** Adds lanes up to `min`, once the first is open. */
  warm(): void {
    while (this.#standing.length < this.#bounds.min && this.#grow(true) !== undefined);
    if (this.#standing.length > this.#bounds.min) this.#watchIdle()
  }

  /** Forgets a lane that ended, unless it is the first, which can open again. */
  drop(lane: Lane): void {
    const index = this.#standing.indexOf(lane)
    if (index < 1) return
    this.#standing.splice(index, 1)
    void this.#destroy(lane)
  }

  /** Ends all lanes now; the first one can open again. */
  closeAll(error: MintringError): void {
    for (const lane of [...this.#standing, ...this.#apart]) lane.close(error)
  }

  /** Ends all lanes but one. */
  closeOthers(kept: Lane, message: string): void {
    const error = new MintringError('MINTRING_CONNECTION', message)
    for (const lane of [...this.#standing]) if (lane !== kept) lane.close(error)
  }

  /** Lets all lanes answer what they hold, then ends them for good. */
  drain(error: MintringError): void {
    this.#isClosed = true
    clearInterval(this.#idleTimer)
    for (const lane of this.#standing) lane.drain(error)
    void this.#endPool()
  }

  /** Loaded here rather than at the top, which would cost processes that only import us. */
  async #makePool(): Promise<Pool<Lane>> {
    const { createPool } = await import('generic-pool')
    return createPool<Lane>(
      { create: async () => this.#births.shift()!, destroy: async () => {} },
      { max: POOL_MAX, min: 0, evictionRunIntervalMillis: 0 },
    )
  }

  async #endPool(): Promise<void> {
    await Promise.all(this.#standing.map((lane) => this.#destroy(lane)))
    await (await this.#pool).drain()
  }

  async #destroy(lane: Lane): Promise<void> {
    const pool = await this.#pool
    if (pool.isBorrowedResource(lane)) await pool.destroy(lane)
  }

  #grow(mayGrow: boolean): Lane | undefined {
    if (!mayGrow || this.#isClosed || this.#standing.length >= this.#bounds.max) return undefined
    if (performance.now() < this.#pausedUntilMs) return undefined
    const lane = this.#borrow()
    lane.open()
    this.#watchIdle()
    return lane
  }

  /** A loan for good. The pool hands the lane out later: requests cannot wait for that. */
  #borrow(): Lane {
    const lane = new Lane(this.#owner)
    this.#births.push(lane)
    this.#standing.push(lane)
    void this.#pool.then((pool) => pool.acquire())
    return lane
  }

  /** There are lanes that may be closed when they idle. */
  get #hasSpare(): boolean {
    const { min } = this.#bounds
    if (this.#standing.length > Math.max(1, min)) return true
    return min === 0 && this.#first.state === 'open'
  }

  #watchIdle(): void {
    const { idleMs } = this.#bounds
    if (idleMs === 0 || this.#idleTimer !== undefined || !this.#hasSpare) return
    this.#idleTimer = setInterval(() => this.#shrink(), Math.max(1, idleMs / 2))
    this.#idleTimer.unref()
  }

  /** Gives idle lanes back to the pool, which ends them. */
  #shrink(): void {
    const idleSinceMs = performance.now() - this.#bounds.idleMs
    const isUsed = (lane: Lane): boolean =>
      lane.inFlight + lane.queued > 0 || lane.activeMs > idleSinceMs
    while (this.#standing.length > Math.max(1, this.#bounds.min)) {
      const lane = this.#standing.at(-1)!
      if (isUsed(lane)) return
      lane.close(unused())
      this.drop(lane)
    }
    // The first lane stands for good: the next request opens it again.
    if (this.#bounds.min === 0 && this.#first.state === 'open') {
      if (isUsed(this.#first)) return
      this.#first.close(unused())
    }
    clearInterval(this.#idleTimer)
    this.#idleTimer = undefined
  }
}

function unused(): MintringError {
  return new MintringError('MINTRING_CONNECTION', 'Closed: the connection was not used')
}
