import { createPool } from 'generic-pool'
import { MintringError } from '../errors.ts'
import { Lane } from './lane.ts'
import type { LaneOwner } from './lane-owner.ts'

/** How many lanes a host gets. */
export interface LaneBounds {
  readonly min: number
  readonly max: number
  /** How long an unused lane beyond `min` stays; 0: for good. */
  readonly idleMs: number
}

/** What the pool may ever hold; `LaneBounds.max` can change while it runs. */
const POOL_MAX = 1024

/**
 * The lanes of one host. generic-pool owns their birth, number and end; they are on standing loan,
 * so that a command never borrows one. A lane is born closed, and its birth cannot fail: the pool
 * would try again without pause. When to dial is the host's decision.
 */
export class Lanes {
  readonly #pool: ReturnType<typeof createPool<Lane>>
  readonly #standing: Lane[] = []
  readonly #first: Lane
  #bounds: LaneBounds
  #isGrowing = false
  #isClosed = false
  #idleTimer: NodeJS.Timeout | undefined

  constructor(owner: LaneOwner<Lane>, bounds: LaneBounds) {
    this.#bounds = bounds
    const born: Lane[] = []
    const create = (): Promise<Lane> => {
      const lane = new Lane(owner)
      born.push(lane)
      return Promise.resolve(lane)
    }
    this.#pool = createPool<Lane>(
      { create, destroy: () => Promise.resolve() },
      { max: POOL_MAX, min: 0, evictionRunIntervalMillis: 0 },
    )
    // The pool creates at once and hands out later; who sends first cannot wait for that.
    void this.#pool.acquire()
    this.#first = born[0]!
    this.#standing.push(this.#first)
  }

  /** Where requests go, and all that must keep their order. It is there from the beginning. */
  get first(): Lane {
    return this.#first
  }

  get all(): readonly Lane[] {
    return this.#standing
  }

  set bounds(bounds: LaneBounds) {
    this.#bounds = bounds
  }

  /** Whether any lane is open. */
  get isOpen(): boolean {
    return this.#standing.some((lane) => lane.state === 'open')
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
   * The lane for the next request: the first, so that a turn's requests share a write, unless it is
   * busy and another is not. A turn that began on a lane stays there.
   */
  pick(mayGrow: boolean): Lane {
    const first = this.#first
    if (this.#bounds.max === 1 || first.isGathering || !first.isBusy) return first
    for (const lane of this.#standing) {
      if (lane.state === 'open' && !lane.isBusy) return lane
    }
    const opening = this.#standing.find((lane) => lane.state === 'opening')
    if (opening !== undefined) return opening
    if (mayGrow) this.#grow()
    return first
  }

  /** Adds lanes up to `min`, once the first is open. */
  warm(): void {
    if (this.#standing.length < this.#bounds.min) this.#grow()
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
    for (const lane of [...this.#standing]) lane.close(error)
  }

  /** Lets all lanes answer what they hold, then ends them for good. */
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

  #grow(): void {
    if (this.#isGrowing || this.#isClosed || this.#standing.length >= this.#bounds.max) return
    this.#isGrowing = true
    void this.#pool.acquire().then((lane) => {
      this.#isGrowing = false
      if (this.#isClosed) return void this.#destroy(lane)
      this.#standing.push(lane)
      lane.open()
      this.#watchIdle()
      if (this.#standing.length < this.#bounds.min) this.#grow()
    })
  }

  #watchIdle(): void {
    const { idleMs } = this.#bounds
    if (idleMs === 0 || this.#idleTimer !== undefined) return
    this.#idleTimer = setInterval(() => this.#shrink(), Math.max(1, idleMs / 2))
    this.#idleTimer.unref()
  }

  /** Gives lanes that nobody used for a while back to the pool, to be ended. */
  #shrink(): void {
    const idleSinceMs = performance.now() - this.#bounds.idleMs
    while (this.#standing.length > Math.max(1, this.#bounds.min)) {
      const lane = this.#standing.at(-1)!
      if (lane.inFlight + lane.queued > 0 || lane.activeMs > idleSinceMs) return
      lane.close(new MintringError('MINTRING_CONNECTION', 'Closed: the lane was not used'))
      this.drop(lane)
    }
    clearInterval(this.#idleTimer)
    this.#idleTimer = undefined
  }
}
