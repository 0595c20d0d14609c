import { badArgument } from '../arguments.ts'
import type { Behaviors } from '../behaviors/behaviors.ts'
import { type CommandMessage, commandTrace, isTraced } from '../channels.ts'
import { Deadline } from '../deadline.ts'
import { isMintringError, MintringError } from '../errors.ts'
import type { Cluster } from '../hosts/cluster.ts'
import type { Request } from '../net/request.ts'
import { escaped, kindOf } from '../secrets.ts'
import { Chunks } from './chunks.ts'
import type { Events } from './events.ts'
import type { KeyMapping } from './keys.ts'
import { CheckedKeys, Keys } from './keys.ts'
import type { OperationOptions, ReadOptions } from './options.ts'
import { applyOptions } from './options.ts'
import { type Telling, traceCommand, traceKey, tracePart, traceStep } from './trace.ts'
import { noteSent, type Sent } from './trace-call.ts'
import { BytesCodec, type Codec, type Decoder } from './values/codec.ts'
import { besideRefills, createCodec } from './values/select.ts'
import { measured } from './wire-bytes.ts'

/**
 * Error codes that `onError: 'miss'` turns into misses. A caller's own mistakes are not among them.
 */
const FORGIVEN: ReadonlySet<string> = new Set([
  'MINTRING_AUTH',
  'MINTRING_BAD_VALUE',
  'MINTRING_CONNECTION',
  'MINTRING_HOST_EJECTED',
  'MINTRING_NO_HOSTS',
  'MINTRING_OVERLOADED',
  'MINTRING_PROTOCOL',
  'MINTRING_REFUSED',
  'MINTRING_TIMEOUT',
  'MINTRING_TOO_LARGE',
])

/**
 * The state that all methods of a client share: the hosts, and the settings in the form that verbs
 * need. A change of settings replaces these fields at once; operations in progress keep the old
 * values.
 */
export class ClientCore {
  /** The client's id in messages on diagnostics channels. */
  readonly id: string
  readonly cluster: Cluster
  readonly events: Events
  behaviors: Behaviors
  keys: KeyMapping
  codec: Codec
  /** Stores values that are too large in chunks; undefined when such values reject. */
  chunks: Chunks | undefined
  maxItemBytes: number
  /**
   * Called with each key that this client writes: a refill in progress may have read an older
   * state.
   */
  changed: (key: string) => void = () => {}
  /** Whether close() was called: pending operations may finish, and no others start. */
  isClosed = false
  /** How many failed reads returned a miss, because of `onError: 'miss'`. */
  forgivenErrors = 0
  /** Counts a failed read that becomes a miss. Rethrows errors that are the caller's mistake. */
  readonly forgive = (error: unknown): undefined => {
    if (!isMintringError(error) || !FORGIVEN.has(error.code)) throw error
    this.forgivenErrors++
  }

  /** How commands are traced while `mintring:command` has subscribers. */
  private readonly _tell: Telling = (core, request) => traceCommand(core, request)

  constructor(cluster: Cluster, events: Events, behaviors: Behaviors) {
    const derived = derive(cluster, behaviors)
    this.id = cluster.hooks.client ?? ''
    this.cluster = cluster
    this.events = events
    this.behaviors = behaviors
    this.keys = derived.keys
    this.codec = derived.codec
    this.chunks = derived.chunks
    this.maxItemBytes = behaviors.maxItemBytes
  }

  /** Applies new settings. Throws before any change if they are invalid. */
  apply(behaviors: Behaviors): void {
    Object.assign(this, derive(this.cluster, behaviors), {
      behaviors,
      maxItemBytes: behaviors.maxItemBytes,
    })
  }

  /** Returns this core for a new operation. Throws MINTRING_CLOSED after close(). */
  get open(): this {
    if (!this.isClosed) return this
    throw new MintringError('MINTRING_CLOSED', 'The client was closed')
  }

  /** Returns a core with the same hosts and settings, but other keys, and a codec if given. */
  view(keys: KeyMapping, codec: Codec | undefined): ClientCore {
    const view = Object.create(this, { keys: { value: new CheckedKeys(keys) } })
    if (codec !== undefined) Object.defineProperty(view, 'codec', { value: besideRefills(codec) })
    return view
  }

  private _telling(tell: Telling): ClientCore {
    return Object.create(this, { _tell: { value: tell } })
  }

