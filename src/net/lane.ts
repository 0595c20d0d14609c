import { MintringError } from '../errors.ts'
import type { Reply } from '../protocol/reply.ts'
import { performance, setImmediate } from '../runtime.ts'
import { Connection, type ConnectionOwner } from './connection.ts'
import { Handshake } from './handshake.ts'
import { InflightQueue } from './inflight.ts'
import type { LaneEnd, LaneOwner } from './lane-owner.ts'
import { Outbox } from './outbox.ts'
import type { Request } from './request.ts'
import type { Gatherer } from './turn.ts'
import { Watch } from './watch.ts'

export type LaneState = 'closed' | 'opening' | 'open' | 'draining'

/** A lane that rested for so long reads before it writes: it may have been closed meanwhile. */
const REST_MS = 1_000
/** Of the time after which the server closes idle connections, this share is used. */
const IDLE_SHARE = 0.8

/** The share of requestTimeoutMs after which a lane that answers nothing counts as stalled. */
const STALL_SHARE = 0.25
/** A lane is silent when a request waited its whole time, and this share of it brought nothing. */
const SILENT_SHARE = 0.5
/** A chunk of at least this size that ends no reply is part of a large value on its way. */
const PROGRESS_BYTES = 1_024
/** So many times requestTimeoutMs a reply may keep a lane busy after its caller gave up. */
const OVERDUE_FACTOR = 4

/**
 * One pipelined connection: what is sent in a turn of the event loop leaves in one write, replies
 * come back in the same order. It is born closed, opens when its owner says so, and opens again
 * after it ended. A late or surprising reply ends it: parser and socket are never used again.
 */
export class Lane implements ConnectionOwner, Gatherer {
  readonly #owner: LaneOwner<Lane>
  readonly #inflight = new InflightQueue()
  readonly #outbox = new Outbox()
  readonly #watch: Watch = new Watch((nowMs) => this.#look(nowMs))
  /** Bounds opening and draining. */
  readonly #stateWatch: Watch = new Watch((nowMs) => this.#onStateTimeout(nowMs))
  #state: LaneState = 'closed'
  #connection: Connection | undefined
  #handshake: Handshake | undefined
  #dialling: AbortController | undefined
  /** Draining, to end with this. */
  #drained: MintringError | undefined
  #written = 0
  #life = 0
  #isScheduled = false
  #isCounted = false
  /** What the chunk under way brought: a reply, and one that came in time. */
  #isReplied = false
  #isAnswered = false
  #answeredStartMs = 0
  #isStalled = false
  /** Since when the server owes a byte: the last one that came, or the write. */
  #quietSinceMs = 0
  /** When the last part of a large value came. */
  #progressMs = Number.NEGATIVE_INFINITY
  #openedMs = 0
  #idleTimeoutMs: number = Number.POSITIVE_INFINITY
  #activeMs = 0

  constructor(owner: LaneOwner<Lane>) {
    this.#owner = owner
  }

  get state(): LaneState {
    return this.#state
  }

  /** Changes when it ends: what it was given before may be lost. */
  get life(): number {
    return this.#life
  }

  /** Requests written and not answered. */
  get inFlight(): number {
    return this.#written
  }

  /** Requests not written yet. */
  get queued(): number {
    return this.#outbox.requests
  }

  /** Bytes of values that wait here or in the socket. */
  get queuedBytes(): number {
    return this.#outbox.bytes + (this.#connection?.unsentBytes ?? 0)
  }

  /** Another lane would be faster: this one answers nothing, or its socket is full. */
  get isBusy(): boolean {
    return this.#isStalled || this.#connection?.isFull === true
  }

  /** It answered nothing for a while. */
  get isStalled(): boolean {
    return this.#isStalled
  }

  /** Requests of this turn wait for the turn's write. */
  get isGathering(): boolean {
    return this.#isScheduled
  }

  /** When it last opened. */
  get openedMs(): number {
    return this.#openedMs
  }

  /** When it was last written to. */
  get activeMs(): number {
    return this.#activeMs
  }

  /** Takes a request, to be written when the lane is open. Bounds are the owner's affair. */
  send(request: Request): void {
    this.#outbox.push(request, this.#owner)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#owner.turn.schedule(this)
  }

