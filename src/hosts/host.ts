import type { Socket } from 'node:net'
import type { MintringError } from '../errors.ts'
import type { Abilities } from '../net/abilities.ts'
import { Dialer, type OnBytes } from '../net/dial.ts'
import type { Credentials, Greeting, HandshakeInput } from '../net/handshake.ts'
import type { Lane } from '../net/lane.ts'
import type { LaneEnding, LaneOwner } from '../net/lane-owner.ts'
import { Lanes } from '../net/lanes.ts'
import { LineStream } from '../net/line-stream.ts'
import type { Request } from '../net/request.ts'
import type { Turn } from '../net/turn.ts'
import { performance } from '../runtime.ts'
import { addressOf, type ServerAddress } from './address.ts'
import { Connects } from './connects.ts'
import { Debts } from './debts.ts'
import { Delivery, type Recipient } from './delivery.ts'
import type { ClusterHooks } from './hooks.ts'
import { HostHealth, type Patient } from './host-health.ts'
import type { HostOwner } from './host-owner.ts'
import { ejected, ejection, overloaded } from './next-step.ts'
import type { ClusterPolicy } from './policy.ts'
import { ServerFacts } from './server-facts.ts'
import type { HostSnapshot } from './snapshot.ts'
import { Speed } from './speed.ts'

/** The maximum bytes of values queued for one host. */
const MAX_QUEUED_BYTES = 64 * 1024 * 1024

/** After this many consecutive failed dials, requests no longer wait for the next one. */
const PATIENT_DIALS = 3

/** A host is silent after this share of requestTimeoutMs without a reply. */
const SILENT_SHARE = 0.9

/** One server: its connections, its health, and the changes it missed. */
export class Host implements LaneOwner<Lane>, Patient, Recipient {
  /** The server entry; its weight may change. */
  server: ServerAddress
  readonly name: string
  readonly address: string
  /** The changes that the host missed. It must apply them before its values are used. */
  readonly debts: Debts
  readonly #delivery: Delivery = new Delivery(this)
  /** The index of the host in the cluster's ring; -1 after it left the list. */
  index = -1
  readonly #owner: HostOwner<Host>
  readonly #dialer: Dialer
  readonly #lanes: Lanes
  /** Traces the connections. */
  readonly connects: Connects = new Connects()
  readonly #health: HostHealth = new HostHealth(this)
  /** A number that changes when the server may have restarted, which forgets CAS ids and leases. */
  epoch = 0
  readonly speed: Speed = new Speed()
  readonly #facts: ServerFacts = new ServerFacts()
  /** Why the last connection ended or failed to open. */
  lastError: MintringError | undefined
  /** When `lastError` occurred, on the clock of `performance.now()`. */
  lastErrorMs = Number.NEGATIVE_INFINITY
  readonly #streams = new Set<LineStream>()
  /** How many times the host became usable again. */
  comebacks = 0
  /** When the host last became usable, on the clock of `performance.now()`. */
  comebackMs = Number.NEGATIVE_INFINITY
  /** When its last reply in time arrived, on the clock of `performance.now()`; 0 for never. */
  answeredMs = 0
  /** The address that its connections use. */
  #address: string | undefined
  /** Why the host accepts no more requests; undefined while it does. */
  #closedWith: MintringError | undefined

  /** `debts` are the missed changes of an earlier Host with the same identity. */
  constructor(owner: HostOwner<Host>, server: ServerAddress, debts: Debts = new Debts()) {
    this.#owner = owner
    this.server = server
    this.debts = debts
    this.name = server.label
    this.address = addressOf(server)
    this.#dialer = new Dialer({ ...server, name: this.name }, owner.resolve)
    this.#lanes = new Lanes(this, owner.policy.connections)
  }

  get settings(): ClusterPolicy {
    return this.#owner.policy
  }

  get maxTtlSeconds(): number {
    return this.#owner.maxTtlSeconds
  }

  get turn(): Turn {
    return this.#owner.turn
  }

  get hooks(): ClusterHooks {
    return this.#owner.hooks
  }

  /** Whether the host accepts requests: it is not ejected, and not known to refuse connections. */
  get usable(): boolean {
    return this.#health.usable
  }

  get isEjected(): boolean {
    return this.#health.isOut
  }

  get state(): HostSnapshot['state'] {
    const { name } = this.#health.current
    return name === 'returning' ? 'probing' : name
  }

  /** What the server reported about itself; undefined until a connection opened. */
  get abilities(): Abilities | undefined {
    return this.#facts.abilities
  }

  get load(): number {
    return this.#lanes.load
  }

