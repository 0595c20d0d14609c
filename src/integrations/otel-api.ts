/**
 * The part of `@opentelemetry/api` that is used here, by its shape: the package is the user's, and
 * types that named it would need it to be installed.
 */

/** Attributes of a span or a measurement. */
export type OtelAttributes = Readonly<Record<string, string | number | boolean>>

/** A span under way. */
export interface OtelSpan {
  updateName(name: string): unknown
  setAttributes(attributes: OtelAttributes): unknown
  setStatus(status: { readonly code: number; readonly message?: string }): unknown
  end(): void
}

/** Makes spans. */
export interface OtelTracer {
  startSpan(name: string, options?: object, context?: unknown): OtelSpan
}

/** Makes instruments. */
export interface OtelMeter {
  createHistogram(name: string, options?: object): OtelRecorder
  createCounter(name: string, options?: object): OtelAdder
}

/** A histogram. */
export interface OtelRecorder {
  record(value: number, attributes?: OtelAttributes): void
}

/** A counter. */
export interface OtelAdder {
  add(value: number, attributes?: OtelAttributes): void
}

/** Gives tracers: the API's `trace`, or a provider of the user's own. */
export interface OtelTracerProvider {
  getTracer(name: string): OtelTracer
}

/** Gives meters: the API's `metrics`, or a provider of the user's own. */
export interface OtelMeterProvider {
  getMeter(name: string): OtelMeter
}

/** What the package exports. */
export interface OtelApi {
  readonly trace: OtelTracerProvider & { setSpan(context: unknown, span: OtelSpan): unknown }
  readonly context: { active(): unknown }
  readonly metrics: OtelMeterProvider
}

/** Settings of `instrument`. */
export interface OtelOptions {
  /** Where spans go; the API's global provider by default. */
  readonly tracerProvider?: OtelTracerProvider | undefined
  /** Where measurements go; the API's global provider by default. */
  readonly meterProvider?: OtelMeterProvider | undefined
}
