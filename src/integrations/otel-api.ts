/**
 * The part of `@opentelemetry/api` that mintring uses. The types are declared here because
 * importing the package's types would require the user to install it.
 */

/** The attributes of a span or a measurement. */
export type OtelAttributes = Readonly<Record<string, string | number | boolean>>

/** A running span. */
export interface OtelSpan {
  /** Renames the span. */
  updateName(name: string): unknown
  /** Adds attributes. */
  setAttributes(attributes: OtelAttributes): unknown
  /** Marks the operation as failed. */
  setStatus(status: { readonly code: number; readonly message?: string }): unknown
  /** Ends the span. */
  end(): void
}

/** Creates spans. */
export interface OtelTracer {
  /** Starts a span, as a child of the span in `context`. */
  startSpan(name: string, options?: object, context?: unknown): OtelSpan
}

/** Creates instruments. */
export interface OtelMeter {
  /** Creates a histogram. */
  createHistogram(name: string, options?: object): OtelRecorder
  /** Creates a counter. */
  createCounter(name: string, options?: object): OtelAdder
}

/** A histogram. */
export interface OtelRecorder {
  /** Records a measurement. */
  record(value: number, attributes?: OtelAttributes): void
}

/** A counter. */
export interface OtelAdder {
  /** Adds to the counter. */
  add(value: number, attributes?: OtelAttributes): void
}

/** Provides tracers: the API's `trace`, or a provider of the application. */
export interface OtelTracerProvider {
  /** Returns the tracer of a library, by its name. */
  getTracer(name: string): OtelTracer
}

/** Provides meters: the API's `metrics`, or a provider of the application. */
export interface OtelMeterProvider {
  /** Returns the meter of a library, by its name. */
  getMeter(name: string): OtelMeter
}

/** The exports of the package. */
export interface OtelApi {
  /** The tracing API. */
  readonly trace: OtelTracerProvider & {
    /** Returns a context with this span in it. */
    setSpan(context: unknown, span: OtelSpan): unknown
  }
  /** The context API. */
  readonly context: {
    /** Returns the context of the running code. */
    active(): unknown
  }
  /** The metrics API. */
  readonly metrics: OtelMeterProvider
}

/** Options of `instrument`. */
export interface OtelOptions {
  /** The provider for spans. Default: the API's global provider. */
  readonly tracerProvider?: OtelTracerProvider | undefined
  /** The provider for measurements. Default: the API's global provider. */
  readonly meterProvider?: OtelMeterProvider | undefined
}
