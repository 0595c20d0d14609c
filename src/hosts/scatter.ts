import { isMintringError, MintringError } from '../errors.ts'
import type { Group, Request, Router } from '../net/request.ts'
import type { Cluster } from './cluster.ts'
import type { Host } from './host.ts'
import { errorOf } from './next-step.ts'
import { DialPace } from './pace.ts'

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
  send(host: Host, request: Request<void>): void
}

/** What a retried group keeps of the failed one. */
type Past = Pick<Request, 'verb' | 'past' | 'finalMs' | 'sent'>

/**
 * Runs a batch of any size. Splits it by host into requests of limited size, with bounded
 * concurrency. If a host fails, its keys are retried elsewhere by the same rules as single
 * commands.
 */
export class Scatter {
  readonly #cluster: Cluster
  readonly #batch: Batch
  /** The positions that failed, with the reason. */
  readonly #failed = new Map<number, MintringError>()
  /** The error that ends the whole batch, such as an abort or a closed client. */
  #end: unknown
  /** The last group that was sent, fully or in part. */
  #sent: Request<void> | undefined
  #underWay = 0
  #wake: (() => void) | undefined

  constructor(cluster: Cluster, batch: Batch) {
    this.#cluster = cluster
    this.#batch = batch
  }

  /**
   * Resolves to the positions that failed, with the reason. Rejects with an error that ends the
   * whole batch.
   */
  async run(positions: Iterable<number>): Promise<ReadonlyMap<number, MintringError>> {
    const pace = new DialPace()
    const open = new Map<Host, number[]>()
    for (const position of positions) {
      if (this.#end !== undefined) break
      this.#join(open, position)
      if (this.#underWay >= MAX_GROUPS) await this.#hasRoom(MAX_GROUPS - 1)
      if (pace.isDue()) await pace.rest()
    }
    for (const [host, left] of open) this.#startAll(host, left)
    await this.#hasRoom(0)
    if (this.#end !== undefined) throw this.#endError()
    return this.#failed
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
    this.#start(host, group.splice(0, this.#batch.cut(group, 0)))
  }

  /** Returns the host whose group a key joins; undefined if the key goes alone or has no host. */
  #routeOf(
    position: number,
    untilMs: number,
    failed?: Host,
    error?: MintringError,
    past?: Past,
  ): Host | undefined {
    const { isRead } = this.#batch
    const routeKey = this.#batch.routeKey(position)
    // A moving key needs commands on two hosts, so it cannot be part of a group for one host.
    if (this.#cluster.handover?.isMoving(routeKey) === true) {
      this.#startAlone(position)
      return undefined
    }
    const host = this.#cluster.routeFor(routeKey, isRead, untilMs, failed, error)
    if (!(host instanceof MintringError)) return host
    if (this.#cluster.policy.failover === 'miss' && host.code !== 'MINTRING_AUTH') {
      if (!isRead) this.#cluster.noteUnreached(routeKey, this.#batch.wireKey(position))
      this.#batch.miss(position)
    } else this.#failed.set(position, past === undefined ? host : errorOf(past, host))
    return undefined
  }

  #start(host: Host, positions: readonly number[], past?: Past): void {
    if (this.#end !== undefined) return
    const request = this.#batch.request(positions)
    if (past !== undefined) {
      request.finalMs = past.finalMs
      request.sent = past.sent
      if (past.past !== undefined) request.past = { ...past.past, hereUntilMs: 0 }
    }
    const group = this.#groupOf(request, positions)
    request.group = group
    this.#underWay++
    request.promise.then(
      () => this.#ended(request),
      (error: unknown) => {
        if (group.isSentOn) this.#ended(request)
        else this.#ended(request, positions, error)
      },
    )
    try {
      this.#batch.send(host, request)
    } catch (error) {
      request.reject(error)
    }
  }

  #groupOf(request: Request<void>, positions: readonly number[]): Group & { isSentOn: boolean } {
    const batch = this.#batch
    const group = {
      isSentOn: false,
      size: positions.length,
      routeKey: (index: number) => batch.routeKey(positions[index]!),
      wireKey: (index: number) => batch.wireKey(positions[index]!),
      regroup: (failed: Router | undefined, error: MintringError) => {
        group.isSentOn = true
        this.#regroup(positions, request, failed as Host | undefined, error)
        request.reject(error)
      },
      miss: () => {
        for (const position of positions) batch.miss(position)
        request.resolve()
      },
    }
    return group
  }

  #regroup(
    positions: readonly number[],
    past: Past,
    failed: Host | undefined,
    error: MintringError,
  ): void {
    const groups = new Map<Host, number[]>()
    for (const position of positions) {
      const host = this.#routeOf(position, past.finalMs, failed, error, past)
      if (host === undefined) continue
      const group = groups.get(host)
      if (group === undefined) groups.set(host, [position])
      else group.push(position)
    }
    for (const [host, group] of groups) this.#startAll(host, group, past)
  }

  #startAlone(position: number): void {
    if (this.#end !== undefined) return
    this.#underWay++
    this.#batch
      .alone(position)
      .catch((error: unknown) => {
        if (isFateOfKeys(error)) this.#failed.set(position, error)
        else this.#end ??= error
      })
      .finally(() => {
        this.#underWay--
        this.#wake?.()
      })
  }

  #startAll(host: Host, positions: readonly number[], past?: Past): void {
    for (let first = 0; first < positions.length; ) {
      const end = this.#batch.cut(positions, first)
      this.#start(host, positions.slice(first, end), past)
      first = end
    }
  }

  #ended(request: Request<void>, positions: readonly number[] = [], error?: unknown): void {
    this.#underWay--
    if (request.sent) this.#sent = request
    if (positions.length > 0) {
      if (isFateOfKeys(error)) for (const position of positions) this.#failed.set(position, error)
      else this.#end ??= error
    }
    this.#wake?.()
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

/** Whether an error concerns some keys only, and does not end the whole batch. */
export function isFateOfKeys(error: unknown): error is MintringError {
  if (!isMintringError(error)) return false
  return error.code !== 'MINTRING_ABORTED' && error.code !== 'MINTRING_CLOSED'
}
