// Callbacks are typed as @types/memcached has them, so that code written for it compiles here.
// biome-ignore-all lint/suspicious/noExplicitAny: @types/memcached uses any, so its users need it

/** The type of `this` in a callback: the command. */
export interface CommandInfo {
  /** When the command started, in ms since the epoch. */
  start: number
  /** The duration of the command, in ms. */
  execution: number
  /** The callback of the command. */
  callback(...args: any[]): any
  /** The command's name: `get`, `set`, `flush_all`. */
  type: string
  /** The command as text. */
  command: string
  /** The arguments that were checked, with their types. */
  validate: Array<[string, (...args: any[]) => any]>
  /** The CAS id; only for `cas`. */
  cas?: string | undefined
  /** Whether `memcached` would send the command to several servers. */
  redundancyEnabled?: boolean | undefined
  /** The key with its namespace. */
  key?: string | undefined
  /** The value in its stored form. */
  value?: any
  /** The lifetime, in seconds. */
  lifetime?: number | undefined
  /** Never set; exists for older typings. */
  query?: string | undefined
}

/**
 * The details that `issue`, `failure`, `remove`, `reconnecting` and `reconnect` pass to listeners.
 */
export interface IssueInfo {
  /** The server, as written in the list. */
  server: string
  /** The server's port and host. */
  tokens: [string, string]
  /** The error messages, newest last. */
  messages: string[]
  /** How many more failures in a row make the server dead; 0 once it is dead. */
  failures?: number | undefined
  /** How many commands failed on the server. */
  totalFailures?: number | undefined
  /** How many times the client probed the server. */
  totalReconnectsAttempted?: number | undefined
  /** How many probes succeeded. */
  totalReconnectsSuccess?: number | undefined
  /** How many probes failed. */
  totalReconnectsFailed?: number | undefined
  /** How long the server has been down, in ms. */
  totalDownTime?: number | undefined
}

/** Statistics of a server by name; `server` is its address. */
export interface StatusInfo {
  /** The server's address. */
  server?: string | undefined
  [key: string]: string | boolean | number | undefined
}

/** The entry of one server in the result of `version`. */
export interface VersionInfo extends StatusInfo {
  /** The full version, such as `1.6.18`. */
  version: string
  /** The major version. */
  major: string
  /** The minor version. */
  minor: string
  /** The patch version. */
  bugfix: string
}

/** An item in the result of `cachedump`. */
export interface CacheDumpItem {
  /** The item's key. */
  key: string
  /** The item's size in bytes. */
  b: number
  /** When it expires, in Unix seconds. */
  s: number
}

/** The names of the events. */
export type EventName = 'issue' | 'failure' | 'reconnecting' | 'reconnect' | 'remove'

/** `'host:port'`, a list of them, or `{ 'host:port': weight }`; a path is a Unix socket. */
export type Locations = string | string[] | { [server: string]: number }

/** The options of the npm package `memcached`. */
export interface ClientOptions {
  /** The maximum key length in characters; default 250. */
  maxKeySize?: number | undefined
  /** Ignored: the client does not need it. */
  maxExpiration?: number | undefined
  /** The maximum value size in bytes; default 1,048,576. */
  maxValue?: number | undefined
  /** The maximum number of connections per server. Each carries many commands at once. */
  poolSize?: number | undefined
  /** The hash algorithm that places keys; default md5. */
  algorithm?: string | undefined
  /** The ring to build: `ketama` or `hash_ring`. */
  compatibility?: string | undefined
  /** The maximum delay between two probes of a dead server, in ms. */
  reconnect?: number | undefined
  /** The timeout of one attempt on one server, in ms. */
  timeout?: number | undefined
  /** How many times an idempotent command is retried on a fallback host. */
  retries?: number | undefined
  /** How many failures in a row make a server dead. */
  failures?: number | undefined
  /** How long a dead server is not probed, in ms. */
  retry?: number | undefined
  /** Whether the keys of a dead server move to the other servers; true unless set to false. */
  remove?: boolean | undefined
  /** Stand-by servers that replace dead ones, with `remove`. */
  failOverServers?: string | string[] | undefined
  /** Whether keys that are too long are replaced by their MD5; default true. */
  keyCompression?: boolean | undefined
  /** After how long an idle connection is closed, in ms; default 5000. */
  idle?: number | undefined
  /** The prefix of every key. */
  namespace?: string | undefined
  /** The maximum number of pending commands; further ones call back with `over queue limit`. */
  maxQueueSize?: number | undefined
}

