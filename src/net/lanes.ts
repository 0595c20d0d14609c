import { createPool } from 'generic-pool'
import { MintringError } from '../errors.ts'
import { clearInterval, performance, setInterval } from '../runtime.ts'
import { Lane } from './lane.ts'
import type { LaneOwner } from './lane-owner.ts'
import type { Request } from './request.ts'
import './shapes.ts'

/** The limits for the number of connections to a host. */
export interface LaneBounds {
  /** How many connections are kept open, once opened. */
  readonly min: number
  /** The maximum number of connections. */
  readonly max: number
  /** After how many ms an unused connection beyond `min` is closed; 0: never. */
  readonly idleMs: number
}

/** The maximum number of connections that serve a single request each. */
const MAX_APART = 8

/**
 * The maximum number of connections for generic-pool, which cannot change later. Our own limit,
 * `LaneBounds.max`, may change at any time and is checked here.
 */
const POOL_MAX = 1024

/**
 * The connections of one host. The package generic-pool creates, counts and destroys them, but
 * lends each one permanently, so that commands need not borrow one. Creating one does not dial and
 * cannot fail, because the pool would retry without a pause. The host decides when to dial.
 */
export class Lanes {
  readonly #pool = createPool<Lane>(
    { create: async () => this.#births.shift()!, destroy: async () => {} },
    { max: POOL_MAX, min: 0, evictionRunIntervalMillis: 0 },
  )
  readonly #standing: Lane[] = []
  readonly #first: Lane
  readonly #apart = new Set<Lane>()
  #bounds: LaneBounds
  /** New connections that the pool has yet to register, which it does asynchronously. */
  readonly #births: Lane[] = []
  readonly #owner: LaneOwner<Lane>
  #isClosed = false
  #pausedUntilMs = 0
  #idleTimer: NodeJS.Timeout | undefined

  constructor(owner: LaneOwner<Lane>, bounds: LaneBounds) {
    this.#owner = owner
    this.#bounds = bounds
    this.#first = this.#borrow()
  }

  /**
   * The default connection, which also carries all requests that must stay in order. This object
   * always exists, and opens again after the connection ended.
   */
  get first(): Lane {
    return this.#first
  }

  get all(): readonly Lane[] {
    return this.#standing
  }

