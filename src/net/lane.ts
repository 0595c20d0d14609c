import { MintringError } from '../errors.ts'
import type { Reply } from '../protocol/reply.ts'
import { performance, setImmediate } from '../runtime.ts'
import { Connection, type ConnectionOwner } from './connection.ts'
import { DialTime } from './dial-time.ts'
import { Handshake } from './handshake.ts'
import { InflightQueue } from './inflight.ts'
import type { LaneEnd, LaneOwner } from './lane-owner.ts'
import { Outbox } from './outbox.ts'
import type { Request } from './request.ts'
import type { Gatherer } from './turn.ts'
import { Watch } from './watch.ts'

export type LaneState = 'closed' | 'opening' | 'open' | 'draining'

/** A connection that was idle for longer reads before it writes: the server may have closed it. */
const REST_MS = 1_000
/**
 * The share of the server's idle timeout after which the client itself closes an idle connection.
 */
const IDLE_SHARE = 0.8

/** The share of requestTimeoutMs without any reply after which a connection counts as stalled. */
const STALL_SHARE = 0.25
/**
 * A connection counts as silent if a request timed out, and nothing arrived for this share of
 * requestTimeoutMs.
 */
const SILENT_SHARE = 0.5
/** A chunk of at least this size that ends no reply is part of a large value. */
const PROGRESS_BYTES = 1_024
/**
 * A connection ends when a reply is later than this many times requestTimeoutMs. Its caller has
 * given up by then, but the reply blocks those behind it.
 */
const OVERDUE_FACTOR = 4

/**
 * One pipelined connection: requests of one tick are sent in one write, and replies arrive in the
 * same order. A connection is created closed, opens when its owner says so, and can open again
 * after it ended. A late or unexpected reply ends it; parser and socket are never reused.
 */
export class Lane implements ConnectionOwner, Gatherer {
  readonly #owner: LaneOwner<Lane>
  readonly #inflight = new InflightQueue()
  readonly #outbox = new Outbox()
  readonly #watch: Watch = new Watch((nowMs) => this.#look(nowMs))
  /** Limits the time of opening and of draining. */
  readonly #stateWatch: Watch = new Watch((...times) => this.#onStateTimeout(...times))
  #state: LaneState = 'closed'
  #connection: Connection | undefined
  #handshake: Handshake | undefined
  #dialling: AbortController | undefined
  /** The error with which pending requests fail when draining has ended. */
  #drained: MintringError | undefined
  #written = 0
  #life = 0
  #isScheduled = false
  #isCounted = false
  /**
   * Whether the current chunk of bytes contained a reply. `#isAnswered`: whether a caller still
   * waited for one of these replies.
   */
  #isReplied = false
  #isAnswered = false
  #answeredStartMs = 0
  #isStalled = false
  /** When the last byte arrived, or the first pending request was written. */
  #quietSinceMs = 0
  /** When the last part of a large value arrived. */
  #progressMs = Number.NEGATIVE_INFINITY
  #openedMs = 0
  #idleTimeoutMs: number = Number.POSITIVE_INFINITY
  #dialTime = new DialTime()
  #activeMs = 0

  /** Whether requests wait although it is open; `onDrain()` writes them. */
  isOnHold = false

  constructor(owner: LaneOwner<Lane>) {
    this.#owner = owner
  }

  get state(): LaneState {
    return this.#state
  }

  /**
   * A number that changes when the connection ends. Requests given to the connection before that
   * may be lost.
   */
  get life(): number {
    return this.#life
  }

  /** How many requests were sent and have no reply yet. */
  get inFlight(): number {
    return this.#written
  }

  /** How many requests are not sent yet. */
  get queued(): number {
    return this.#outbox.requests
  }

  /** The bytes of values that wait here or in the socket. */
  get queuedBytes(): number {
    return this.#outbox.bytes + (this.#connection?.unsentBytes ?? 0)
  }

  /**
   * Whether a request should use another connection: this one gets no replies, or its socket is
   * full.
   */
  get isBusy(): boolean {
    return this.#isStalled || this.#connection?.isFull === true
  }

  /** Whether no reply has arrived for a while. */
  get isStalled(): boolean {
    return this.#isStalled
  }

  /** Whether requests are queued for the write at the end of this tick. */
  get isGathering(): boolean {
    return this.#isScheduled
  }

  /** When the connection last opened. */
  get openedMs(): number {
    return this.#openedMs
  }

  /** When bytes were last written to the connection. */
  get activeMs(): number {
    return this.#activeMs
  }

  /**
   * Queues a request; it is written when the connection is open. The owner enforces the queue
   * limits.
   */
  send(request: Request): void {
    this.#outbox.push(request, this.#owner)
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#owner.turn.schedule(this)
  }

