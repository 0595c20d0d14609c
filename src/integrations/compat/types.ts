// Callbacks are typed as @types/memcached has them, so that code written for it compiles here.
// biome-ignore-all lint/suspicious/noExplicitAny: those typings say any, and strict code needs it

/** What `this` is in a callback: the command. */
export interface CommandInfo {
  /** When the command began, in ms since the epoch. */
  start: number
  /** How long it took, in ms. */
  execution: number
  /** What is called back. */
  callback(...args: any[]): any
  /** The command's name: `get`, `set`, `flush_all`. */
  type: string
  /** The command as text. */
  command: string
  /** What was checked of its arguments. */
  validate: Array<[string, (...args: any[]) => any]>
  /** The CAS id, of `cas`. */
  cas?: string | undefined
  /** Whether that package would send it to several servers. */
  redundancyEnabled?: boolean | undefined
  /** The key with the namespace before it. */
  key?: string | undefined
  /** The value as it is stored. */
  value?: any
  /** The lifetime, in seconds. */
  lifetime?: number | undefined
  /** Never set; older typings have it. */
  query?: string | undefined
}

/** What listeners of `issue`, `failure`, `remove`, `reconnecting` and `reconnect` are told. */
export interface IssueInfo {
  /** The server, as it was listed. */
  server: string
  /** Its port and its host. */
  tokens: [string, string]
  /** What went wrong, the newest last. */
  messages: string[]
  /** How often in a row the server failed, where that is known. */
  failures?: number | undefined
  /** How often it failed. */
  totalFailures?: number | undefined
  /** How often it was tried again. */
  totalReconnectsAttempted?: number | undefined
  /** How often that worked. */
  totalReconnectsSuccess?: number | undefined
  /** How often that failed. */
  totalReconnectsFailed?: number | undefined
  /** For how long the server has been out, in ms. */
  totalDownTime?: number | undefined
}

/** Statistics of a server by name; `server` is its address. */
export interface StatusInfo {
  /** The server's address. */
  server?: string | undefined
  [key: string]: string | boolean | number | undefined
}

/** What `version` tells of one server. */
export interface VersionInfo extends StatusInfo {
  /** Such as `1.6.18`. */
  version: string
  /** The first number. */
  major: string
  /** The second number. */
  minor: string
  /** The third number. */
  bugfix: string
}

/** An item that `cachedump` lists. */
export interface CacheDumpItem {
  /** The item's key. */
  key: string
  /** Its bytes. */
  b: number
  /** When it expires, in Unix seconds. */
  s: number
}

/** The events: a server failed a command, left the ring, is tried again, is back. */
export type EventName = 'issue' | 'failure' | 'reconnecting' | 'reconnect' | 'remove'

/** `'host:port'`, a list of them, or `{ 'host:port': weight }`; a path is a Unix socket. */
export type Locations = string | string[] | { [server: string]: number }

/** The options of the npm package `memcached`. */
export interface ClientOptions {
  /** The longest key, in characters; 250. */
  maxKeySize?: number | undefined
  /** Not needed here. */
  maxExpiration?: number | undefined
  /** The largest value, in bytes; 1,048,576. */
  maxValue?: number | undefined
  /** The most connections to each server; one or two carry many commands at once here. */
  poolSize?: number | undefined
  /** The digest that places keys; md5. */
  algorithm?: string | undefined
  /** Whose ring is built: `ketama` or `hash_ring`. */
  compatibility?: string | undefined
  /** The longest pause between two tries of a dead server, in ms. */
  reconnect?: number | undefined
  /** How long one attempt on one server may take, in ms. */
  timeout?: number | undefined
  /** How often a command that is safe to repeat may try another place. */
  retries?: number | undefined
  /** How many failures in a row make a server dead. */
  failures?: number | undefined
  /** How long a dead server is left alone, in ms. */
  retry?: number | undefined
  /** Whether the keys of a dead server move to the others; unless it says no, they do. */
  remove?: boolean | undefined
  /** Stand-by servers that take the place of dead ones, with `remove`. */
  failOverServers?: string | string[] | undefined
  /** Whether keys that are too long are replaced by their MD5; true. */
  keyCompression?: boolean | undefined
  /** After how long without use a connection is closed, in ms; 5000. */
  idle?: number | undefined
  /** What stands before every key. */
  namespace?: string | undefined
  /** How many commands may be under way; more call back with `over queue limit`. */
  maxQueueSize?: number | undefined
}

