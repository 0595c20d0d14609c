/** The clients whose names for a setting are understood by `behaviorsFrom`. */
export type BehaviorDialect = 'pylibmc' | 'libmemcached' | 'twemproxy' | 'memcached'

/** Units a foreign name may be in; ours are always the unit that ends the name. */
export type Unit = 'ms' | 's' | 'us' | 'bytes' | 'flag'

/** Another client's name for a behavior, in that client's own unit. */
export interface Alias {
  readonly dialect: BehaviorDialect
  readonly name: string
  readonly unit?: Unit
}

/** What a value must be. `object` rows say more in `check`. */
export type RowType = 'boolean' | 'integer' | 'number' | 'seconds' | 'string' | 'choice' | 'object'

/**
 * When a changed setting counts. `now`: for the next operation. `newConnections`: connections that
 * are open keep what they were opened with. `never`: it is fixed when the client is made.
 */
export type LiveSetting = 'now' | 'newConnections' | 'never'

/** One behavior: everything known about it, in one place. */
export interface Row {
  readonly name: string
  readonly type: RowType
  readonly unit?: 'ms' | 's' | 'bytes'
  /** `undefined` means that the behavior may be left unset. */
  readonly default: unknown
  readonly min?: number
  readonly max?: number
  /** For `choice`, and for `object` rows that also take a word. */
  readonly choices?: readonly string[]
  /** For `seconds`: words that stand for a time. */
  readonly words?: readonly string[]
  /** For `object`: what it may hold. */
  readonly fields?: readonly Row[]
  /** The TypeScript type, where the columns above do not say it. */
  readonly typeText?: string
  /** More than a type can say: answers what is wrong, or undefined. */
  readonly check?: (value: unknown) => string | undefined
  /** Never shown: not in errors, inspect output, events or docs. */
  readonly secret?: boolean
  readonly live: LiveSetting
  readonly aliases?: readonly Alias[]
  readonly doc: string
}
