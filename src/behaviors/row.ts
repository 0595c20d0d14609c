/** The clients whose settings `behaviorsFrom` translates. */
export type BehaviorDialect = 'pylibmc' | 'libmemcached' | 'twemproxy' | 'memcached'

/** The units of other clients' settings. The unit of a behavior is always the end of its name. */
export type Unit = 'ms' | 's' | 'us' | 'bytes' | 'flag'

/** Another client's name for a behavior, and that client's unit. */
export interface Alias {
  readonly dialect: BehaviorDialect
  readonly name: string
  readonly unit?: Unit
}

/** The type of a behavior's value. Rows of type `object` have a `check` for the details. */
export type RowType = 'boolean' | 'integer' | 'number' | 'seconds' | 'string' | 'choice' | 'object'

/**
 * When a changed setting takes effect. `now`: with the next operation. `newConnections`: with the
 * next connection; open ones do not change. `never`: it is fixed when the client is created.
 */
export type LiveSetting = 'now' | 'newConnections' | 'never'

/** The definition of one behavior: its type, default, limits, aliases and documentation. */
export interface Row {
  readonly name: string
  readonly type: RowType
  readonly unit?: 'ms' | 's' | 'bytes'
  /** The default; `undefined` means that the behavior may be left unset. */
  readonly default: unknown
  readonly min?: number
  readonly max?: number
  /** For `choice`: the allowed words. An `object` row may allow words too. */
  readonly choices?: readonly string[]
  /** For `seconds`: words allowed instead of a number, such as 'auto'. */
  readonly words?: readonly string[]
  /** For `object`: the fields it may have. */
  readonly fields?: readonly Row[]
  /** For `object`: parses text of the environment or the command line; '' leaves it unset. */
  readonly ofText?: (text: string) => unknown
  /** The TypeScript type, if the other columns do not determine it. */
  readonly typeText?: string
  /** Returns what is wrong with a value, or undefined: checks that go beyond the type. */
  readonly check?: (value: unknown) => string | undefined
  /** Whether the value is never shown: not in errors, inspect output, events or docs. */
  readonly secret?: boolean
  readonly live: LiveSetting
  readonly aliases?: readonly Alias[]
  readonly doc: string
}
