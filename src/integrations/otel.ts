/**
 * `mintring/otel`: spans and metrics for OpenTelemetry, from the diagnostics channels.
 * @module otel
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { channel, tracingChannel } from 'node:diagnostics_channel'
import type {
  BatchMessage,
  CommandMessage,
  ConnectMessage,
  EjectMessage,
  RefillMessage,
  ReturnMessage,
} from '../channels.ts'
import { isMintringError } from '../errors.ts'
import { type Check, checkValues, unless } from './adapter-arguments.ts'
import type {
  OtelAdder,
  OtelApi,
  OtelAttributes,
  OtelMeter,
  OtelMeterProvider,
  OtelOptions,
  OtelRecorder,
  OtelSpan,
  OtelTracer,
  OtelTracerProvider,
} from './otel-api.ts'
import { createInstruments, type Instruments } from './otel-instruments.ts'
import { checkPeer } from './peer.ts'

export type {
  OtelAdder,
  OtelApi,
  OtelAttributes,
  OtelMeter,
  OtelMeterProvider,
  OtelOptions,
  OtelRecorder,
  OtelSpan,
  OtelTracer,
  OtelTracerProvider,
}

const NAME = 'mintring'
/** Values of the API's enums, which its specification fixes. */
const INTERNAL = 0
const CLIENT = 2
const STATUS_ERROR = 2

/** The batch call that the running code belongs to. */
interface RunningBatch {
  readonly span: OtelSpan
  /** The active context when the batch started; it differs once the code starts its own span. */
  readonly context: unknown
}

const NEEDED = ['trace.getTracer', 'trace.setSpan', 'context.active', 'metrics.getMeter']

/**
 * Reports every client of the process to OpenTelemetry, by the semantic conventions for database
 * clients: a CLIENT span per command, as a child of the caller's span;
 * `db.client.operation.duration`; counters of hits, misses, ejections and refills. Values are never
 * reported, keys only with the behavior `traceKeys`. Returns a function that stops reporting.
 *
 * `otel` is the package `@opentelemetry/api`: `instrument(await import('@opentelemetry/api'))`.
 */
export function instrument(otel: OtelApi, options: OtelOptions = {}): () => void {
  checkPeer(otel, '@opentelemetry/api (1.3 or later)', NEEDED)
  checkValues('instrument', options, {
    tracerProvider: withMethod('getTracer'),
    meterProvider: withMethod('getMeter'),
  })
  const meters = options.meterProvider ?? otel.metrics
  const reporter = new Reporter(otel, options, createInstruments(meters.getMeter(NAME)))
  const commands = tracingChannel<unknown, CommandMessage>('mintring:command')
  const batches = tracingChannel<unknown, BatchMessage>('mintring:batch')
  const connects = tracingChannel<unknown, ConnectMessage>('mintring:connect')
  const command = {
    start: (message: unknown) => reporter.commandStarted(message as CommandMessage),
    asyncEnd: (message: unknown) => reporter.commandEnded(message as CommandMessage),
  }
  const batch = {
    asyncEnd: (message: unknown) => reporter.batchEnded(message as BatchMessage),
  }
  const connect = {
    asyncEnd: (message: unknown) => reporter.connectEnded(message as ConnectMessage),
  }
  commands.start.subscribe(command.start)
  commands.asyncEnd.subscribe(command.asyncEnd)
  // Keep a batch's span in an AsyncLocalStorage: spans of its commands become its children.
  batches.start.bindStore(reporter.batches, (message) => reporter.batchStarted(message))
  batches.asyncEnd.subscribe(batch.asyncEnd)
  connects.asyncEnd.subscribe(connect.asyncEnd)
  const notices: readonly (readonly [string, (message: unknown) => void])[] = [
    ['mintring:eject', (message) => reporter.ejected(message as EjectMessage)],
    ['mintring:return', (message) => reporter.returned(message as ReturnMessage)],
    ['mintring:refill', (message) => reporter.refilled(message as RefillMessage)],
  ]
  for (const [name, listener] of notices) channel(name).subscribe(listener)
  return () => {
    commands.start.unsubscribe(command.start)
    commands.asyncEnd.unsubscribe(command.asyncEnd)
    batches.start.unbindStore(reporter.batches)
    batches.asyncEnd.unsubscribe(batch.asyncEnd)
    connects.asyncEnd.unsubscribe(connect.asyncEnd)
    for (const [name, listener] of notices) channel(name).unsubscribe(listener)
  }
}

/** Converts channel messages to spans and measurements. */
class Reporter {
  readonly batches: AsyncLocalStorage<RunningBatch> = new AsyncLocalStorage()
  private readonly _otel: OtelApi
  private readonly _tracer: ReturnType<OtelApi['trace']['getTracer']>
  private readonly _instruments: Instruments
  // Spans by message: start and end publish the same object.
  private readonly _open = new WeakMap<object, OtelSpan>()

