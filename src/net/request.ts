import type { MintringError } from '../errors.ts'
import type { Reply } from '../protocol/reply.ts'
import type { Abilities } from './abilities.ts'

/**
 * What a verb does to its item. `read`: nothing. `touch`: only its life changes. `change`: its
 * value may be another afterwards. `remove`: it is gone or marked stale afterwards. `flush`: so is
 * every item of the host.
 */
export type Effect = 'read' | 'touch' | 'change' | 'remove' | 'flush'

/** What a host that missed a write must be told before it is believed again. */
export interface Debt {
  /** Mark the key stale instead of deleting it. */
  readonly isMark: boolean
  /** With a mark: how long the item then lives. */
  readonly ttlSeconds?: number | undefined
  /** The key is base64 of its bytes. */
  readonly isBase64: boolean
}

/** What a write owes by default: the key is deleted. */
export const DELETE_DEBT: Debt = Object.freeze({ isMark: false, isBase64: false })

/** The keys of a request that is a group of commands. */
export interface Group {
  readonly size: number
  routeKey(index: number): string
  wireKey(index: number): string
  /**
   * Sends the keys on, each to where it goes next, after the group failed. `failed` is undefined
   * when that was no fault of its host.
   */
  regroup(failed: Router | undefined, error: MintringError): void
  /** Settles the group as if its keys were nowhere. */
  miss(): void
}

/** A request on which servers hung up so often is not sent again. */
const MAX_HANG_UPS = 2

/** Where a verb writes its command: the outbox of a lane. */
export interface Sink {
  /** Latin1 text, with its CRLF. */
  text(line: string): void
  /** A data block, without the CRLF that ends it. A string has ASCII characters only. */
  data(body: string | Uint8Array): void
}

/** How one command is written and read. Shared by all requests of that command: no state. */
export interface Verb {
  /** The command's name, for errors and channels: `get`, `set`, `mg`. */
  readonly name: string
  readonly effect: Effect
  /** It may be repeated when it is unknown whether the server executed it. */
  readonly repeatable: boolean
  /** The words its line begins with, where these are not its name alone. */
  words?(request: Request): readonly string[]
  /** Reads or replaces the whole value, whatever it is: no condition, no lease, no CAS id. */
  readonly isWhole?: boolean
  /** Its `args` are the CAS id that the item must have. */
  readonly hasCasId?: boolean
  /** Plain gets that follow each other on a lane in one turn travel as one `get k1 … kn`. */
  readonly coalesce?: boolean
  /** In a handover it goes to the home that reads ask; its caller sees to the other one. */
  readonly isOneHome?: boolean
  /** A refusal may leave the lane out of step: the command travels on a lane of its own. */
  readonly isApart?: boolean
  /**
   * Writes the command. Items may live `maxTtlSeconds` at most there; 0 is no limit. What it throws
   * rejects the request. Coalesced verbs are written by the batch.
   */
  encode?(request: Request, out: Sink, maxTtlSeconds: number): void
  /**
   * Reads one reply of an attempt, and settles the request when it has its result. Returns true
   * when no more replies belong to this attempt. Throws a MINTRING_PROTOCOL error for a reply that
   * cannot belong to it: the lane then closes. The reply is reused: read it before returning.
   */
  accept(request: Request, reply: Reply, attempt: Attempt): boolean
  /** What a host that missed the command must be told; a delete by default. */
  debt?(request: Request): Debt
  /**
   * Settles the request as if the key were nowhere. For coalesced verbs when the server did not
   * name this key; for all verbs that have it when `failover: 'miss'` finds the key's host out.
   */
  miss?(request: Request): void
}

/** The host of an attempt: receives failed attempts and decides whether to retry. */
export interface Router {
  readonly name: string
  /** The longest that an item may live there, in seconds; 0 is no limit. */
  readonly maxTtlSeconds: number
  /** What the server said of itself; known whenever a request is written. */
  readonly abilities?: Abilities | undefined
  /** `deadlineMs` is when the attempt would have ended by itself. */
  failed(request: Request, error: MintringError, deadlineMs: number): void
}

/**
 * One try on one host: of one request, or of several gets that travel together. It begins when the
 * event loop could write it, and starts from nothing: a second try is another attempt.
 */
export interface Attempt {
  readonly router: Router
  /** How many requests are in it. */
  readonly size: number
  /** When the event loop could write it, on the clock of `performance.now()`. */
  readonly startMs: number
  /** When it ends, or when to look at it again if it has ended. */
  readonly deadlineMs: number
  /** Its bytes may have left the process. */
  readonly isSent: boolean
  /** Bytes of values that it writes. */
  readonly bytes: number
  /** Takes note of the clock, at the end of the turn that made it. */
  begin(nowMs: number): void
  /** Writes what is still wanted. Returns how many requests are in flight now. */
  write(out: Sink, nowMs: number): number
  /** Takes one reply. Returns true when no more replies belong to it. */
  accept(reply: Reply): boolean
  /** Ends it: each of its requests is tried again, or rejects. */
  fail(error: MintringError): void
  /** The connection was lost while the server worked on it. */
  noteHangUp(): void
  /** The server hung up on it before. */
  readonly isSuspect: boolean
  /** Whether a request in it has waited for a whole `requestTimeoutMs`, in vain. */
  isLate(nowMs: number, requestTimeoutMs: number): boolean
  /** Ends what has waited too long. The slot stays in flight, to swallow the late reply. */
  expire(nowMs: number, requestTimeoutMs: number, lane?: LaneLife['lane']): void
  /** Its caller no longer waits. */
  readonly isOver: boolean
  /** Gives it the time of its whole operation, because its reply is arriving. */
  extend(): void
}