  /** Dials, unless it is open or opening. Never throws; the owner is told the outcome. */
  open(): void {
    if (this.#state !== 'closed') return
    this.#state = 'opening'
    const { maxValueBytes, connectTimeoutMs } = this.#owner.settings
    const connection = new Connection(this, { maxValueBytes })
    const handshake = new Handshake(this.#owner.handshake())
    this.#connection = connection
    this.#dialling = new AbortController()
    this.#handshake = handshake
    this.#dialTime = new DialTime()
    this.#stateWatch.by(performance.now() + connectTimeoutMs)
    this.#owner.dial(this, connection.onBytes, this.#dialling.signal).then(
      async (socket) => {
        connection.attach(socket)
        await this.#owner.laneConnected()
        connection.write(handshake.start())
      },
      (error: MintringError) => connection.close(error),
    )
  }

  /** Ends the connection now; its pending requests fail with `error`. */
  close(error: MintringError): void {
    this.#life++
    if (this.#state !== 'closed') this.#end('closed', error)
    else this.giveBack(error)
  }

  /** Fails the requests that are not sent yet; `isSparing`: only those that are then retried. */
  giveBack(error: MintringError, isSparing = false): void {
    for (const attempt of this.#outbox.take(isSparing)) attempt.fail(error)
  }

  /** Ends the connection after all its requests have their reply. */
  drain(error: MintringError): void {
    if (this.#state !== 'open') return void this.close(error)
    this.#state = 'draining'
    this.#drained = error
    this.flush()
    this.#stateWatch.by(this.#overdueAtMs)
    this.#finishDrain()
  }

  // The methods of ConnectionOwner, for the connection only.

  get name(): string {
    return this.#owner.name
  }

  onReply(reply: Reply): void {
    this.#isReplied = true
    if (this.#handshake !== undefined) return void this.#greet(this.#handshake, reply)
    const attempt = this.#inflight.peek()
    if (attempt === undefined) {
      throw new MintringError('MINTRING_PROTOCOL', 'A reply arrived without a command')
    }
    if (!this.#isAnswered && !attempt.isOver) {
      this.#isAnswered = true
      this.#answeredStartMs = attempt.startMs
    }
    if (!attempt.accept(reply)) return
    this.#inflight.shift()
    this.#written -= attempt.size
  }

  onRead(bytes: number): void {
    if (this.#handshake !== undefined) return
    const nowMs = performance.now()
    const isProgress = !this.#isReplied && bytes >= PROGRESS_BYTES
    if (isProgress) this.#progressMs = nowMs
    if (this.#isAnswered) this.#owner.laneAnswered(nowMs, nowMs - this.#answeredStartMs)
    else if (isProgress) this.#owner.laneAnswered(nowMs, undefined)
    if (this.#isReplied || isProgress) {
      this.#quietSinceMs = nowMs
      this.#isStalled = false
    }
    this.#isReplied = this.#isAnswered = false
    if (this.#inflight.length > 0) return
    this.#count(-1)
    if (this.#outbox.isHeld) this.#write()
    if (this.#state === 'draining') this.#finishDrain()
  }

  onDrain(): void {
    this.#quietSinceMs = performance.now()
    this.#write()
  }

  onClosed(connection: Connection, error: MintringError): void {
    if (connection !== this.#connection) return
    const isIdle = this.#inflight.length === 0 && error.code === 'MINTRING_CONNECTION'
    const handshake = this.#handshake
    if (handshake !== undefined) this.#end('dial', handshake.explain(error), handshake.isAskingMeta)
    else this.#end(isIdle ? 'idle' : 'lost', error)
  }

  #greet(handshake: Handshake, reply: Reply): void {
    const next = handshake.accept(reply)
    const { abilities } = handshake
    if (next !== '') this.#connection?.write(next)
    if (abilities === undefined) return
    this.#handshake = undefined
    this.#stateWatch.stop()
    this.#state = 'open'
    this.#openedMs = this.#activeMs = this.#quietSinceMs = performance.now()
    this.#idleTimeoutMs = abilities.idleTimeoutMs || Number.POSITIVE_INFINITY
    this.#owner.laneOpened(this, abilities, handshake)
    this.#write()
  }

  /** Starts the requests of the ending tick, whether or not they can be written yet. */
  flush(): void {
    this.#isScheduled = false
    // Whole milliseconds, because V8 stores them in a request without an allocation.
    const nowMs = Math.ceil(performance.now())
    this.#watch.by(this.#outbox.begin(nowMs))
    const restedMs = nowMs - this.#activeMs
    if (restedMs < REST_MS || this.#state !== 'open' || this.#inflight.length > 0) this.#write()
    else if (restedMs < this.#idleTimeoutMs * IDLE_SHARE) this.#writeAfterReads()
    else this.#end('idle', this.#lostError('it was idle for almost as long as the server allows'))
  }

  /** Writes after the next poll phase, in which Node reads a close that the server has sent. */
  #writeAfterReads(): void {
    setImmediate(() => setImmediate(() => this.#write()))
  }

  #write(): void {
    const connection = this.#connection
    if (connection === undefined || this.#handshake !== undefined || connection.isFull) return
    if (this.isOnHold || this.#outbox.length === 0) return
    const wasIdle = this.#inflight.length === 0
    const nowMs = performance.now()
    const written = this.#outbox.write(connection, this.#inflight, nowMs)
    // A request that fails instead of being written may end the connection.
    if (this.#connection !== connection) return
    this.#written += written
    if (this.#inflight.length === 0) return
    this.#activeMs = nowMs
    if (!wasIdle) return
    this.#count(1)
    this.#quietSinceMs = nowMs
    this.#watch.by(this.#stallsAtMs)
  }

  /** Fails the requests that timed out. Returns when to check again. */
  #look(nowMs: number): number {
    const { requestTimeoutMs } = this.#owner.settings
    const inflight = this.#inflight
    const isArriving = nowMs - this.#progressMs < requestTimeoutMs * SILENT_SHARE
    if (isArriving) inflight.peek()?.extend()
    if (!this.isOnHold && this.#isLate(nowMs, requestTimeoutMs)) {
      if (this.#state === 'open' && this.#isSilent(nowMs, requestTimeoutMs)) {
        this.#end('silent', this.#lostError('it did not reply in time'))
        return Number.POSITIVE_INFINITY
      }
      this.#owner.laneLate(nowMs)
    }
    let nextMs = this.#outbox.expire(nowMs, requestTimeoutMs)
    for (let i = 0; i < inflight.length; i++) {
      const attempt = inflight.at(i)!
      attempt.expire(nowMs, requestTimeoutMs, this)
      if (attempt.deadlineMs < nextMs) nextMs = attempt.deadlineMs
    }
    if (inflight.length > 0) {
      this.#isStalled = nowMs >= this.#stallsAtMs
      if (!this.#isStalled) nextMs = Math.min(nextMs, this.#stallsAtMs)
    }
    return nextMs
  }

  #isLate(nowMs: number, requestTimeoutMs: number): boolean {
    for (let i = 0; i < this.#inflight.length; i++) {
      if (this.#inflight.at(i)!.isLate(nowMs, requestTimeoutMs)) return true
    }
    return this.#outbox.isLate(nowMs, requestTimeoutMs)
  }

  /** Whether no byte was sent or received, or the current reply is too slow for those behind it. */
  #isSilent(nowMs: number, requestTimeoutMs: number): boolean {
    if (nowMs - this.#quietSinceMs >= requestTimeoutMs * SILENT_SHARE) return true
    const head = this.#inflight.peek()
    if (head?.isOver !== true) return false
    return nowMs - head.startMs >= requestTimeoutMs * OVERDUE_FACTOR
  }

  get #stallsAtMs(): number {
    return this.#quietSinceMs + this.#owner.settings.requestTimeoutMs * STALL_SHARE
  }

  /** When draining ends although replies are still missing. */
  get #overdueAtMs(): number {
    const sinceMs = Math.max(this.#quietSinceMs, this.#progressMs)
    return sinceMs + this.#owner.settings.requestTimeoutMs * OVERDUE_FACTOR
  }

  #onStateTimeout(nowMs: number, blockedMs: number): number {
    if (this.#state === 'draining') {
      if (nowMs < this.#overdueAtMs) return this.#overdueAtMs
      this.#end('closed', this.#drained!)
      return Number.POSITIVE_INFINITY
    }
    const againMs = this.#dialTime.more(nowMs, blockedMs, this.#owner.settings.connectTimeoutMs)
    if (againMs !== undefined) return againMs
    const message = `Cannot connect to ${this.name}: no reply in time`
    this.#end('dial', new MintringError('MINTRING_CONNECTION', message, { host: this.name }))
    return Number.POSITIVE_INFINITY
  }

  #lostError(why: string): MintringError {
    const message = `The connection to ${this.name} was closed: ${why}`
    return new MintringError('MINTRING_CONNECTION', message, { host: this.name })
  }

  /** Tells the client's Turn when this connection starts or stops having requests in flight. */
  #count(change: 1 | -1): void {
    const isCounted = change === 1
    if (this.#isCounted === isCounted) return
    this.#isCounted = isCounted
    this.#owner.turn.count(change)
  }

  #finishDrain(): void {
    const error = this.#drained
    if (error === undefined || this.#inflight.length + this.#outbox.length > 0) return
    this.#end('closed', error)
  }

  #end(end: LaneEnd, error: MintringError, isAskingMeta = false): void {
    const connection = this.#connection
    const dialling = this.#dialling
    this.#count(-1)
    const [head, ...others] = this.#inflight.take()
    const waiting = this.#outbox.take()
    this.#state = 'closed'
    this.#life++
    this.#connection = this.#dialling = this.#handshake = this.#drained = undefined
    this.#written = 0
    this.#isStalled = this.#isReplied = this.#isAnswered = false
    this.#progressMs = Number.NEGATIVE_INFINITY
    this.#stateWatch.stop()
    this.#watch.stop()
    connection?.close(error)
    dialling?.abort(error)
    if (end === 'lost') for (const one of [head, ...others]) one?.noteHangUp(one === head)
    const isKnownHangUp = end === 'lost' && head?.isSuspect === true
    this.#owner.laneEnded(this, { end, error, isAskingMeta, isKnownHangUp })
    // The first request in flight may have made the server close the connection. So fail it last:
    // the others are then retried before it.
    for (const attempt of [...others, ...waiting]) attempt.fail(error)
    head?.fail(error)
  }
}
