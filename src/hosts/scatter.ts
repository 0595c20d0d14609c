import { isMintringError, MintringError } from '../errors.ts'
import type { Group, Request, Router } from '../net/request.ts'
import type { Cluster } from './cluster.ts'
import type { Host } from './host.ts'
import { errorOf } from './next-step.ts'
import { TimeSlice } from './time-slice.ts'

/**
 * The maximum number of groups and moving keys that are sent at once. Enough to keep all hosts
 * busy, with bounded memory.
 */
const MAX_GROUPS = 64

/** How many keys of one host are collected before a group is sent. */
const GATHERED_KEYS = 512

/** The keys of a batch, and how one verb handles a part of them. Positions are indexes of keys. */
export interface Batch {
  readonly size: number
  readonly isRead: boolean
  /** Whether a key is not sent. */
  isSkipped(position: number): boolean
  routeKey(position: number): string
  wireKey(position: number): string
  /**
   * Returns where a group that starts at `first` must end, so that it fits one line or one write.
   */
  cut(positions: readonly number[], first: number): number
  /** Returns one request for these keys. The batch keeps the result of each key. */
  request(positions: readonly number[]): Request<void>
  /** Treats a key as a miss: its host is down, and `failover` is 'miss'. */
  miss(position: number): void
  /** Runs the verb for a single key. */
  alone(position: number): Promise<void>
  /** Sends a request to a host with the caller's options. Throws when it cannot start. */
  send(host: Host, request: Request): void
}

/** The positions of a batch that failed, with the reason. */
export type Failures = ReadonlyMap<number, MintringError>

/** What a retried group keeps of the failed one. */
type Past = Pick<Request, 'verb' | 'past' | 'finalMs' | 'sent'>

/** One request of a batch, and the keys in it. */
class KeyGroup implements Group {
  readonly positions: readonly number[]
  readonly request: Request<void>
  /** Whether its keys were sent on to other hosts. */
  isSentOn = false
  readonly #scatter: Scatter

  constructor(scatter: Scatter, request: Request<void>, positions: readonly number[]) {
    this.#scatter = scatter
    this.request = request
    this.positions = positions
  }

  get size(): number {
    return this.positions.length
  }

  routeKey(index: number): string {
    return this.#scatter.batch.routeKey(this.positions[index]!)
  }

  wireKey(index: number): string {
    return this.#scatter.batch.wireKey(this.positions[index]!)
  }

  regroup(failed: Router | undefined, error: MintringError): void {
    this.isSentOn = true
    this.#scatter.sendOn(this, failed as Host | undefined, error)
    this.request.reject(error)
  }

  miss(): void {
    for (const position of this.positions) this.#scatter.batch.miss(position)
    this.request.resolve()
  }
}

/**
 * Runs a batch of any size. Splits it by host into requests of limited size, with bounded
 * concurrency. If a host fails, its keys are retried elsewhere by the same rules as single
 * commands.
 */
export class Scatter {
  readonly batch: Batch
  readonly #cluster: Cluster
  #failed: Map<number, MintringError> | undefined
  /** The error that ends the whole batch, such as an abort or a closed client. */
  #end: unknown
  /** The last group that was sent, fully or in part. */
  #sent: Request<void> | undefined
  #underWay = 0
  #wake: (() => void) | undefined

  constructor(cluster: Cluster, batch: Batch) {
    this.#cluster = cluster
    this.batch = batch
  }