/**
 * Where a request may go. `key`: where its key lives. `host`: to the host it was given to. `once`:
 * there, and a single time. `load`: the same, for what a refill does to its key. `previous` and
 * `new`: a step of a handover, to where its key lived before, or where it lives now.
 */
export type Binding = 'key' | 'host' | 'once' | 'load' | 'previous' | 'new'

/** A connection in one of its lives. */
export interface LaneLife {
  readonly lane: { readonly life: number }
  readonly life: number
}

/** What became of a request's earlier attempts. */
export interface Past {
  /** Attempts that took their whole time. */
  tries: number
  /** How often a connection ended while the server worked on this request. */
  hangUps: number
  /** When its time on the host it is tried at ends; 0 when that begins with the next attempt. */
  hereUntilMs: number
  /** Where an attempt that took its whole time may still be executed. */
  heldBy: LaneLife | undefined
}

/** The settings that bound a request in time. */
export interface RequestTimes {
  /** One attempt. */
  readonly requestTimeoutMs: number
  readonly retries: number
}

/**
 * One command on its way: made by a client verb, routed by the cluster, carried by attempts,
 * settled by its verb. A value until the outbox writes it. Plain fields: this is made once per
 * operation.
 */
export class Request<Result = unknown, Context = unknown> {
  readonly verb: Verb
  /** What the ring hashes; undefined when the caller chose the host. */
  readonly routeKey: string | undefined
  /** The key's bytes as a latin1 string, as written and as echoed. */
  readonly wireKey: string
  /** The data block of a command that stores. A string has ASCII characters only. */
  readonly body: string | Uint8Array | undefined
  /** Client flags. */
  readonly flags: number
  /** The exptime of the wire. */
  readonly exptime: number
  /** What else the verb encodes: a CAS id, a delta, the flags of a meta command, a line. */
  readonly args: unknown
  /** Whatever the verb needs to read the reply (a codec, a list of keys). Fixed once it is sent. */
  context: Context
  readonly promise: Promise<Result>

  settled = false
  /** Attempts that were begun. */
  attempts = 0
  /** Bytes of the command may have left the process, in some attempt. */
  sent = false
  /** Must travel on the host's first lane, in order with other such requests. */
  ordered = false
  binding: Binding = 'key'
  /** The server replied that it changed nothing. */
  isUnchanged = false
  /** What became of earlier attempts; undefined as long as none failed. */
  past: Past | undefined = undefined
  /** When the whole operation ends, whatever the attempts. 0 until the first could be written. */
  finalMs = 0
  /** The caller's own `timeoutMs`; 0 = behaviors decide. */
  timeoutMs = 0
  /** The caller's own signal, for what follows the reply: it may have to be decoded. */
  signal: AbortSignal | undefined = undefined
  /** The keys of a group of commands, which has no key of its own. */
  group: Group | undefined = undefined
  /** The settings it began under: a change of them does not concern it. */
  times: RequestTimes | undefined = undefined
  /** The attempt under way, or the last one. */
  attempt: Attempt | undefined = undefined

  // Not typed by Result: a request of any result is a request.
  #resolve!: (value: never) => void
  #reject!: (error: unknown) => void

  constructor(
    verb: Verb,
    routeKey: string | undefined,
    wireKey: string,
    context: Context,
    args?: unknown,
    body?: string | Uint8Array,
    flags = 0,
    exptime = 0,
  ) {
    this.verb = verb
    this.routeKey = routeKey
    this.wireKey = wireKey
    this.body = body
    this.flags = flags
    this.exptime = exptime
    this.args = args
    this.context = context
    // The optimizer takes this in whole; functions handed out by a shared executor cost more.
    this.promise = new Promise<Result>((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** Its key decides where it goes next. */
  get isFree(): boolean {
    return this.binding === 'key' || this.binding === 'new'
  }

  /** It is not tried again. */
  get isOnce(): boolean {
    return this.binding === 'once' || this.binding === 'load'
  }

  /** The record of its attempts, begun with the first failure. */
  failedBefore(): Past {
    this.past ??= { tries: 0, hangUps: 0, hereUntilMs: 0, heldBy: undefined }
    return this.past
  }

  /** Whether servers hung up on it so often that it is not sent again. */
  get isSuspect(): boolean {
    return this.past !== undefined && this.past.hangUps >= MAX_HANG_UPS
  }

  resolve(value: Result): void {
    if (this.settled) return
    this.settled = true
    this.#resolve(value as never)
  }

  /** Ends the operation with an error: no further attempt. */
  reject(error: unknown): void {
    if (this.settled) return
    this.settled = true
    this.#reject(error)
  }

  /** When the whole operation ends, should its first attempt begin at `nowMs`. */
  endMs(nowMs: number): number {
    if (this.finalMs > 0) return this.finalMs
    const { requestTimeoutMs, retries } = this.times!
    return nowMs + (this.timeoutMs > 0 ? this.timeoutMs : requestTimeoutMs * (1 + retries))
  }

  /** Begins an attempt at `nowMs`. Returns when that attempt ends. */
  begin(nowMs: number): number {
    this.attempts++
    this.finalMs = this.endMs(nowMs)
    return this.deadlineFrom(nowMs)
  }

  /** When an attempt that began at `startMs` ends. */
  deadlineFrom(startMs: number): number {
    const endMs = this.past?.hereUntilMs || startMs + this.#shareMs()
    return endMs < this.finalMs ? endMs : this.finalMs
  }

  /** How long one attempt may take. A caller who waits longer than usual gives each one more. */
  #shareMs(): number {
    const { requestTimeoutMs, retries } = this.times!
    if (this.timeoutMs === 0) return requestTimeoutMs
    return Math.max(requestTimeoutMs, Math.ceil(this.timeoutMs / (1 + retries)))
  }
}
