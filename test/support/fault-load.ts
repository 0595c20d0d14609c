/** The client under load: any that can get and set text. */
export interface LoadTarget {
  get(key: string): Promise<unknown>
  set(key: string, value: string): Promise<unknown>
}

export interface LoadOptions {
  readonly opsPerSecond: number
  readonly keys: number
  /** The share of operations that write a new version instead of reading. */
  readonly writeShare?: number
  readonly valueBytes?: number
  readonly seed?: number
}

/** The counts of operations that ended within one half of a second. */
export interface LoadWindow {
  hits: number
  misses: number
  errors: number
}

/** The counts and durations of the operations of a load so far. */
export interface LoadReport {
  issued: number
  settled: number
  hits: number
  misses: number
  /** Reads that returned a value of another key. */
  wrong: number
  /** Reads that returned a value older than one acknowledged before the read began. */
  stale: number
  errors: number
  readErrors: number
  readonly errorCodes: Map<string, number>
  /** How long the slowest operation took that began after the last `resetMax()`. */
  maxMs: number
  maxReadMs: number
  /** How long the slowest operation took that ended after it, whenever that one began. */
  longestMs: number
  /** The longest time that the event loop was busy, which explains late results. */
  maxLagMs: number
  peakInFlight: number
  readonly windows: LoadWindow[]
}

const TICK_MS = 5
const WINDOW_MS = 500

/**
 * Steady cache traffic at a fixed rate: operations that hang do not slow it down. Every value
 * contains its key and version, and every read is checked.
 */
export class FaultLoad {
  readonly report: LoadReport = newReport()
  readonly #target: LoadTarget
  readonly #options: Required<LoadOptions>
  readonly #versions: Uint32Array
  readonly #acknowledged: Uint32Array
  /** By key: whether a write is in progress. No second one starts, since either could win. */
  readonly #isWriting: Uint8Array
  #random: number
  #timer: NodeJS.Timeout | undefined
  #startMs = 0
  #phaseMs = 0
  #due = 0
  #lastTickMs = 0

  constructor(target: LoadTarget, options: LoadOptions) {
    this.#target = target
    this.#options = { writeShare: 0.1, valueBytes: 100, seed: 1, ...options }
    this.#versions = new Uint32Array(options.keys)
    this.#acknowledged = new Uint32Array(options.keys)
    this.#isWriting = new Uint8Array(options.keys)
    this.#random = this.#options.seed
  }

