type Accessors = Required<Pick<PropertyDescriptor, 'get' | 'set'>>

/**
 * Notes what the application reads while it renders a shared page, if it is not in the key. Reads
 * by outer middleware do not count: it runs for hits too.
 */
export class PageWatch {
  /** The headers that were read; `rawHeaders` stands for all of them. */
  readonly headers: Set<string> = new Set()
  readonly #fields = new Map<string, number>()
  readonly #ignored: ReadonlySet<string>
  readonly #undo: (() => void)[] = []
  /**
   * Whether the running code is not the application's, so that the headers it reads do not count;
   * undefined if unknown.
   */
  #runsAside: boolean | undefined
  #hasEnded = false

  /** `ignored` are the names of fields whose reads do not count. */
  constructor(ignored: ReadonlySet<string>) {
    this.#ignored = ignored
  }

  /** The other properties of the request or its connection that were read, such as `remotePort`. */
  get fields(): string[] {
    return [...this.#fields].flatMap(([name, times]) => (times > 0 ? [name] : []))
  }

  noteHeader(name: string): void {
    if (this.#counts) this.headers.add(name)
  }

  noteField(name: string): void {
    this.#count(name, 1)
  }

  /** Runs code that is not the application's: its reads do not count. */
  aside<Result>(run: () => Result): Result {
    return this.#during(true, run)
  }

  /** Runs code of the application that other code calls: its reads count. */
  counting<Result>(run: () => Result): Result {
    return this.#during(false, run)
  }

  /**
   * Records that the application has sent its last byte. Later reads count only inside counting().
   */
  end(): void {
    this.#hasEnded = true
  }

  /**
   * Calls `note` whenever a property is read; the read returns its value, or `shown` of it. After a
   * write the property is the application's own, and is no longer watched.
   */
  intercept(
    target: object,
    name: PropertyKey,
    note: () => void,
    shown: (value: unknown) => unknown = (value) => value,
  ): void {
    const read = readerOf(target, name)
    this.#replace(target, name, {
      get: () => {
        note()
        return shown(this.aside(read))
      },
      set: (value: unknown) => {
        const plain = { value, configurable: true, enumerable: true, writable: true }
        Object.defineProperty(target, name, plain)
      },
    })
  }

  /** Notes `field` when a property is read; if reads cannot be observed, notes it at once. */
  watchField(target: object, name: PropertyKey, field: string): void {
    const isFixed = Object.getOwnPropertyDescriptor(target, name)?.configurable === false
    if (isFixed) this.noteField(field)
    else this.intercept(target, name, () => this.noteField(field))
  }

  /** Replaces the value that a property shows, without noting its reads. */
  show(target: object, name: PropertyKey, shown: (value: unknown) => unknown): void {
    this.intercept(target, name, () => {}, shown)
  }

  /**
   * Ignores the reads that a framework makes to compute a property, such as the host. The value is
   * in the key, though it is computed from watched headers.
   */
  exempt(target: object, name: string): void {
    const prototype = Object.getPrototypeOf(target)
    this.#replace(target, name, {
      get: () => this.aside(() => Reflect.get(prototype, name, target)),
      set: (value: unknown) => this.aside(() => void Reflect.set(prototype, name, value, target)),
    })
  }

  /**
   * Watches a property in which loggers save a field for later. Saving the field does not count as
   * a use, so its last read is taken back; reading the saved value counts.
   */
  slot(target: object, name: string, field: string): void {
    let value: unknown = Reflect.get(target, name)
    const plain = (): PropertyDescriptor => ({ value, configurable: true, writable: true })
    const get = (): unknown => {
      if (value !== undefined) this.noteField(field)
      return value
    }
    const set = (given: unknown): void => {
      value = given
      this.#forgive(field)
    }
    Object.defineProperty(target, name, { get, set, configurable: true })
    this.#undo.push(() => Object.defineProperty(target, name, plain()))
  }

  /** Restores all properties, except those that were set in the meantime. */
  remove(): void {
    for (const undo of this.#undo.splice(0)) undo()
  }

  get #counts(): boolean {
    return !(this.#runsAside ?? this.#hasEnded)
  }

  #replace(target: object, name: PropertyKey, accessors: Accessors): void {
    const before = Object.getOwnPropertyDescriptor(target, name)
    if (before?.configurable === false) return
    const descriptor = { ...accessors, configurable: true, enumerable: before?.enumerable ?? false }
    Object.defineProperty(target, name, descriptor)
    this.#undo.push(() => {
      if (Object.getOwnPropertyDescriptor(target, name)?.get !== accessors.get) return
      if (before === undefined) Reflect.deleteProperty(target, name)
      else Object.defineProperty(target, name, before)
    })
  }

  #count(name: string, by: number): void {
    if (!this.#counts || this.#ignored.has(name)) return
    this.#fields.set(name, (this.#fields.get(name) ?? 0) + by)
  }

  #forgive(name: string): void {
    if ((this.#fields.get(name) ?? 0) > 0) this.#count(name, -1)
  }

  #during<Result>(runsAside: boolean, run: () => Result): Result {
    const before = this.#runsAside
    this.#runsAside = runsAside
    try {
      return run()
    } finally {
      this.#runsAside = before
    }
  }
}

/** Returns a function that reads a property, own or inherited. */
function readerOf(target: object, name: PropertyKey): () => unknown {
  const own = Object.getOwnPropertyDescriptor(target, name)
  if (own === undefined) return () => Reflect.get(Object.getPrototypeOf(target), name, target)
  const { get, value } = own
  return get === undefined ? () => value : () => Reflect.apply(get, target, [])
}

/** Whether a field has a value that could differ between visitors. */
export function tellsSomething(owner: object, name: PropertyKey): boolean {
  const own = Object.getOwnPropertyDescriptor(owner, name)
  if (own === undefined) return false
  if (own.get !== undefined) return true
  const { value } = own
  if (typeof value !== 'object' || value === null) return Boolean(value)
  const prototype = Object.getPrototypeOf(value)
  const isPlain = prototype === null || prototype === Object.prototype || Array.isArray(value)
  return !isPlain || Object.keys(value).length > 0
}
