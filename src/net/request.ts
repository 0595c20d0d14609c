import type { Bounds } from '../deadline.ts'
import type { MintringError } from '../errors.ts'
import type { Reply } from '../protocol/reply.ts'
import type { Abilities } from './abilities.ts'

/**
 * How a verb affects its item:
 * - `read`: not at all.
 * - `touch`: only its lifetime changes.
 * - `change`: its value may change.
 * - `remove`: it is deleted or marked stale.
 * - `flush`: every item of the host is deleted.
 */
export type Effect = 'read' | 'touch' | 'change' | 'remove' | 'flush'

/** A change that a host missed. The host must apply it before its values are used again. */
export interface Debt {
  /** Whether to mark the key stale instead of deleting it. */
  readonly isMark: boolean
  /** The item's lifetime after it was marked stale, in seconds. Only with `isMark`. */
  readonly ttlSeconds?: number | undefined
  /** Whether the key is sent as base64. */
  readonly isBase64: boolean
}

/**
 * What a host that missed a write must do by default before its values are used: delete the key.
 */
export const DELETE_DEBT: Debt = Object.freeze({ isMark: false, isBase64: false })

/** The keys of a request that is a group of commands. */
export interface Group {
  readonly size: number
  routeKey(index: number): string
  wireKey(index: number): string
  /**
   * Sends each key to its next host after the group failed. `failed` is undefined if the failure
   * was not its host's fault.
   */
  regroup(failed: Router | undefined, error: MintringError): void
  /** Settles the group as misses. */
  miss(): void
}

/** After this many closed connections a request is not sent again. */
const MAX_HANG_UPS = 2
/** After this many lost connections each of their requests is sent alone, to find the cause. */
const MAX_LOSSES = 2

/** The send buffer of a connection, into which a verb writes its encoded command. */
export interface Sink {
  /** Appends latin1 text that includes its CRLF. */
  text(line: string): void
  /** Appends a data block without its final CRLF. A string contains ASCII characters only. */
  data(body: string | Uint8Array): void
}

/** How to encode a command and parse its replies. All requests of a command share it; no state. */
export interface Verb {
  /** The command's name in errors and on channels: `get`, `set`, `mg`. */
  readonly name: string
  readonly effect: Effect
  /** Whether the command may be retried when the server may already have executed it. */
  readonly repeatable: boolean
  /**
   * Returns the words that identify the command, if it takes more than its name, as in `lru_crawler
   * metadump`.
   */
  words?: ((request: Request) => readonly string[]) | undefined
  /**
   * Whether the command reads or replaces the whole value unconditionally: no lease and no CAS id.
   */
  readonly isWhole?: boolean | undefined
  /** Whether the `args` of the request are the required CAS id. */
  readonly hasCasId?: boolean | undefined
  /** Whether consecutive gets of one tick on a connection are combined into one `get k1 … kn`. */
  readonly coalesce?: boolean | undefined
  /**
   * Whether, during a handover, this request goes only to the host that reads use. The key's other
   * host is then up to the caller.
   */
  readonly isOneHome?: boolean | undefined
  /**
   * Whether the command needs a connection of its own: an error reply may leave the connection out
   * of step with its commands.
   */
  readonly isApart?: boolean | undefined
  /**
   * Encodes the command. `maxTtlSeconds` limits the item's lifetime; 0 means no limit. An exception
   * rejects the request. The batch encodes combined gets instead.
   */
  encode?: ((request: Request, out: Sink, maxTtlSeconds: number) => void) | undefined
  /**
   * Parses one reply of an attempt, and settles the request when it has its result. Returns true
   * when no more replies belong to this attempt. Throws a MINTRING_PROTOCOL error, which closes the
   * connection, for a reply that cannot belong to it. The reply is reused, so read it before
   * returning.
   */
  accept(request: Request, reply: Reply, attempt: Attempt): boolean
  /**
   * Handles an error for the delete of a lock that is in front of that of its key. The reply about
   * the key follows. Default: rejects the request.
   */
  lockRefused?: ((request: Request, reply: Reply, attempt: Attempt) => void) | undefined
  /**
   * Returns what a host that missed this command must do before its values are used; default:
   * delete the key.
   */
  debt?: ((request: Request) => Debt) | undefined
  /**
   * Settles the request as a miss: a combined get whose key the server omitted, or any verb if
   * `failover: 'miss'` and the key's host is down.
   */
  miss?: ((request: Request) => void) | undefined
}

/** Returns the verb with every field, in one order: V8 reads objects of one shape faster. */
export function verbOf(given: Verb): Verb {
  const { name, effect, repeatable, words, isWhole, hasCasId, coalesce, isOneHome } = given
  const { isApart, encode, accept, lockRefused, debt, miss } = given
  return {
    name,
    effect,
    repeatable,
    words,
    isWhole,
    hasCasId,
    coalesce,
    isOneHome,
    isApart,
    encode,
    accept,
    lockRefused,
    debt,
    miss,
  }
}