  /**
   * Resolves to the server's abilities; dials when no connection is open. Rejects when it is
   * unreachable.
   */
  ready(): Promise<Abilities> {
    if (this.abilities !== undefined && this.isConnected) return Promise.resolve(this.abilities)
    if (!this.usable && !this.#canWait) return Promise.reject(this.outError())
    if (this.usable) this.openLane()
    return this.#facts.wait()
  }

  /** Sends a request on one of the connections. Rejects it if the queue is full. */
  send(request: Request): void {
    const { maxQueuedPerHost } = this.#owner.policy
    const isHeavy = request.body !== undefined && this.#lanes.queuedBytes > MAX_QUEUED_BYTES
    if (isHeavy || this.load >= maxQueuedPerHost) {
      return void request.reject(overloaded(request, this.name, maxQueuedPerHost))
    }
    // Missed changes are sent on the first connection, so commands that must follow them use it
    // too.
    const isOwed = !this.debts.isEmpty && this.#delivery.isOwedFor(request)
    const lane = isOwed ? this.openLane() : this.#laneFor(request)
    if (isOwed) this.#delivery.tellFirst(lane, request)
    this.put(lane, request)
  }

  /**
   * Whether a retry of the request could run before its earlier attempt: changes that the host
   * missed must be sent first, on another connection than that of the attempt.
   */
  mayOvertake(request: Request): boolean {
    return this.#lanes.isHeldBeside(request) && this.#delivery.isOwedFor(request)
  }

  /** Queues a request on a connection. Every request passes here. */
  put(lane: Lane, request: Request): void {
    if (this.#closedWith === undefined) lane.send(request)
    else this.failed(request, this.#closedWith, Number.POSITIVE_INFINITY)
  }

  #laneFor(request: Request): Lane {
    const lanes = this.#lanes
    const apart = request.verb.isApart === true && this.usable ? lanes.apart(request) : undefined
    if (apart !== undefined) return apart
    const mayGrow = this.#health.current.dialFailures === 0
    const lane = lanes.pick(request, mayGrow)
    if (lane.state === 'closed' && this.usable && this.#closedWith === undefined) lane.open()
    return lane
  }

  /**
   * Whether the host refuses connections but is dialled again before `untilMs`. A request may wait
   * for that.
   */
  canWait(untilMs: number): boolean {
    return this.#canWait && this.#health.current.nextDialMs < untilMs
  }

  get #canWait(): boolean {
    const { name, dialFailures } = this.#health.current
    if (name !== 'suspect' || dialFailures > PATIENT_DIALS) return false
    return this.lastError?.code !== 'MINTRING_AUTH'
  }

  get isAlone(): boolean {
    return this.index >= 0 && this.#owner.hasOneHost
  }

  /** Takes it off the list. It may still have values that move to other hosts. */
  leave(): void {
    this.#health.leave()
    this.index = -1
  }

  /** Returns the error for requests while the host is not usable. */
  outError(): MintringError {
    if (!this.isEjected && this.lastError !== undefined) return this.lastError
    return ejected(this.name, this.lastError)
  }

  failed(request: Request, error: MintringError, deadlineMs: number): void {
    this.#owner.attemptFailed(this, request, error, deadlineMs)
  }

  /** Dials the host now, if it is ejected. */
  probe(): void {
    this.#health.probe()
  }

  /** Sends the host the changes that it missed, in the background. */
  deliver(): void {
    if (this.#closedWith === undefined) this.#delivery.start()
  }

  openLane(): Lane {
    if (this.#closedWith === undefined) this.#lanes.first.open()
    return this.#lanes.first
  }

  /** Yields the lines of a command with a long reply. Ends when the host is closed. */
  async *lines(
    head: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<string, void, undefined> {
    if (this.#closedWith !== undefined) throw this.#closedWith
    const stream = new LineStream(this, head)
    this.#streams.add(stream)
    try {
      yield* stream.lines(signal)
    } finally {
      this.#streams.delete(stream)
    }
  }

  /** Fails the requests that were not sent yet, so that they are sent again, and dials anew. */
  giveBack(error: MintringError): void {
    // No event ends a dial that is closed here, so nothing else would begin the next one.
    const isDialled = this.usable || this.#lanes.first.state === 'opening'
    this.#lanes.giveBack(error)
    if (isDialled) this.openLane()
  }

  applyPolicy(): void {
    this.#lanes.bounds = this.#owner.policy.connections
    this.#health.applyRules()
  }

  snapshot(nowMs: number): HostSnapshot {
    const { name, address, state, lastError } = this
    return {
      ...{ name, address, state, lastError },
      ...{ weight: this.server.weight, failures: this.#health.current.failures },
      nextProbeAtMs: this.#health.nextProbeAtMs(nowMs),
      ...{ ...this.#lanes.counts, owed: this.debts.size + this.debts.overflow },
      ...{ replyMs: this.speed.replyMs, isSlow: this.speed.isSlow },
    }
  }

  /** Accepts no more requests; pending ones may finish. */
  drain(error: MintringError): void {
    this.#closedWith ??= error
    this.#health.stop()
    this.#facts.unreachable(error)
    for (const stream of this.#streams) stream.close(error)
    this.#lanes.drain(error)
  }

  /** Fails pending requests and closes the connections. */
  close(error: MintringError): void {
    this.drain(error)
    this.#lanes.closeAll(error)
  }

  /** Ejects the host because it replies too slowly, unless it is the only one. */
  ejectSlow(error: MintringError): void {
    this.lastError = error
    this.lastErrorMs = performance.now()
    this.#health.tell('slow')
  }

  // The members of Patient, which HostHealth uses.

  get isConnected(): boolean {
    return this.#lanes.isOpen
  }

  changed(): void {
    if (this.usable) {
      this.comebacks++
      this.comebackMs = performance.now()
      this.speed.forget()
    }
    this.#owner.hostChanged(this)
  }

  /** Fails the requests on its connections, so that they are retried on other hosts. */
  ejected(): void {
    this.#facts.unreachable(this.outError())
    this.#lanes.closeAll(ejection(this.name, this.lastError))
  }

  // The members of LaneOwner, which connections use.

  handshake(): HandshakeInput {
    return {
      ...{ host: this.name, credentials: this.#credentials() },
      metaProbe: this.settings.protocol === 'classic' ? 'never' : this.#facts.metaProbe,
      itemKey: this.index < 0 ? undefined : this.#owner.handovers.markKey,
      flagKey: this.#owner.account.dialled(this),
    }
  }

  dial(connection: object, onBytes: OnBytes, signal: AbortSignal): Promise<Socket> {
    const { policy } = this.#owner
    const isBound = this.#lanes.isOpen
    const dial = () => this.#dialer.dial(policy, onBytes, signal, policy.connectTimeoutMs, isBound)
    return this.connects.dial(connection, this, dial)
  }

  laneAnswered(nowMs: number, tookMs: number | undefined): void {
    this.answeredMs = nowMs
    if (tookMs !== undefined) this.speed.note(tookMs)
    this.#owner.speedCheck.lookAt(nowMs)
    if (this.#health.current.failures > 0) this.#health.tell('answered')
  }

  laneLate(nowMs: number): void {
    if (this.#isSilent(nowMs)) this.#health.noReply('failed', this.answeredMs)
  }

  laneConnected(): Promise<void> | undefined {
    return this.isConnected ? undefined : this.#owner.reconnecting(this)
  }

  laneOpened(lane: Lane, abilities: Abilities, found: Greeting): void {
    this.connects.ended(lane)
    this.#leaveOldAddress(lane)
    if (this.#owner.handovers.closed(this, lane, abilities, found.item)) return
    this.#owner.account.greeted(this, lane, found.isFlagged)
    if (this.#lanes.all.every((other) => other === lane || other.state !== 'open')) this.epoch++
    this.#facts.learned(abilities)
    this.#health.tell('opened')
    if (this.#health.current.name === 'returning') void this.#comeBack(lane)
    else this.deliver()
    this.#lanes.warm()
  }

  laneEnded(lane: Lane, ending: LaneEnding): void {
    const { end, error } = ending
    this.connects.ended(lane, { error })
    const isApart = this.#lanes.isApart(lane)
    this.#lanes.drop(lane)
    if (isApart || end === 'closed' || this.#closedWith !== undefined) return
    const nowMs = performance.now()
    const isServed = this.#lanes.isOpen
    this.lastError = error
    this.lastErrorMs = nowMs
    if (end === 'dial' && isServed) this.#lanes.pause(nowMs + this.settings.retryTimeoutMs)
    else if (isServed) this.#lanes.warm()
    if (ending.isAskingMeta && this.#facts.hungUpAtMeta()) return void this.openLane()
    if (end !== 'dial' && !this.#lanes.isOpen) this.#facts.askAgain()
    if (end !== 'dial') this.epoch++
    if (end === 'dial') this.#facts.unreachable(error)
    // While another connection is open the host is up, even if this dial failed.
    if (end === 'dial' && isServed) return
    if (ending.isKnownHangUp) return
    const isShort = this.#health.isTooShort(end, nowMs - lane.openedMs)
    if (end === 'dial' || isShort) this.#health.noReply('dialFailed', this.answeredMs)
    else if (end === 'lost') this.#health.tell('failed')
    else if (end === 'silent') this.laneLate(nowMs)
    else if (end === 'idle' && this.#lanes.isOpen) this.#lanes.warm()
    // Dial a suspect host now, instead of waiting for the next request to test it.
    if (this.state === 'suspect' && this.usable) this.openLane()
  }

  /** Whether no connection received a reply in time during almost a whole requestTimeoutMs. */
  #isSilent(nowMs: number): boolean {
    return nowMs - this.answeredMs >= this.settings.requestTimeoutMs * SILENT_SHARE
  }

  /** Closes the connections to the old address when the name resolves to another server. */
  #leaveOldAddress(lane: Lane): void {
    const before = this.#address
    this.#address = this.#dialer.address
    if (before === undefined || before === this.#address) return
    this.#lanes.closeOthers(lane, `${this.name} has moved to another address`)
  }

  /** Brings back a host that replied to a probe. */
  async #comeBack(lane: Lane): Promise<void> {
    const mayServe = await this.#delivery.bringUpToDate(lane)
    if (this.#health.current.name !== 'returning') return
    this.#health.tell(mayServe ? 'returned' : 'dialFailed')
    if (mayServe) this.deliver()
    else lane.close(this.outError())
  }

  #credentials(): Credentials | undefined {
    const { policy } = this.#owner
    const { username = policy.username, password = policy.password } = this.server
    return username === undefined ? undefined : { username, password: password ?? '' }
  }
}
