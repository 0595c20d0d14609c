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
} from '../channels.ts'
import { isMintringError } from '../errors.ts'
import type { OtelApi, OtelAttributes, OtelOptions, OtelSpan } from './otel-api.ts'
import { createInstruments, type Instruments } from './otel-instruments.ts'

const NAME = 'mintring'
const DEFAULT_PORT = 11211
/** The values of the API's enums: they are part of its specification. */
const INTERNAL = 0
const CLIENT = 2
const STATUS_ERROR = 2

/** An operation between its start and its end. */
interface Open {
  readonly startMs: number
  readonly span: OtelSpan
}

/**
 * Reports every client of the process to OpenTelemetry, by the semantic conventions for database
 * clients: a CLIENT span per command, below the span of the caller; `db.client.operation.duration`;
 * counters of hits, misses, ejections and refills. Values are never told, keys only with the
 * behavior `traceKeys`. Answers a function that stops it.
 *
 * `otel` is the package `@opentelemetry/api`: `instrument(await import('@opentelemetry/api'))`.
 */
export function instrument(otel: OtelApi, options: OtelOptions = {}): () => void {
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
    start: (message: unknown) => reporter.connectStarted(message as ConnectMessage),
    asyncEnd: (message: unknown) => reporter.connectEnded(message as ConnectMessage),
  }
  commands.start.subscribe(command.start)
  commands.asyncEnd.subscribe(command.asyncEnd)
  // What a batch sends belongs below its span, which is therefore carried along.
  batches.start.bindStore(reporter.batches, (message) => reporter.batchStarted(message))
  batches.asyncEnd.subscribe(batch.asyncEnd)
  connects.start.subscribe(connect.start)
  connects.asyncEnd.subscribe(connect.asyncEnd)
  const notices: readonly (readonly [string, (message: unknown) => void])[] = [
    ['mintring:eject', (message) => reporter.ejected(message as EjectMessage, 1)],
    ['mintring:return', (message) => reporter.ejected(message as EjectMessage, -1)],
    ['mintring:refill', (message) => reporter.refilled(message as RefillMessage)],
  ]
  for (const [name, listener] of notices) channel(name).subscribe(listener)
  return () => {
    commands.start.unsubscribe(command.start)
    commands.asyncEnd.unsubscribe(command.asyncEnd)
    batches.start.unbindStore(reporter.batches)
    batches.asyncEnd.unsubscribe(batch.asyncEnd)
    connects.start.unsubscribe(connect.start)
    connects.asyncEnd.unsubscribe(connect.asyncEnd)
    for (const [name, listener] of notices) channel(name).unsubscribe(listener)
  }
}

/** Turns messages into spans and measurements. */
class Reporter {
  /** The span of the batch that the running code belongs to. */
  readonly batches: AsyncLocalStorage<OtelSpan> = new AsyncLocalStorage()
  readonly #otel: OtelApi
  readonly #tracer: ReturnType<OtelApi['trace']['getTracer']>
  readonly #instruments: Instruments
  // By message: the same object comes at the start and at the end.
  readonly #open = new WeakMap<object, Open>()

  constructor(otel: OtelApi, options: OtelOptions, instruments: Instruments) {
    this.#otel = otel
    this.#tracer = (options.tracerProvider ?? otel.trace).getTracer(NAME)
    this.#instruments = instruments
  }

  commandStarted(message: CommandMessage): void {
    const { command, key } = message
    const attributes = {
      'db.system.name': 'memcached',
      'db.operation.name': command,
      ...(key === undefined ? {} : { 'mintring.key': key }),
    }
    const parent = this.batches.getStore()
    const active = this.#otel.context.active()
    const context = parent === undefined ? active : this.#otel.trace.setSpan(active, parent)
    this.#begin(message, this.#tracer.startSpan(command, { kind: CLIENT, attributes }, context))
  }

  commandEnded(message: CommandMessage): void {
    const open = this.#open.get(message)
    if (open === undefined) return
    const { command, serverAddress, outcome } = message
    const place = placeOf(message)
    const failure = failureOf(message.error)
    if (serverAddress !== undefined) {
      // Which host it is, is known for sure only when one has answered.
      open.span.updateName(`${command} ${serverAddress}:${message.serverPort ?? DEFAULT_PORT}`)
      open.span.setAttributes(place)
    }
    end(open, outcome, failure)
    this.#instruments.duration.record((performance.now() - open.startMs) / 1000, {
      'db.system.name': 'memcached',
      'db.operation.name': command,
      ...place,
      ...failure,
    })
    if (outcome === 'hit') this.#instruments.hits.add(1, place)
    if (outcome === 'miss') this.#instruments.misses.add(1, place)
  }

  batchStarted(message: BatchMessage): OtelSpan {
    const attributes = {
      'db.system.name': 'memcached',
      'db.operation.name': message.command,
      'mintring.batch.keys': message.batchSize,
    }
    const span = this.#tracer.startSpan(message.command, { kind: INTERNAL, attributes })
    this.#begin(message, span)
    return span
  }

  batchEnded(message: BatchMessage): void {
    const open = this.#open.get(message)
    if (open === undefined) return
    if (message.hits !== undefined) open.span.setAttributes({ 'mintring.batch.hits': message.hits })
    end(open, message.outcome, failureOf(message.error))
  }

  connectStarted(message: ConnectMessage): void {
    this.#open.set(message, { startMs: performance.now(), span: NO_SPAN })
  }

  connectEnded(message: ConnectMessage): void {
    const open = this.#open.get(message)
    if (open === undefined) return
    this.#instruments.connectTime.record((performance.now() - open.startMs) / 1000, {
      'db.client.connection.pool.name': message.host,
      ...failureOf(message.error),
    })
  }

  ejected({ host }: EjectMessage, change: 1 | -1): void {
    this.#instruments.ejectedHosts.add(change, { 'mintring.host': host })
    if (change === 1) this.#instruments.ejections.add(1, { 'mintring.host': host })
  }

  refilled({ event }: RefillMessage): void {
    this.#instruments.refillEvents.add(1, { 'mintring.refill.event': event })
  }

  #begin(message: object, span: OtelSpan): void {
    this.#open.set(message, { startMs: performance.now(), span })
  }
}

/** A dial belongs to no caller: it is measured, and has no span. */
const NO_SPAN: OtelSpan = {
  updateName: () => undefined,
  setAttributes: () => undefined,
  setStatus: () => undefined,
  end: () => undefined,
}

function placeOf({ serverAddress, serverPort }: CommandMessage): OtelAttributes {
  if (serverAddress === undefined) return {}
  // The convention leaves the usual port out.
  const isUsual = serverPort === undefined || serverPort === DEFAULT_PORT
  return {
    'server.address': serverAddress,
    ...(isUsual ? {} : { 'server.port': serverPort }),
  }
}

/** A code or a class: an error's message may hold a key. */
function failureOf(error: unknown): { readonly 'error.type'?: string } {
  if (error === undefined) return {}
  const type = isMintringError(error) ? error.code : error instanceof Error ? error.name : '_OTHER'
  return { 'error.type': type }
}

function end(open: Open, outcome: string | undefined, failure: { 'error.type'?: string }): void {
  if (outcome !== undefined) open.span.setAttributes({ 'mintring.outcome': outcome })
  if (failure['error.type'] !== undefined) {
    open.span.setAttributes(failure)
    open.span.setStatus({ code: STATUS_ERROR, message: failure['error.type'] })
  }
  open.span.end()
}