  /** Resolves to the positions that failed. Rejects with an error that ends the whole batch. */
  async run(): Promise<Failures> {
    const { batch } = this
    const slice = new TimeSlice()
    const open = new Map<Host, number[]>()
    for (let position = 0; position < batch.size; position++) {
      if (this.#end !== undefined) break
      if (!batch.isSkipped(position)) this.#join(open, position)
      if (this.#underWay >= this.#maxGroups) await this.#hasRoom(this.#maxGroups - 1)
      if (slice.isOver()) await slice.next()
    }
    for (const [host, left] of open) {
      for (let first = 0; first < left.length; ) {
        if (this.#underWay >= this.#maxGroups) await this.#hasRoom(this.#maxGroups - 1)
        first = this.#startFrom(host, left, first)
      }
    }
    await this.#hasRoom(0)
    if (this.#end !== undefined) throw this.#endError()
    return this.#failed ?? NO_FAILURES
  }

  /** Adds a key to its host's group, and sends the group when it is large. */
  #join(open: Map<Host, number[]>, position: number): void {
    const host = this.#routeOf(position, Number.POSITIVE_INFINITY)
    if (host === undefined) return
    const group = open.get(host)
    if (group === undefined) {
      open.set(host, [position])
      return
    }
    group.push(position)
    if (group.length < GATHERED_KEYS) return
    this.#start(host, group.splice(0, this.batch.cut(group, 0)))
  }

  /** Returns the host whose group a key joins; undefined if the key goes alone or has no host. */
  #routeOf(
    position: number,
    untilMs: number,
    failed?: Host,
    error?: MintringError,
    past?: Past,
  ): Host | undefined {
    const { isRead } = this.batch
    const routeKey = this.batch.routeKey(position)
    // A moving key needs commands on two hosts, so it cannot be part of a group for one host.
    if (this.#cluster.handovers.gate?.isMoving(routeKey) === true) {
      this.#startAlone(position)
      return undefined
    }
    const { routes } = this.#cluster
    const host = routes.next(routes.inUse, routeKey, isRead, untilMs, failed, error)
    if (!(host instanceof MintringError)) return host
    if (!isRead) this.#cluster.noteUnreached(routeKey, this.batch.wireKey(position))
    if (this.#cluster.policy.failover === 'miss' && host.code !== 'MINTRING_AUTH') {
      this.batch.miss(position)
    } else this.#fail(position, past === undefined ? host : errorOf(past, host))
    return undefined
  }

  #start(host: Host, positions: readonly number[], past?: Past): void {
    if (this.#end !== undefined) return
    const request = this.batch.request(positions)
    if (past !== undefined) {
      request.finalMs = past.finalMs
      request.sent = past.sent
      if (past.past !== undefined) request.past = { ...past.past, hereUntilMs: 0 }
    }
    const group = new KeyGroup(this, request, positions)
    request.group = group
    this.#underWay++
    request.promise.then(
      () => this.#ended(group),
      (error: unknown) => this.#ended(group, error),
    )
    try {
      this.batch.send(host, request)
    } catch (error) {
      request.reject(error)
    }
  }

  /** Sends the keys of a failed group to their next hosts. */
  sendOn({ positions, request }: KeyGroup, failed: Host | undefined, error: MintringError): void {
    const groups = new Map<Host, number[]>()
    for (const position of positions) {
      const host = this.#routeOf(position, request.finalMs, failed, error, request)
      if (host === undefined) continue
      const group = groups.get(host)
      if (group === undefined) groups.set(host, [position])
      else group.push(position)
    }
    for (const [host, group] of groups) {
      for (let first = 0; first < group.length; ) {
        first = this.#startFrom(host, group, first, request)
      }
    }
  }

  #startAlone(position: number): void {
    if (this.#end !== undefined) return
    this.#underWay++
    this.batch
      .alone(position)
      .catch((error: unknown) => {
        if (isFateOfKeys(error)) this.#fail(position, error)
        else this.#end ??= error
      })
      .finally(() => {
        this.#underWay--
        this.#wake?.()
      })
  }

  /** Starts a group of the positions from `first` on. Returns where the next one begins. */
  #startFrom(host: Host, positions: readonly number[], first: number, past?: Past): number {
    const end = this.batch.cut(positions, first)
    const isAll = first === 0 && end === positions.length
    this.#start(host, isAll ? positions : positions.slice(first, end), past)
    return end
  }

  #ended({ request, positions, isSentOn }: KeyGroup, error?: unknown): void {
    this.#underWay--
    if (request.sent) this.#sent = request
    if (error !== undefined && !isSentOn) {
      if (isFateOfKeys(error)) for (const position of positions) this.#fail(position, error)
      else this.#end ??= error
    }
    this.#wake?.()
  }

  #fail(position: number, error: MintringError): void {
    this.#failed ??= new Map()
    this.#failed.set(position, error)
  }

  /** How many groups are sent at once: a batch alone must not fill half of the queue of a host. */
  get #maxGroups(): number {
    return Math.max(1, Math.min(MAX_GROUPS, this.#cluster.policy.maxQueuedPerHost >> 1))
  }

  /** Returns the error that ended the batch; `sent` is true if any of it may have been executed. */
  #endError(): unknown {
    const end = this.#end
    if (this.#sent === undefined || !isMintringError(end) || end.sent) return end
    return errorOf(this.#sent, end)
  }

  /** Waits until at most `max` groups are pending. */
  async #hasRoom(max: number): Promise<void> {
    while (this.#underWay > max) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

const NO_FAILURES: Failures = new Map()

/** Whether an error concerns some keys only, and does not end the whole batch. */
export function isFateOfKeys(error: unknown): error is MintringError {
  if (!isMintringError(error)) return false
  return error.code !== 'MINTRING_ABORTED' && error.code !== 'MINTRING_CLOSED'
}