/** The host of an attempt: receives failed attempts and decides whether to retry. */
export interface Router {
  readonly name: string
  /** The maximum lifetime of items on the host, in seconds; 0 means no limit. */
  readonly maxTtlSeconds: number
  /** What the server reported about itself; set before a request is written. */
  readonly abilities?: Abilities | undefined
  /** The last failure of a connection, and when it occurred by `performance.now()`. */
  readonly lastError?: MintringError | undefined
  readonly lastErrorMs?: number
  /** Handles a failed attempt; `deadlineMs` is when the attempt would have timed out. */
  failed(request: Request, error: MintringError, deadlineMs: number): void
}

/**
 * One attempt on one host, at one request or at several combined gets. Its time starts when the
 * event loop could write it. A retry is a new attempt without any state of the earlier one.
 */
export interface Attempt {
  readonly router: Router
  /** How many requests the attempt contains. */
  readonly size: number
  /** When the event loop could write it, on the clock of `performance.now()`. */
  startMs: number
  /**
   * When the attempt times out. If it has ended but its reply is still to come: when to check it
   * again.
   */
  readonly deadlineMs: number
  /** Whether the server replied that it changed nothing. */
  readonly isUnchanged: boolean
  /** The number of bytes of the values that the attempt writes. */
  readonly bytes: number
  /**
   * Starts the attempt's time limit, at the end of the event loop tick that created the attempt.
   */
  begin(nowMs: number): void
  /** Writes the requests that are not settled. Returns how many were sent. */
  write(out: Sink, nowMs: number): number
  /**
   * Processes one reply to the attempt. Returns true when no more replies belong to the attempt.
   */
  accept(reply: Reply): boolean
  /** Fails the attempt: each of its requests is retried or rejected. */
  fail(error: MintringError): void
  /**
   * Records that the server closed the connection. `isOldest`: it probably worked on this attempt.
   */
  noteHangUp(isOldest: boolean): void
  /** Whether the server closed connections on it before. */
  readonly isSuspect: boolean
  /** Whether it is never retried. */
  readonly isOnce: boolean
  /** Whether it must be the only attempt in flight, because a server may have hung up on it. */
  readonly isAlone: boolean
  /** Whether one of the attempt's requests has waited a full `requestTimeoutMs`. */
  isLate(nowMs: number, requestTimeoutMs: number): boolean
  /** Fails the requests that timed out. The attempt stays in flight to consume the late reply. */
  expire(nowMs: number, requestTimeoutMs: number, lane?: LaneLife['lane']): void
  /** Whether no caller waits for the attempt any longer. */
  readonly isOver: boolean
  /** Extends the attempt's deadline to the end of the operation, because its reply is arriving. */
  extend(): void
}

/**
 * Where a request may be sent:
 * - `key`: to the host of its key, or a fallback host.
 * - `host`: only to the chosen host.
 * - `once`: to that host, without a retry.
 * - `load`: as `once`, for a refill's commands on its key.
 * - `previous`: only to the key's previous host in a handover.
 * - `before`, `new`: as `key`, in the previous or the new placement.
 */
export type Binding = 'key' | 'host' | 'once' | 'load' | 'previous' | 'before' | 'new'

/**
 * Is told how a request ended, at once: its promise settles only after all replies of the tick.
 * Requests of all kinds have one class, because V8 reads objects of one shape faster.
 */
export interface Receiver {
  /** Returns what the request resolves to instead. Throws what it rejects with. */
  failed(error: unknown, request: Request): unknown
  /** Called with the result of a request that did not fail. */
  resolved?(result: unknown, request: Request): void
}

/** A connection, and a number that changes when it ends and opens again. */
export interface LaneLife {
  readonly lane: { readonly life: number }
  readonly life: number
}

/** The history of a request's earlier attempts. */
export interface Past {
  /** How many attempts timed out. */
  tries: number
  /** How many connections closed while it was in flight. */
  losses: number
  /** How many of them closed while the server probably worked on it. */
  hangUps: number
  /** When its time on the current host ends; 0 if that starts with the next attempt. */
  hereUntilMs: number
  /** The connection on which the server may still execute a timed-out attempt. */
  heldBy: LaneLife | undefined
}

/** The settings that limit the time of a request. */
export interface RequestTimes {
  /** The time limit of one attempt. */
  readonly requestTimeoutMs: number
  readonly retries: number
}

/**
 * One command: a client verb creates it, the cluster routes it, attempts carry it, and its verb
 * settles it. It is not encoded until a connection writes it. It has plain fields, because every
 * operation creates one.
 */