type Done<Result> = (this: CommandInfo, err: any, result: Result) => void
type DoneEverywhere<Result> = (this: undefined, err: any, results: Result) => void

/** The commands, as methods. */
export interface Commands {
  /** Gives an item another lifetime: true, or false when it is not there. */
  touch(key: string, lifetime: number, cb?: Done<boolean>): void
  /** As getMulti(). */
  get<Value = any>(keys: readonly string[], cb?: DoneEverywhere<Record<string, Value>>): void
  /** The value of a key, undefined for a miss. */
  get<Value = any>(key: string, cb?: Done<Value>): void
  /** `{ [key]: value, cas }`; the key has the namespace before it. */
  gets(key: string, cb?: Done<{ [key: string]: any; cas: string }>): void
  /** The hits as an object by key. What could not be asked makes an array of errors beside it. */
  getMulti(keys: readonly string[], cb?: DoneEverywhere<{ [key: string]: any }>): void
  /** Stores a value for `lifetime` seconds; 0 is for ever. */
  set(key: string, value: any, lifetime: number, cb?: Done<boolean>): void
  /** Stores only what is there already; else an error with `notStored: true`. */
  replace(key: string, value: any, lifetime: number, cb?: Done<boolean>): void
  /** Stores only what is not there yet; else an error with `notStored: true`. */
  add(key: string, value: any, lifetime: number, cb?: Done<boolean>): void
  /** Stores if the item still has the `cas` that `gets` returned; false otherwise. */
  cas(key: string, value: any, cas: string, lifetime: number, cb?: Done<boolean>): void
  /** Writes behind what is there; else an error with `notStored: true`. */
  append(key: string, value: any, cb?: Done<boolean>): void
  /** Writes before what is there; else an error with `notStored: true`. */
  prepend(key: string, value: any, cb?: Done<boolean>): void
  /** Adds to a counter: the new number, or false when there is none. */
  incr(key: string, amount: number, cb?: Done<number | false>): void
  /** The same as incr(). */
  increment(key: string, amount: number, cb?: Done<number | false>): void
  /** Takes from a counter, down to 0: the new number, or false when there is none. */
  decr(key: string, amount: number, cb?: Done<number | false>): void
  /** The same as decr(). */
  decrement(key: string, amount: number, cb?: Done<number | false>): void
  /** True, or false when nothing was there. */
  del(key: string, cb?: Done<boolean>): void
  /** The same as del(). */
  delete(key: string, cb?: Done<boolean>): void
}

/** The commands about whole servers: an entry per server. */
export interface ServerCommands {
  /** The version of every server. */
  version(cb?: DoneEverywhere<VersionInfo[]>): void
  /** Forgets everything on every server. */
  flush(cb?: DoneEverywhere<boolean[]>): void
  /** The same as flush(). */
  flushAll(cb?: DoneEverywhere<boolean[]>): void
  /** The statistics of every server. */
  stats(cb?: DoneEverywhere<StatusInfo[]>): void
  /** The settings of every server. */
  settings(cb?: DoneEverywhere<StatusInfo[]>): void
  /** The same as settings(). */
  statsSettings(cb?: DoneEverywhere<StatusInfo[]>): void
  /** The slab statistics of every server, by slab class. */
  slabs(cb?: DoneEverywhere<StatusInfo[]>): void
  /** The same as slabs(). */
  statsSlabs(cb?: DoneEverywhere<StatusInfo[]>): void
  /** The item statistics of every server, by slab class. */
  items(cb?: DoneEverywhere<StatusInfo[]>): void
  /** The same as items(). */
  statsItems(cb?: DoneEverywhere<StatusInfo[]>): void
  /** Up to `number` items of a slab class: an array, the item itself when there is only one. */
  cachedump(
    server: string,
    slabid: number,
    number: number,
    cb?: (this: CommandInfo, err: any, items: CacheDumpItem | CacheDumpItem[]) => void,
  ): void
}
