import { MintringError } from '../errors.ts'
import type { Reply } from '../protocol/reply.ts'
import { ReplyKind } from '../protocol/reply-kind.ts'
import { performance } from '../runtime.ts'
import { lackOf } from './abilities.ts'
import { refuse } from './refusal.ts'
import type { Attempt, LaneLife, Request, Router, Sink } from './request.ts'

/** An attempt at a single request. */
export class SingleAttempt implements Attempt {
  readonly request: Request
  readonly router: Router
  startMs = 0
  deadlineMs = 0
  isUnchanged = false
  /** How many replies have arrived: the position in a group of commands. */
  cursor = 0
  /**
   * Undefined unless each delete of a key follows one of its lock. `next`: the next reply is about
   * a lock. Otherwise it is about the key, and the reply about its lock was fine, or this error.
   */
  lock: 'next' | 'told' | MintringError | undefined = undefined
  /** Whether an earlier attempt was sent: the server may have executed that one. */
  isRepeated = false

  constructor(request: Request, router: Router) {
    this.request = request
    this.router = router
  }

  get size(): number {
    return 1
  }

  get bytes(): number {
    return this.request.body?.length ?? 0
  }

  begin(nowMs: number): void {
    this.startMs = nowMs
    this.deadlineMs = this.request.begin(nowMs)
  }

  write(out: Sink, nowMs: number): number {
    const { request } = this
    // Only the latest attempt is written, or a command could run twice.
    if (this.isOver) return 0
    const lack = lackFor(request, this.router)
    if (lack !== undefined) {
      request.reject(lack)
      return 0
    }
    if (nowMs >= this.deadlineMs) {
      failRequest(request, this, this.deadlineMs, undefined)
      return 0
    }
    try {
      request.verb.encode!(request, out, this.router.maxTtlSeconds)
    } catch (error) {
      request.reject(error)
      return 0
    }
    this.isRepeated = request.sent
    request.sent = true
    return 1
  }

  accept(reply: Reply): boolean {
    if (this.lock === 'next') return this.#acceptLock(reply)
    const { verb } = this.request
    if (verb.effect === 'change' && isRefusal(reply.kind)) this.isUnchanged = true
    const isLast = verb.accept(this.request, reply, this)
    if (this.lock !== undefined) this.lock = 'next'
    return isLast
  }

  /**
   * Takes the reply about a lock; that about its key follows. Without meta commands the client may
   * use a proxy, and not know it: a proxy may send the delete of the lock to another server than
   * that of the key. If that one is down, the lock is lost.
   */
  #acceptLock(reply: Reply): false {
    const { kind } = reply
    const { verb } = this.request
    this.lock = 'told'
    if (kind === ReplyKind.Deleted || kind === ReplyKind.NotFound) return false
    if (kind === ReplyKind.ServerError && this.router.abilities?.meta !== true) return false
    if (verb.lockRefused === undefined) refuse(this.request, reply)
    else verb.lockRefused(this.request, reply, this)
    return false
  }

  fail(error: MintringError): void {
    const deadlineMs = this.startMs > 0 ? this.deadlineMs : Number.POSITIVE_INFINITY
    failRequest(this.request, this, deadlineMs, error)
  }

  noteHangUp(isOldest: boolean): void {
    this.request.noteHangUp(isOldest)
  }

  get isAlone(): boolean {
    return this.request.isAlone
  }

  get isOnce(): boolean {
    return this.request.isOnce
  }

  get isSuspect(): boolean {
    return this.request.isSuspect
  }

  get isOver(): boolean {
    return this.request.settled || this.request.attempt !== this
  }

  isLate(nowMs: number, requestTimeoutMs: number): boolean {
    if (this.startMs === 0) return false
    return nowMs >= this.deadlineMs && nowMs - this.startMs >= requestTimeoutMs - 1
  }

  expire(nowMs: number, requestTimeoutMs: number, lane?: LaneLife['lane']): void {
    if (this.startMs === 0 || nowMs < this.deadlineMs) return
    const { request } = this
    const isHeld = lane !== undefined && !this.isOver && request.verb.effect !== 'read'
    if (isHeld) request.failedBefore().heldBy = { lane, life: lane.life }
    failRequest(this.request, this, this.deadlineMs, undefined)
    this.deadlineMs = Math.ceil(nowMs + requestTimeoutMs)
  }

  extend(): void {
    this.deadlineMs = Math.max(this.deadlineMs, this.request.finalMs)
  }
}

/** Returns an error for a command that the server does not support. */
function lackFor(request: Request, { abilities, name }: Router): MintringError | undefined {
  if (abilities === undefined) return undefined
  const { verb } = request
  return lackOf(abilities, name, verb.name, verb.words?.(request))
}

/** Whether the reply means that the server left the item unchanged. */
function isRefusal(kind: ReplyKind): boolean {
  const { NotStored, NotFound, Exists, Ns, Nf, Ex } = ReplyKind
  if (kind === NotStored || kind === NotFound || kind === Exists) return true
  return kind === Ns || kind === Nf || kind === Ex
}

/**
 * Reports a failed attempt to the host that decides about a retry. After the deadline, the error is
 * a timeout.
 */
export function failRequest(
  request: Request,
  attempt: Attempt,
  deadlineMs: number,
  error: MintringError | undefined,
): void {
  if (request.settled || request.attempt !== attempt) return
  const nowMs = performance.now()
  const isLate = error === undefined || nowMs >= deadlineMs
  const cause = isLate ? timeoutError(request, attempt.router, attempt.startMs, error) : error
  attempt.router.failed(request, cause, deadlineMs)
}

/**
 * Returns the error of a request that timed out on a host. If the request was not sent because a
 * connection failed meanwhile, the error says why.
 */
export function timeoutError(
  { verb, sent }: Request,
  { name: host, lastError, lastErrorMs = 0 }: Router,
  startMs: number,
  cause?: MintringError,
): MintringError {
  const waitedMs = Math.round(performance.now() - startMs)
  // Earlier steps of the operation may have used up its time.
  const inTime = waitedMs > 0 ? `in ${waitedMs} ms` : 'before the operation had to end'
  const failure = !sent && lastErrorMs >= startMs ? lastError : undefined
  const busy = sent
    ? ''
    : ': it was not sent (no connection yet, or earlier commands without reply)'
  const why = failure === undefined ? busy : `: ${failure.message}`
  const message = `${host} did not reply to ${verb.name} ${inTime}${why}`
  return new MintringError('MINTRING_TIMEOUT', message, {
    ...{ host, command: verb.name, sent, cause: cause ?? failure },
  })
}
