type Accessors = Required<Pick<PropertyDescriptor, 'get' | 'set'>>

/**
 * Notes what the application reads while it renders for all, and is not in the key. Middleware
 * further out reads too: what it does with a response it does with hits as well, so its reads do
 * not count.
 */
export class PageWatch {
  /** Headers that were read, or `rawHeaders`. */
  readonly headers: Set<string> = new Set()
  readonly #fields = new Map<string, number>()
  readonly #ignored: ReadonlySet<string>
  readonly #undo: (() => void)[] = []
  /** Whose code is running, where that is known. */
  #runsAside: boolean | undefined
  #hasEnded = false

  /** `ignored` are names of fields whose reads do not count. */
  constructor(ignored: ReadonlySet<string>) {
    this.#ignored = ignored
  }

  /** Other properties of the request or its connection that were read, such as `remotePort`. */
  get fields(): string[] {
    return [...this.#fields].flatMap(([name, times]) => (times > 0 ? [name] : []))
  }

  noteHeader(name: string): void {
    if (this.#counts) this.headers.add(name)
  }

  noteField(name: string): void {
    this.#count(name, 1)
  }

  /** Runs what is not the application's: its reads do not count. */
  aside<Result>(run: () => Result): Result {
    return this.#during(true, run)
  }

  /** Runs what is the application's, although it is called from code that is not. */
  counting<Result>(run: () => Result): Result {
    return this.#during(false, run)
  }

  /** The application has sent its last byte: from here on only counting() counts. */
  end(): void {
    this.#hasEnded = true
  }

  /**
   * Calls `note` whenever a property is read, and answers what it holds, or what `shown` makes of
   * that. Who sets it makes it the application's own.
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

  /** Notes `field` when a property is read; at once, when its reads cannot be seen. */
  watchField(target: object, name: PropertyKey, field: string): void {
    const isFixed = Object.getOwnPropertyDescriptor(target, name)?.configurable === false
    if (isFixed) this.noteField(field)
    else this.intercept(target, name, () => this.noteField(field))
  }

  /** Shows what a property holds as something else: reading the property itself tells nothing. */
  show(target: object, name: PropertyKey, shown: (value: unknown) => unknown): void {
    this.intercept(target, name, () => {}, shown)
  }

  /** Lets a framework work out a property of the key from what is not in the key. */
  exempt(target: object, name: string): void {
    const prototype = Object.getPrototypeOf(target)
    this.#replace(target, name, {
      get: () => this.aside(() => Reflect.get(prototype, name, target)),
      set: (value: unknown) => this.aside(() => void Reflect.set(prototype, name, value, target)),
    })
  }

  /**
   * Where loggers put a field aside for later: putting it there is no use of it, so that its last
   * read does not count; reading it from there does.
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

  /** Gives all properties back as they were, but for those that were set meanwhile. */
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

/** What a property holds, whether the object has it itself or inherits it. */
function readerOf(target: object, name: PropertyKey): () => unknown {
  const own = Object.getOwnPropertyDescriptor(target, name)
  if (own === undefined) return () => Reflect.get(Object.getPrototypeOf(target), name, target)
  const { get, value } = own
  return get === undefined ? () => value : () => Reflect.apply(get, target, [])
}

/** Whether a field holds anything that could differ from visitor to visitor. */
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