type Done<Result> = (this: CommandInfo, err: any, result: Result) => void
type DoneEverywhere<Result> = (this: undefined, err: any, results: Result) => void

/** The key commands, as methods. */
export interface Commands {
  /** Sets a new lifetime: true, or false when the key is not stored. */
  touch(key: string, lifetime: number, cb?: Done<boolean>): void
  /** Does the same as getMulti(). */
  get<Value = any>(keys: readonly string[], cb?: DoneEverywhere<Record<string, Value>>): void
  /** Reads the value of a key; undefined for a miss. */
  get<Value = any>(key: string, cb?: Done<Value>): void
  /** Reads `{ [key]: value, cas }`; the key includes the namespace. */
  gets(key: string, cb?: Done<{ [key: string]: any; cas: string }>): void
  /**
   * Reads several keys: an object of the hits by key, beside an array of errors if servers failed.
   */
  getMulti(keys: readonly string[], cb?: DoneEverywhere<{ [key: string]: any }>): void
  /** Stores a value for `lifetime` seconds; 0 never expires. */
  set(key: string, value: any, lifetime: number, cb?: Done<boolean>): void
  /** Stores a value if the key exists; else an error with `notStored: true`. */
  replace(key: string, value: any, lifetime: number, cb?: Done<boolean>): void
  /** Stores a value if the key does not exist; else an error with `notStored: true`. */
  add(key: string, value: any, lifetime: number, cb?: Done<boolean>): void
  /** Stores a value if the item's CAS id is still `cas`, from `gets`; false otherwise. */
  cas(key: string, value: any, cas: string, lifetime: number, cb?: Done<boolean>): void
  /** Appends to a value; an error with `notStored: true` when there is none. */
  append(key: string, value: any, cb?: Done<boolean>): void
  /** Prepends to a value; an error with `notStored: true` when there is none. */
  prepend(key: string, value: any, cb?: Done<boolean>): void
  /** Increments a counter: the new number, or false when there is none. */
  incr(key: string, amount: number, cb?: Done<number | false>): void
  /** Does the same as incr(). */
  increment(key: string, amount: number, cb?: Done<number | false>): void
  /** Decrements a counter, never below 0: the new number, or false when there is none. */
  decr(key: string, amount: number, cb?: Done<number | false>): void
  /** Does the same as decr(). */
  decrement(key: string, amount: number, cb?: Done<number | false>): void
  /** Deletes a key: true, or false when it was not stored. */
  del(key: string, cb?: Done<boolean>): void
  /** Does the same as del(). */
  delete(key: string, cb?: Done<boolean>): void
}

/** The commands about whole servers: their result has an entry per server. */
export interface ServerCommands {
  /** Reads the version of every server. */
  version(cb?: DoneEverywhere<VersionInfo[]>): void
  /** Deletes everything on every server. */
  flush(cb?: DoneEverywhere<boolean[]>): void
  /** Does the same as flush(). */
  flushAll(cb?: DoneEverywhere<boolean[]>): void
  /** Reads the statistics of every server. */
  stats(cb?: DoneEverywhere<StatusInfo[]>): void
  /** Reads the settings of every server. */
  settings(cb?: DoneEverywhere<StatusInfo[]>): void
  /** Does the same as settings(). */
  statsSettings(cb?: DoneEverywhere<StatusInfo[]>): void
  /** Reads the slab statistics of every server, by slab class. */
  slabs(cb?: DoneEverywhere<StatusInfo[]>): void
  /** Does the same as slabs(). */
  statsSlabs(cb?: DoneEverywhere<StatusInfo[]>): void
  /** Reads the item statistics of every server, by slab class. */
  items(cb?: DoneEverywhere<StatusInfo[]>): void
  /** Does the same as items(). */
  statsItems(cb?: DoneEverywhere<StatusInfo[]>): void
  /**
   * Lists up to `number` items of a slab class: an array, or the item itself if there is only one.
   */
  cachedump(
    server: string,
    slabid: number,
    number: number,
    cb?: (this: CommandInfo, err: any, items: CacheDumpItem | CacheDumpItem[]) => void,
  ): void
}