  /** Dials, unless it is open or opening. Never throws: the owner hears of the outcome. */
  open(): void {
    if (this.#state !== 'closed') return
    this.#state = 'opening'
    const { maxValueBytes, connectTimeoutMs } = this.#owner.settings
    const connection = new Connection(this, { maxValueBytes })
    const dialling = new AbortController()
    const handshake = new Handshake(this.#owner.handshake())
    this.#connection = connection
    this.#dialling = dialling
    this.#handshake = handshake
    this.#stateWatch.by(performance.now() + connectTimeoutMs)
    this.#owner.dial(connection.onBytes, dialling.signal).then(
      (socket) => {
        connection.attach(socket)
        connection.write(handshake.start())
      },
      (error: MintringError) => connection.close(error),
    )
  }

  /** Ends the lane now; what it held fails with `error`. */
  close(error: MintringError): void {
    this.#life++
    if (this.#state !== 'closed') this.#end('closed', error)
    else for (const attempt of this.#outbox.take()) attempt.fail(error)
  }

  /** Ends the lane when everything it holds is answered. */
  drain(error: MintringError): void {
    if (this.#state !== 'open') this.close(error)
    else {
      this.#state = 'draining'
      this.#drained = error
      this.flush()
      this.#stateWatch.by(this.#overdueAtMs)
      this.#finishDrain()
    }
  }

  // What the connection tells. Public because an interface is; of no use to others.

  get name(): string {
    return this.#owner.name
  }

  onReply(reply: Reply): void {
    this.#isReplied = true
    if (this.#handshake !== undefined) {
      this.#greet(this.#handshake, reply)
      return
    }
    const attempt = this.#inflight.peek()
    if (attempt === undefined) {
      throw new MintringError('MINTRING_PROTOCOL', 'A reply came without a command')
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
    if (this.#inflight.length === 0) this.#count(-1)
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
    const { abilities, item } = handshake
    if (next !== '') this.#connection?.write(next)
    if (abilities === undefined) return
    this.#handshake = undefined
    this.#stateWatch.stop()
    this.#state = 'open'
    this.#openedMs = this.#activeMs = this.#quietSinceMs = performance.now()
    this.#idleTimeoutMs = abilities.idleTimeoutMs || Number.POSITIVE_INFINITY
    this.#owner.laneOpened(this, abilities, item)
    this.#write()
  }

  /** The turn's end: what came in it begins, whether the server takes it or not. */
  flush(): void {
    this.#isScheduled = false
    // In whole milliseconds, which a request can hold without an allocation for each.
    const nowMs = Math.ceil(performance.now())
    this.#watch.by(this.#outbox.begin(nowMs))
    const restedMs = nowMs - this.#activeMs
    if (restedMs < REST_MS || this.#state !== 'open' || this.#inflight.length > 0) this.#write()
    else if (restedMs < this.#idleTimeoutMs * IDLE_SHARE) this.#writeAfterReads()
    else this.#end('idle', this.#lostError('the server closes connections that rest so long'))
  }

  /** What the server sent before it closed is read in the next poll phase, and not earlier. */
  #writeAfterReads(): void {
    setImmediate(() => setImmediate(() => this.#write()))
  }

  #write(): void {
    const connection = this.#connection
    if (connection === undefined || this.#handshake !== undefined || connection.isFull) return
    if (this.#outbox.length === 0) return
    const wasIdle = this.#inflight.length === 0
    const nowMs = performance.now()
    this.#written += this.#outbox.write(connection, this.#inflight, nowMs)
    if (this.#inflight.length === 0) return
    this.#activeMs = nowMs
    if (!wasIdle) return
    this.#count(1)
    this.#quietSinceMs = nowMs
    this.#watch.by(this.#stallsAtMs)
  }

  /** Ends what is over. Returns when there is something to look at again. */
  #look(nowMs: number): number {
    const { requestTimeoutMs } = this.#owner.settings
    const inflight = this.#inflight
    const isArriving = nowMs - this.#progressMs < requestTimeoutMs * SILENT_SHARE
    if (isArriving) inflight.peek()?.extend()
    if (this.#isLate(nowMs, requestTimeoutMs)) {
      if (this.#state === 'open' && this.#isSilent(nowMs, requestTimeoutMs)) {
        this.#end('silent', this.#lostError('it did not answer in time'))
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

  /** Not a byte came or left, or the reply under way comes too slowly for those behind it. */
  #isSilent(nowMs: number, requestTimeoutMs: number): boolean {
    if (nowMs - this.#quietSinceMs >= requestTimeoutMs * SILENT_SHARE) return true
    const head = this.#inflight.peek()
    if (head?.isOver !== true) return false
    return nowMs - head.startMs >= requestTimeoutMs * OVERDUE_FACTOR
  }

  get #stallsAtMs(): number {
    return this.#quietSinceMs + this.#owner.settings.requestTimeoutMs * STALL_SHARE
  }

  /** When the server owes replies for longer than any may take. */
  get #overdueAtMs(): number {
    const { requestTimeoutMs } = this.#owner.settings
    const sinceMs = Math.max(this.#quietSinceMs, this.#progressMs)
    return sinceMs + requestTimeoutMs * OVERDUE_FACTOR
  }

  #onStateTimeout(nowMs: number): number {
    if (this.#state === 'draining') {
      if (nowMs < this.#overdueAtMs) return this.#overdueAtMs
      this.#end('closed', this.#drained!)
      return Number.POSITIVE_INFINITY
    }
    const { name } = this
    const message = `Cannot connect to ${name}: no answer in time`
    this.#end('dial', new MintringError('MINTRING_CONNECTION', message, { host: name }))
    return Number.POSITIVE_INFINITY
  }

  #lostError(why: string): MintringError {
    const { name } = this
    const message = `The connection to ${name} was closed: ${why}`
    return new MintringError('MINTRING_CONNECTION', message, { host: name })
  }

  /** Tells the turn, once, that something is in flight here or no longer. */
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
    if (end === 'lost') head?.noteHangUp()
    const isKnownHangUp = end === 'lost' && head?.isSuspect === true
    this.#owner.laneEnded(this, { end, error, isAskingMeta, isKnownHangUp })
    // What may have made the server hang up goes last: the others are executed before it.
    for (const attempt of [...others, ...waiting]) attempt.fail(error)
    head?.fail(error)
  }
}