  /** Writes every key once, in order, so that the run begins with a warm cache. */
  async fill(): Promise<void> {
    for (let from = 0; from < this.#options.keys; from += 200) {
      const to = Math.min(from + 200, this.#options.keys)
      const indexes = Array.from({ length: to - from }, (_, i) => from + i)
      // A write that fails, for example by a timeout on a busy machine, is repeated once.
      const fill = (index: number): Promise<unknown> =>
        this.#target.set(keyOf(index), this.#next(index))
      await Promise.all(indexes.map((index) => fill(index).catch(() => fill(index))))
    }
  }

  start(): void {
    this.#startMs = this.#lastTickMs = performance.now()
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  /** Starts no more operations and waits up to `waitMs` for those in flight. */
  async stop(waitMs = 5_000): Promise<LoadReport> {
    clearInterval(this.#timer)
    const endMs = performance.now() + waitMs
    while (this.inFlight > 0 && performance.now() < endMs) {
      await new Promise((wake) => setTimeout(wake, 5))
    }
    return this.report
  }

  get inFlight(): number {
    return this.report.issued - this.report.settled
  }

  /** Resets the maximum durations and counts, so that the next phase of a test has its own. */
  resetMax(): void {
    const { report } = this
    this.#phaseMs = performance.now()
    report.maxMs = report.maxReadMs = report.longestMs = report.maxLagMs = report.peakInFlight = 0
  }

  #tick(): void {
    const nowMs = performance.now()
    const { report } = this
    report.maxLagMs = Math.max(report.maxLagMs, nowMs - this.#lastTickMs - TICK_MS)
    this.#lastTickMs = nowMs
    this.#due += Math.min(((nowMs - this.#startMs) / 1_000) * this.#options.opsPerSecond, 500)
    this.#startMs = nowMs
    for (; this.#due >= 1; this.#due--) this.#issue(nowMs)
    report.peakInFlight = Math.max(report.peakInFlight, this.inFlight)
  }

  #issue(nowMs: number): void {
    const index = Math.floor(this.#roll() * this.#options.keys)
    this.report.issued++
    const isWrite = this.#roll() < this.#options.writeShare
    const operation = isWrite ? this.#write(index) : this.#read(index)
    operation.then(
      () => this.#settle(nowMs, isWrite),
      (error: unknown) => {
        this.#settle(nowMs, isWrite)
        this.#fail(error, isWrite)
      },
    )
  }

  async #read(index: number): Promise<void> {
    const key = keyOf(index)
    const acknowledged = this.#acknowledged[index]!
    const value = await this.#target.get(key)
    const { report } = this
    // No value is empty: an empty item stands for one that is being handed home.
    if (value === undefined || value === null || value === false || value === '') {
      report.misses++
      this.#window().misses++
      // Stores a value after the miss, as a caller would. If that fails, the read still succeeded.
      this.#write(index).catch(() => undefined)
      return
    }
    report.hits++
    this.#window().hits++
    const version = versionOf(key, String(value), this.#options.valueBytes)
    if (version === undefined) report.wrong++
    else if (version < acknowledged) report.stale++
  }

  async #write(index: number): Promise<void> {
    if (this.#isWriting[index] === 1) return
    this.#isWriting[index] = 1
    const value = this.#next(index)
    const version = this.#versions[index]!
    await this.#target.set(keyOf(index), value)
    this.#isWriting[index] = 0
    this.#acknowledged[index] = version
  }

  #next(index: number): string {
    const version = ++this.#versions[index]!
    return `${keyOf(index)}#${version}#`.padEnd(this.#options.valueBytes, 'x')
  }

  #settle(startMs: number, isWrite: boolean): void {
    const { report } = this
    const tookMs = performance.now() - startMs
    report.settled++
    report.longestMs = Math.max(report.longestMs, tookMs)
    if (startMs < this.#phaseMs) return
    report.maxMs = Math.max(report.maxMs, tookMs)
    if (!isWrite) report.maxReadMs = Math.max(report.maxReadMs, tookMs)
  }

  #fail(error: unknown, isWrite: boolean): void {
    const { report } = this
    const code = String((error as { code?: unknown } | null)?.code ?? error).slice(0, 60)
    report.errors++
    if (!isWrite) report.readErrors++
    this.#window().errors++
    report.errorCodes.set(code, (report.errorCodes.get(code) ?? 0) + 1)
  }

  #firstWindowMs = 0

  #window(): LoadWindow {
    if (this.#firstWindowMs === 0) this.#firstWindowMs = performance.now()
    const { windows } = this.report
    const index = Math.floor((performance.now() - this.#firstWindowMs) / WINDOW_MS)
    while (windows.length <= index) windows.push({ hits: 0, misses: 0, errors: 0 })
    return windows[index]!
  }

  /** A linear congruential generator: the same traffic for the same seed. */
  #roll(): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0
    return this.#random / 4_294_967_296
  }
}

function keyOf(index: number): string {
  return `load:${index}`
}

/** The version in a value, or undefined when it is not a complete value of this key. */
function versionOf(key: string, value: string, bytes: number): number | undefined {
  const [name, version, padding] = value.split('#')
  const isWhole = value.length >= bytes && /^x*$/.test(padding ?? '-')
  return name === key && isWhole ? Number(version) : undefined
}

function newReport(): LoadReport {
  return {
    issued: 0,
    settled: 0,
    hits: 0,
    misses: 0,
    wrong: 0,
    stale: 0,
    errors: 0,
    readErrors: 0,
    errorCodes: new Map(),
    maxMs: 0,
    maxReadMs: 0,
    longestMs: 0,
    maxLagMs: 0,
    peakInFlight: 0,
    windows: [],
  }
}
