import { badArgument } from '../arguments.ts'
import type { Behaviors } from '../behaviors/behaviors.ts'
import { type CommandMessage, commandTrace } from '../channels.ts'
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
import { BytesCodec, type Codec } from './values/codec.ts'
import { besideRefills, createCodec } from './values/select.ts'

/**
 * Failures that `onError: 'miss'` turns into misses. The caller's own mistakes are not among them.
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
 * What all verbs of a client share: the hosts, and the current settings in the form the verbs need
 * them. A change of settings replaces these fields at once; operations on their way keep what they
 * took.
 */
export class ClientCore {
  /** What messages on diagnostics channels call this client. */
  readonly id: string
  readonly cluster: Cluster
  readonly events: Events
  behaviors: Behaviors
  keys: KeyMapping
  codec: Codec
  /** Undefined when values that are too large reject. */
  chunks: Chunks | undefined
  maxItemBytes: number
  /** Told of the keys this client writes itself: what a refill under way has read may be older. */
  changed: (key: string) => void = () => {}
  /** Ends a refill that keeps its lock beside the key. True when there was one. */
  unlock: (key: string) => Promise<boolean> = async () => false
  /** close() was called: what is under way may end, and nothing else begins. */
  isClosed = false
  /** Reads that failed and were answered as misses, because `onError` says so. */
  forgivenErrors = 0
  /** Counts a failure that becomes a miss; throws it when it is the caller's own mistake. */
  readonly forgive = (error: unknown): undefined => {
    if (!isMintringError(error) || !FORGIVEN.has(error.code)) throw error
    this.forgivenErrors++
  }

  /** How commands are told while `mintring:command` has subscribers. */
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

  /** Takes new settings. Throws before anything changed if they cannot be. */
  apply(behaviors: Behaviors): void {
    Object.assign(this, derive(this.cluster, behaviors), {
      behaviors,
      maxItemBytes: behaviors.maxItemBytes,
    })
  }

  /** This, for an operation that begins. Throws MINTRING_CLOSED after close(). */
  get open(): this {
    if (!this.isClosed) return this
    throw new MintringError('MINTRING_CLOSED', 'The client was closed')
  }

  /** The same hosts and settings, now and later, with keys and values written another way. */
  view(keys: KeyMapping, codec: Codec): ClientCore {
    const checked = new CheckedKeys(keys)
    return Object.create(this, { keys: { value: checked }, codec: { value: besideRefills(codec) } })
  }

  private _telling(tell: Telling): ClientCore {
    return Object.create(this, { _tell: { value: tell } })
  }

  /** The same for the parts of a batch, which are told as such. */
  get forParts(): ClientCore {
    return this._telling(tracePart)
  }

  /**
   * Runs a verb of several commands, which is told as one operation, and which close() lets send
   * all of them. What resolves to false or undefined was refused.
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

  /** How long an operation may take when its caller names no time. */
  get operationMs(): number {
    const { requestTimeoutMs, retries } = this.behaviors
    return requestTimeoutMs * (1 + retries)
  }

  /** Sends a request on its way. Throws for options under which it cannot start. */
  submit<Result, Context>(
    request: Request<Result, Context>,
    options: OperationOptions | undefined,
  ): Promise<Result> {
    if (options !== undefined) applyOptions(request as Request, options)
    if (commandTrace.hasSubscribers) return this._tell(this, request)
    this.cluster.dispatch(request as Request)
    return request.promise
  }

  /** As submit(), for verbs that answer `undefined` on a miss. */
  read<Result, Context>(
    request: Request<Result, Context>,
    options: OperationOptions | undefined,
  ): Promise<Result> {
    const answer = this.submit(request, options)
    return this.behaviors.onError === 'miss'
      ? (answer.catch(this.forgive) as Promise<Result>)
      : answer
  }

  /** How a read decodes values. Throws MINTRING_BAD_ARGUMENT for an `as` that is invalid. */
  codecFor(options: ReadOptions | undefined): Codec {
    const as = options?.as
    if (as === undefined) return this.codec
    if (as === 'buffer') return new BytesCodec(this.codec)
    const got = typeof as === 'string' ? `'${escaped(as, 20)}'` : kindOf(as)
    throw badArgument(`as must be 'buffer', or be left out for the decoded value, not ${got}`)
  }

  /** Whether the key's host takes meta commands; false when no server can be asked. */
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

/** Everything that can fail in new settings happens here, before the first of them counts. */
function derive(
  cluster: Cluster,
  behaviors: Behaviors,
): { keys: Keys; codec: Codec; chunks: Chunks | undefined } {
  const keys = new Keys(behaviors)
  const chunks = new Chunks(cluster, keys)
  const codec = createCodec(behaviors.valueFlags, { ...behaviors, chunks })
  return { keys, codec, chunks: behaviors.largeValues === 'split' ? chunks : undefined }
}