export class Request<Result = unknown, Context = unknown> {
  readonly verb: Verb
  /** What the ring hashes; undefined when the caller chose the host. */
  readonly routeKey: string | undefined
  /** The key's bytes as a latin1 string, as sent and as returned. */
  readonly wireKey: string
  /** The data block of a storage command. A string contains ASCII characters only. */
  readonly body: string | Uint8Array | undefined
  /** Client flags. */
  readonly flags: number
  /** The exptime as sent. */
  readonly exptime: number
  /**
   * Further arguments to encode: a CAS id, a delta, the flags of a meta command, or a whole line.
   */
  readonly args: unknown
  /** What the verb needs to parse the reply (a codec, a list of keys). Fixed once it is sent. */
  context: Context
  readonly promise: Promise<Result>

  settled = false
  /** How many attempts were started. */
  attempts = 0
  /** Whether bytes of the command may have left the process, in any attempt. */
  sent = false
  /**
   * Whether the request is sent on the host's first connection, to stay in order with other such
   * requests.
   */
  ordered = false
  binding: Binding = 'key'
  /** The history of earlier attempts; undefined until one failed. */
  past: Past | undefined = undefined
  /** When the whole operation times out; 0 until the first attempt could be written. */
  finalMs = 0
  /** The caller's own limits, which also apply while the reply is decoded. */
  bounds: Bounds | undefined = undefined
  /** The keys of a group of commands; a group has no single key. */
  group: Group | undefined = undefined
  receiver: Receiver | undefined = undefined
  /** The settings when the request was created; later changes do not affect it. */
  times: RequestTimes | undefined = undefined
  /** The current or last attempt. */
  attempt: Attempt | undefined = undefined

  // Typed `never` instead of Result, so that a Request of any result type is assignable to Request.
  #resolve!: (value: never) => void

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
    // A closure here is faster than shared resolver functions: the optimizer inlines it, and does
    // not even create the function that rejects.
    this.promise = new Promise<Result>((resolve) => {
      this.#resolve = resolve
    })
  }

  /** Whether the request's next host depends on its key. */
  get isFree(): boolean {
    return this.binding === 'key' || this.binding === 'new' || this.binding === 'before'
  }

  /** Whether the request is never retried. */
  get isOnce(): boolean {
    return this.binding === 'once' || this.binding === 'load'
  }

  /** Returns the history of its attempts; creates it at the first failure. */
  failedBefore(): Past {
    this.past ??= { tries: 0, losses: 0, hangUps: 0, hereUntilMs: 0, heldBy: undefined }
    return this.past
  }

  /**
   * Whether too many connections closed while the server worked on this request, so that it is not
   * sent again.
   */
  get isSuspect(): boolean {
    return this.past !== undefined && this.past.hangUps >= MAX_HANG_UPS
  }

  /** Whether the request is sent alone. If the connection closes again, it is the cause. */
  get isAlone(): boolean {
    return this.past !== undefined && this.past.hangUps > 0
  }

  /** Records that the server closed the connection, probably because of the oldest request. */
  noteHangUp(isOldest: boolean): void {
    const past = this.failedBefore()
    past.losses++
    if (isOldest || past.losses >= MAX_LOSSES) past.hangUps++
  }

  resolve(value: Result): void {
    if (this.settled) return
    this.settled = true
    this.#resolve(value as never)
    this.receiver?.resolved?.(value, this as Request)
  }

  /** Rejects the operation; no further attempt follows. */
  reject(error: unknown): void {
    if (this.settled) return
    this.settled = true
    this.#resolve(this.#failure(error) as never)
  }

  #failure(error: unknown): unknown {
    const { receiver } = this
    if (receiver === undefined) return Promise.reject(error)
    try {
      return receiver.failed(error, this as Request)
    } catch (failure) {
      return Promise.reject(failure)
    }
  }

  /**
   * Returns when the operation times out if its first attempt starts at `nowMs`. A whole number: at
   * the first fraction in `finalMs`, V8 would drop the optimized code of everything that uses
   * requests.
   */
  endMs(nowMs: number): number {
    if (this.finalMs > 0) return this.finalMs
    const { requestTimeoutMs, retries } = this.times!
    return Math.ceil(nowMs + (this.bounds?.timeoutMs ?? requestTimeoutMs * (1 + retries)))
  }

  /** Starts an attempt at `nowMs`. Returns its deadline. */
  begin(nowMs: number): number {
    this.attempts++
    this.finalMs = this.endMs(nowMs)
    return this.deadlineFrom(nowMs)
  }

  /** Returns the deadline of an attempt that started at `startMs`. */
  deadlineFrom(startMs: number): number {
    const endMs = this.past?.hereUntilMs || startMs + this.#shareMs()
    return endMs < this.finalMs ? endMs : this.finalMs
  }

  /** Returns the time limit of one attempt; a longer `timeoutMs` gives each attempt more. */
  #shareMs(): number {
    const { requestTimeoutMs, retries } = this.times!
    const timeoutMs = this.bounds?.timeoutMs
    if (timeoutMs === undefined) return requestTimeoutMs
    return Math.max(requestTimeoutMs, Math.ceil(timeoutMs / (1 + retries)))
  }
}