  /**
   * Sets new limits at once: connections beyond `max` finish their requests and close; missing ones
   * up to `min` are opened.
   */
  set bounds(bounds: LaneBounds) {
    this.#bounds = bounds
    clearInterval(this.#idleTimer)
    this.#idleTimer = undefined
    for (const lane of this.#standing.slice(bounds.max)) lane.drain(unused())
    if (this.isOpen) this.warm()
  }

  /** Fails the requests that were not sent yet, and ends the connections that are not open. */
  giveBack(error: MintringError): void {
    for (const lane of [...this.#standing, ...this.#apart]) {
      if (lane.state === 'open') lane.giveBack(error)
      else lane.close(error)
    }
  }

  /** Opens no further connection before `untilMs`, because the server has just rejected one. */
  pause(untilMs: number): void {
    this.#pausedUntilMs = untilMs
  }

  /** Whether any connection is open. */
  get isOpen(): boolean {
    return this.#standing.some((lane) => lane.state === 'open')
  }

  /** The number of open connections, and of the requests on all connections. */
  get counts(): { readonly lanes: number; readonly inFlight: number; readonly queued: number } {
    const counts = { lanes: 0, inFlight: 0, queued: 0 }
    for (const lane of this.#standing) {
      if (lane.state === 'open') counts.lanes++
      counts.inFlight += lane.inFlight
      counts.queued += lane.queued
    }
    return counts
  }

  /** The number of requests on all connections. */
  get load(): number {
    const standing = this.#standing
    let load = 0
    // Hot path: V8 has less to inline here than in an iteration.
    for (let i = 0; i < standing.length; i++) load += standing[i]!.inFlight + standing[i]!.queued
    return load
  }

  /** The bytes of values that are queued on all connections. */
  get queuedBytes(): number {
    let bytes = 0
    for (const lane of this.#standing) bytes += lane.queuedBytes
    return bytes
  }

  /**
   * Returns the connection for a request. Usually the first, so that the requests of a tick share
   * one write; another one if the first is busy or closed. A tick that started on a connection
   * stays there. So does a retried change that its earlier connection may still execute: on another
   * connection the retry could run first, and the late first attempt would undo what followed.
   */
  pick(request: Request, mayGrow: boolean): Lane {
    const first = this.#first
    const isFirst =
      request.ordered || first.isGathering || (first.state === 'open' && !first.isBusy)
    if (isFirst && request.past === undefined) return first
    return this.#holding(request) ?? (isFirst ? first : this.#second(mayGrow))
  }

  /** Returns a connection beside the first, which is closed or busy. */
  #second(mayGrow: boolean): Lane {
    const first = this.#first
    for (const lane of this.#standing) {
      if (lane.state === 'open' && !lane.isBusy) return lane
    }
    if (!first.isBusy) return first
    const other = this.#standing.find((lane) => lane.state === 'opening') ?? this.#grow(mayGrow)
    // If only its socket is full, wait for the first connection: a socket drains sooner than a dial
    // takes. If it gets no replies, use another one.
    return first.isStalled ? (other ?? first) : first
  }

  /** Whether another connection than the first may still execute an earlier attempt. */
  isHeldBeside(request: Request): boolean {
    const held = this.#holding(request)
    return held !== undefined && held !== this.#first
  }

  /** Returns the connection that may still execute an earlier attempt of the request. */
  #holding({ past }: Request): Lane | undefined {
    const heldBy = past?.heldBy
    if (heldBy === undefined || heldBy.lane.life !== heldBy.life) return undefined
    return this.#standing.find((lane) => lane === heldBy.lane && lane.state === 'open')
  }

  /**
   * Opens a connection for this one request, which ends with it; undefined when there are too many.
   */
  apart(request: Request): Lane | undefined {
    if (this.#isClosed || this.#apart.size >= MAX_APART) return undefined
    const lane = this.#borrow()
    this.#standing.pop()
    this.#apart.add(lane)
    lane.open()
    const end = (): void => {
      this.#apart.delete(lane)
      lane.close(new MintringError('MINTRING_CONNECTION', 'Closed: it was opened for one command'))
      void this.#destroy(lane)
    }
    request.promise.then(end, end)
    return lane
  }

  /** Whether the connection carries a single request: its end says nothing about the host. */
  isApart(lane: Lane): boolean {
    return this.#apart.has(lane)
  }

  /** Opens connections up to `min`, once the first is open. */
  warm(): void {
    while (this.#standing.length < this.#bounds.min && this.#grow(true) !== undefined);
    if (this.#standing.length > this.#bounds.min) this.#watchIdle()
  }

  /** Removes a connection that ended, except the first, which can open again. */
  drop(lane: Lane): void {
    const index = this.#standing.indexOf(lane)
    if (index < 1) return
    this.#standing.splice(index, 1)
    void this.#destroy(lane)
  }

  /** Ends all connections now; the first one can open again. */
  closeAll(error: MintringError): void {
    for (const lane of [...this.#standing, ...this.#apart]) lane.close(error)
  }

  /** Ends all connections except one. */
  closeOthers(kept: Lane, message: string): void {
    const error = new MintringError('MINTRING_CONNECTION', message)
    for (const lane of [...this.#standing]) if (lane !== kept) lane.close(error)
  }

  /** Ends all connections for good after their requests have their replies. */
  drain(error: MintringError): void {
    this.#isClosed = true
    clearInterval(this.#idleTimer)
    for (const lane of this.#standing) lane.drain(error)
    void this.#endPool()
  }

  async #endPool(): Promise<void> {
    await Promise.all(this.#standing.map((lane) => this.#destroy(lane)))
    await this.#pool.drain()
  }

  async #destroy(lane: Lane): Promise<void> {
    if (this.#pool.isBorrowedResource(lane)) await this.#pool.destroy(lane)
  }

  #grow(mayGrow: boolean): Lane | undefined {
    if (!mayGrow || this.#isClosed || this.#standing.length >= this.#bounds.max) return undefined
    if (performance.now() < this.#pausedUntilMs) return undefined
    const lane = this.#borrow()
    lane.open()
    this.#watchIdle()
    return lane
  }

  /** Creates a connection. Requests do not wait until the pool has registered it. */
  #borrow(): Lane {
    const lane = new Lane(this.#owner)
    this.#births.push(lane)
    this.#standing.push(lane)
    void this.#pool.acquire()
    return lane
  }

  /** Whether there are connections that may be closed when idle. */
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

  /** Closes idle connections and returns them to the pool. */
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
    // The first connection is only closed: the next request opens it again.
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
