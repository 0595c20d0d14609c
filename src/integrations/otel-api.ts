/**
 * The part of `@opentelemetry/api` that is used here, by its shape: the package is the user's, and
 * types that named it would need it to be installed.
 */

/** Attributes of a span or a measurement. */
export type OtelAttributes = Readonly<Record<string, string | number | boolean>>

/** A span under way. */
export interface OtelSpan {
  /** Gives the span another name. */
  updateName(name: string): unknown
  /** Adds attributes. */
  setAttributes(attributes: OtelAttributes): unknown
  /** Tells that the operation failed. */
  setStatus(status: { readonly code: number; readonly message?: string }): unknown
  /** Ends the span. */
  end(): void
}

/** Makes spans. */
export interface OtelTracer {
  /** Begins a span, below that of the context. */
  startSpan(name: string, options?: object, context?: unknown): OtelSpan
}

/** Makes instruments. */
export interface OtelMeter {
  /** Makes a histogram. */
  createHistogram(name: string, options?: object): OtelRecorder
  /** Makes a counter. */
  createCounter(name: string, options?: object): OtelAdder
}

/** A histogram. */
export interface OtelRecorder {
  /** Adds a measurement. */
  record(value: number, attributes?: OtelAttributes): void
}

/** A counter. */
export interface OtelAdder {
  /** Counts. */
  add(value: number, attributes?: OtelAttributes): void
}

/** Gives tracers: the API's `trace`, or a provider of the user's own. */
export interface OtelTracerProvider {
  /** The tracer of a library, by its name. */
  getTracer(name: string): OtelTracer
}

/** Gives meters: the API's `metrics`, or a provider of the user's own. */
export interface OtelMeterProvider {
  /** The meter of a library, by its name. */
  getMeter(name: string): OtelMeter
}

/** What the package exports. */
export interface OtelApi {
  /** Spans. */
  readonly trace: OtelTracerProvider & {
    /** A context with this span in it. */
    setSpan(context: unknown, span: OtelSpan): unknown
  }
  /** What the running code belongs to. */
  readonly context: {
    /** The context of the running code. */
    active(): unknown
  }
  /** Measurements. */
  readonly metrics: OtelMeterProvider
}

/** Settings of `instrument`. */
export interface OtelOptions {
  /** Where spans go; the API's global provider by default. */
  readonly tracerProvider?: OtelTracerProvider | undefined
  /** Where measurements go; the API's global provider by default. */
  readonly meterProvider?: OtelMeterProvider | undefined
}