  /**
   * Returns a core whose commands are traced as parts of a batch, and whose attempts are added to
   * `sent`.
   */
  forParts(sent: Sent): ClientCore {
    const parts = this._telling(tracePart)
    const submit = <Result, Context>(
      request: Request<Result, Context>,
      options: OperationOptions | undefined,
    ): Promise<Result> => {
      if (isTraced()) measured(request)
      return noteSent(sent, request, this.submit.call(parts, request, options) as never)
    }
    return Object.defineProperty(parts, 'submit', { value: submit })
  }

  /**
   * Runs a verb of several commands as one operation: it is traced as one, and close() waits for
   * all of it. A result of false or undefined is traced as `refused`.
   */
  asOne<Result>(
    command: string,
    key: string,
    run: (core: ClientCore) => Promise<Result>,
  ): Promise<Result> {
    if (!commandTrace.hasSubscribers) return this.cluster.operations.during(run(this))
    const steps = (message: CommandMessage): Promise<Result> =>
      this.cluster.operations.during(run(this._telling(traceStep(message))))
    return traceKey(this, command, key, steps, (result) => {
      return result === undefined || result === false ? 'refused' : 'ok'
    })
  }

  /** Returns a function that returns the name of the key's host; undefined if no host is up. */
  hostOf(routeKey: string): () => string | undefined {
    return () => this.cluster.hostFor(routeKey)?.name
  }

  /** The time limit of an operation whose caller sets none, in ms. */
  get operationMs(): number {
    const { requestTimeoutMs, retries } = this.behaviors
    return requestTimeoutMs * (1 + retries)
  }

  /**
   * Returns the deadline of an operation of several commands for a key: they share the time of one
   * operation. Throws for invalid options.
   */
  deadline(what: string, options: OperationOptions | undefined, routeKey: string): Deadline {
    const { operationMs } = this
    const { signal, timeoutMs = operationMs } = options ?? {}
    return new Deadline(what, { signal, timeoutMs }, operationMs, this.hostOf(routeKey))
  }

  /** Sends a request. Throws for invalid options. */
  submit<Result, Context>(
    request: Request<Result, Context>,
    options: OperationOptions | undefined,
  ): Promise<Result> {
    if (options !== undefined) applyOptions(request as Request, options)
    if (commandTrace.hasSubscribers) return this._tell(this, request)
    this.cluster.dispatch(request as Request)
    return request.promise
  }

  /** Sends a read; with `onError: 'miss'`, failures resolve to `undefined`. */
  read<Result, Context>(
    request: Request<Result, Context>,
    options: OperationOptions | undefined,
  ): Promise<Result> {
    const answer = this.submit(request, options)
    return this.behaviors.onError === 'miss'
      ? (answer.catch(this.forgive) as Promise<Result>)
      : answer
  }

  /** Returns the codec for a read. Throws MINTRING_BAD_ARGUMENT for an invalid `as`. */
  codecFor(options: ReadOptions | undefined): Decoder {
    const as = options?.as
    return as === undefined ? this.codec : codecAs(as, this.codec)
  }

  /** Whether the key's host supports meta commands; false when no host is reachable. */
  async speaksMeta(routeKey: string): Promise<boolean> {
    const { protocol } = this.behaviors
    if (protocol !== 'auto') return protocol === 'meta'
    const host = this.cluster.hostFor(routeKey)
    if (host === undefined) return false
    try {
      return (host.abilities ?? (await host.ready())).meta
    } catch {
      return false
    }
  }
}

function codecAs(as: unknown, codec: Codec): Decoder {
  if (as === 'buffer') return new BytesCodec(codec)
  const got = typeof as === 'string' ? `'${escaped(as, 20)}'` : kindOf(as)
  throw badArgument(`as must be 'buffer', or be left out for the decoded value, not ${got}`)
}

/**
 * Prepares all that new settings need. Every error happens here, before the settings are applied.
 */
function derive(
  cluster: Cluster,
  behaviors: Behaviors,
): { keys: Keys; codec: Codec; chunks: Chunks | undefined } {
  const keys = new Keys(behaviors)
  const chunks = new Chunks(cluster, keys)
  const codec = createCodec(behaviors.valueFlags, { ...behaviors, chunks })
  return { keys, codec, chunks: behaviors.largeValues === 'split' ? chunks : undefined }
}
