import { MintringError } from '../errors.ts'
import type { Reply } from '../protocol/reply.ts'

/** What may be done again when nobody knows whether the server did it. */
export type Safety = 'read' | 'idempotent' | 'once'

/** How one command reads its replies. Shared by all requests of that command: it holds no state. */
export interface Verb {
  /** The command's name, for errors and channels: `get`, `set`, `mg`. */
  readonly name: string
  readonly safety: Safety
  /** Plain gets that follow each other on a lane in one turn travel as one `get k1 … kn`. */
  readonly coalesce?: boolean
  /**
   * Takes one reply and settles the request when it knows the answer. Answers true when no more
   * replies belong to this command. Throws a MINTRING_PROTOCOL error for a reply that cannot
   * belong to it: the lane then closes. The reply is reused: read it before returning.
   */
  accept(request: Request, reply: Reply): boolean
  /**
   * Answers as if the key were nowhere. For coalesced verbs when the server did not name this key;
   * for all verbs that have it when `failover: 'miss'` finds the key's host out.
   */
  miss?(request: Request): void
}

/** Who is told when an attempt fails, and decides whether there is another: the host it was on. */
export interface Router {
  readonly name: string
  failed(request: Request, error: MintringError): void
}

/** What a lane needs of anything in its in-flight queue. */
export interface Inflight {
  /**
   * When this attempt ends, on the monotonic clock of `performance.now()`; Infinity once it did.
   */
  deadlineMs: number
  /** How many requests wait in it. */
  readonly size: number
  accept(reply: Reply): boolean
  fail(error: MintringError): void
  /**
   * Whether an attempt in it is over at `nowMs`, so that the lane has to close. A caller who would
   * not wait for the whole of `wholeMs` is told so here; the slot stays, to swallow the late reply.
   */
  expire(nowMs: number, wholeMs: number): boolean
}

/**
 * One command on its way: made by a client verb, routed by the cluster, carried by a lane, settled
 * by its verb. Plain fields: this is made once per operation.
 */
export class Request<Result = unknown, Context = unknown> implements Inflight {
  readonly verb: Verb
  /** What the ring hashes; undefined when the host is chosen by the caller. */
  readonly routeKey: string | undefined
  /** The key's bytes as a latin1 string, as written and as echoed. */
  readonly wireKey: string
  /** The command line, latin1, with its CRLF. Unused for coalesced verbs. */
  head: string
  /** The data block without its CRLF: a string of ASCII only, or bytes. */
  readonly body: string | Uint8Array | undefined
  /** Whatever the verb needs to read the reply (a codec, a list of keys). */
  readonly context: Context
  readonly promise: Promise<Result>

  settled = false
  /** Bytes of the command may have left the process, in this attempt or an earlier one. */
  sent = false
  /** Must travel on the host's first lane, in order with other such requests. */
  ordered = false
  /** Bound to the host it was given to: it is never routed elsewhere. */
  pinned = false
  /** This attempt was put on a second lane already, after its first one died. */
  requeued = false
  attempts = 0
  /** When the current attempt began. */
  attemptMs = 0
  deadlineMs = 0
  /** When the whole operation ends, whatever the attempts. 0 until routed. */
  finalMs = 0
  /** The caller's own `timeoutMs`; 0 = behaviors decide. */
  timeoutMs = 0
  router: Router | undefined = undefined

  // Not typed by Result: a request of any result is a request.
  #resolve!: (value: never) => void
  #reject!: (error: unknown) => void

  constructor(
    verb: Verb,
    routeKey: string | undefined,
    wireKey: string,
    head: string,
    body: string | Uint8Array | undefined,
    context: Context,
  ) {
    this.verb = verb
    this.routeKey = routeKey
    this.wireKey = wireKey
    this.head = head
    this.body = body
    this.context = context
    // The optimizer takes this in whole; functions handed out by a shared executor cost more.
    this.promise = new Promise<Result>((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  get size(): number {
    return 1
  }

  accept(reply: Reply): boolean {
    return this.verb.accept(this as Request, reply)
  }

  /** Begins the only attempt: when it fails, the request does. */
  pin(timeoutMs: number): void {
    this.pinned = this.requeued = true
    this.attemptMs = Math.ceil(performance.now())
    this.deadlineMs = this.finalMs = this.attemptMs + timeoutMs
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

  /** Ends this attempt: the router may try another place. Past the deadline it is a timeout. */
  fail(error: MintringError): void {
    if (this.settled) return
    const nowMs = performance.now()
    const cause = nowMs >= this.deadlineMs ? this.#timeout(nowMs, error) : error
    if (this.router) this.router.failed(this as Request, cause)
    else this.reject(cause)
  }

  expire(nowMs: number, wholeMs: number): boolean {
    if (nowMs < this.deadlineMs) return false
    const wholeEndMs = this.attemptMs + wholeMs
    if (nowMs >= wholeEndMs - 1) return true
    this.reject(this.#timeout(nowMs))
    this.deadlineMs = wholeEndMs
    return false
  }

  #timeout(nowMs: number, cause?: MintringError): MintringError {
    const waitedMs = Math.round(nowMs - this.attemptMs)
    return new MintringError(
      'MINTRING_TIMEOUT',
      `No answer to ${this.verb.name} in ${waitedMs} ms`,
      {
        host: this.router?.name,
        command: this.verb.name,
        sent: this.sent,
        cause,
      },
    )
  }
}