  constructor(otel: OtelApi, options: OtelOptions, instruments: Instruments) {
    this._otel = otel
    this._tracer = (options.tracerProvider ?? otel.trace).getTracer(NAME)
    this._instruments = instruments
  }

  commandStarted(message: CommandMessage): void {
    const { command, key } = message
    const attributes = {
      'db.system.name': 'memcached',
      'db.operation.name': command,
      ...placeOf(message),
      ...(key === undefined ? {} : { 'mintring.key': key }),
    }
    const active = this._otel.context.active()
    const batch = this.batches.getStore()
    const isOfBatch = batch !== undefined && batch.context === active
    const context = isOfBatch ? this._otel.trace.setSpan(active, batch.span) : active
    const options = { kind: CLIENT, attributes }
    this._open.set(message, this._tracer.startSpan(nameOf(message), options, context))
  }

  commandEnded(message: CommandMessage): void {
    const span = this._open.get(message)
    if (span === undefined) return
    const place = placeOf(message)
    const failure = failureOf(message.error)
    // A retried command is named after the host that replied last.
    span.updateName(nameOf(message))
    span.setAttributes({
      ...place,
      ...(message.state === undefined ? {} : { 'mintring.refill.state': message.state }),
      ...(message.attempts === undefined ? {} : { 'mintring.attempts': message.attempts }),
    })
    end(span, message.outcome, failure)
    this._instruments.duration.record((message.durationMs ?? 0) / 1000, {
      'db.system.name': 'memcached',
      'db.operation.name': message.command,
      ...place,
      ...failure,
    })
    const { outcome } = message
    const operation = { ...place, 'db.operation.name': message.command }
    if (outcome === 'hit' || outcome === 'stale') this._instruments.hits.add(1, operation)
    if (outcome === 'miss') this._instruments.misses.add(1, operation)
  }

  batchStarted(message: BatchMessage): RunningBatch {
    const attributes = {
      'db.system.name': 'memcached',
      'db.operation.name': message.command,
      'mintring.batch.keys': message.batchSize,
    }
    const span = this._tracer.startSpan(message.command, { kind: INTERNAL, attributes })
    this._open.set(message, span)
    return { span, context: this._otel.context.active() }
  }

  batchEnded(message: BatchMessage): void {
    const span = this._open.get(message)
    if (span === undefined) return
    const { command, batchSize, hits, attempts, failed = 0 } = message
    if (hits !== undefined) span.setAttributes({ 'mintring.batch.hits': hits })
    if (attempts !== undefined) span.setAttributes({ 'mintring.attempts': attempts })
    const isRead = command === 'getMany' || command === 'getOrSetMany'
    if (hits !== undefined && isRead) {
      const operation = { 'db.operation.name': command }
      this._instruments.hits.add(hits, operation)
      this._instruments.misses.add(batchSize - hits - failed, operation)
    }
    end(span, message.outcome, failureOf(message.error))
  }

  /** Measures a new connection. Makes no span, because no single caller causes a connection. */
  connectEnded(message: ConnectMessage): void {
    this._instruments.connectTime.record((message.durationMs ?? 0) / 1000, {
      'db.client.connection.pool.name': message.host,
      ...failureOf(message.error),
    })
  }

  ejected({ host }: EjectMessage): void {
    this._instruments.ejections.add(1, { 'mintring.host': host })
  }

  returned({ host }: ReturnMessage): void {
    this._instruments.returns.add(1, { 'mintring.host': host })
  }

  refilled({ event }: RefillMessage): void {
    this._instruments.refillEvents.add(1, { 'mintring.refill.event': event })
  }
}

function withMethod(name: string): Check {
  const has = (given: unknown): boolean => typeof Object(given)[name] === 'function'
  return unless(has, `a provider with ${name}()`)
}

/** `{operation} {address}:{port}`; a Unix socket has only a path. */
function nameOf({ command, serverAddress, serverPort }: CommandMessage): string {
  if (serverAddress === undefined) return command
  const port = serverPort === undefined ? '' : `:${serverPort}`
  return `${command} ${serverAddress}${port}`
}

function placeOf({ serverAddress, serverPort }: CommandMessage): OtelAttributes {
  return {
    ...(serverAddress === undefined ? {} : { 'server.address': serverAddress }),
    ...(serverPort === undefined ? {} : { 'server.port': serverPort }),
  }
}

/** Returns an error's code or class, never its message, which may contain a key. */
function failureOf(error: unknown): { readonly 'error.type'?: string } {
  if (error === undefined) return {}
  const { name } = Object(error) as { readonly name?: unknown }
  const type = isMintringError(error) ? error.code : typeof name === 'string' ? name : '_OTHER'
  return { 'error.type': type }
}

function end(
  span: OtelSpan,
  outcome: string | undefined,
  failure: { 'error.type'?: string },
): void {
  if (outcome !== undefined) span.setAttributes({ 'mintring.outcome': outcome })
  if (failure['error.type'] !== undefined) {
    span.setAttributes(failure)
    span.setStatus({ code: STATUS_ERROR, message: failure['error.type'] })
  }
  span.end()
}
