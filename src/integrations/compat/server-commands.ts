import { EventEmitter } from 'node:events'
import { MemcachedClient } from '../../client/client.ts'
import type { RawReply, RawWord } from '../../client/verbs/raw.ts'
import { isMintringError } from '../../errors.ts'
import type { Call, Callback } from './call.ts'
import { answer, BadCall, callBack, checkNumber } from './call.ts'
import { HealthEvents } from './health.ts'
import type { KeyRules } from './keys.ts'
import { fullKeyOf } from './keys.ts'
import type { Locations, MemcachedOptions } from './settings.ts'
import { serversOf, settingsOf } from './settings.ts'
import type { CachedItem, ServerStatistics, ServerVersion } from './statistics.ts'
import {
  cachedItems,
  itemStatistics,
  plainStatistics,
  slabStatistics,
  versionOf,
} from './statistics.ts'

/** What the commands about whole servers call back with: an entry per server. */
type Everywhere<Entry> = Callback<Entry[]>

/** The client underneath, how calls begin and end, and the commands about whole servers. */
export class ServerCommands extends EventEmitter {
  /** The servers, as they are named in `stats` and events. */
  readonly servers: readonly string[]
  /** The mintring client underneath, for what callbacks cannot say. */
  readonly client: MemcachedClient
  /** How keys are prefixed, checked and shortened. @internal */
  protected readonly rules: KeyRules
  /** Tells of failing servers by events. @internal */
  protected readonly health: HealthEvents

  constructor(locations: Locations | undefined, options: MemcachedOptions) {
    super()
    const { behaviors, rules } = settingsOf(options)
    this.client = new MemcachedClient(serversOf(locations), behaviors)
    this.servers = this.client.hosts().map((host) => host.name)
    this.rules = rules
    this.health = new HealthEvents(this.client, this, options.remove === true)
  }

  /** The version of every server. */
  version(callback?: Everywhere<ServerVersion>): void {
    this.#askAll('version', ['version'], callback, (server, [reply]) =>
      versionOf(server, reply?.line.replace('VERSION ', '') ?? ''),
    )
  }

  /** Forgets everything on every server. */
  flush(callback?: Everywhere<true>): void {
    this.#askAll('flush_all', ['flush_all'], callback, () => true as const)
  }

  /** The same as flush(). */
  flushAll(callback?: Everywhere<true>): void {
    this.flush(callback)
  }

  /** The statistics of every server. */
  stats(callback?: Everywhere<ServerStatistics>): void {
    this.#askAll('stats', ['stats'], callback, plainStatistics)
  }

  /** The settings of every server. */
  settings(callback?: Everywhere<ServerStatistics>): void {
    this.#askAll('stats settings', ['stats', 'settings'], callback, plainStatistics)
  }

  /** The same as settings(). */
  statsSettings(callback?: Everywhere<ServerStatistics>): void {
    this.settings(callback)
  }

  /** The slab statistics of every server. */
  slabs(callback?: Everywhere<ServerStatistics>): void {
    this.#askAll('stats slabs', ['stats', 'slabs'], callback, slabStatistics)
  }

  /** The same as slabs(). */
  statsSlabs(callback?: Everywhere<ServerStatistics>): void {
    this.slabs(callback)
  }

  /** The item statistics of every server. */
  items(callback?: Everywhere<ServerStatistics>): void {
    this.#askAll('stats items', ['stats', 'items'], callback, itemStatistics)
  }

  /** The same as items(). */
  statsItems(callback?: Everywhere<ServerStatistics>): void {
    this.items(callback)
  }

  /** Up to `number` items of a slab class: an array, the item itself when there is only one. */
  cachedump(
    server: string,
    slabid: number,
    number: number,
    callback?: Callback<CachedItem | CachedItem[]>,
  ): void {
    const call = this.begin({ type: 'stats cachedump' }, callback)
    const work = async (): Promise<CachedItem | CachedItem[] | undefined> => {
      checkNumber('number', number)
      checkNumber('slabid', slabid)
      if (!this.servers.includes(server)) throw new BadCall(`Server at ${server} not available`)
      const items = cachedItems(await this.client.raw(server, 'stats', 'cachedump', slabid, number))
      return items.length > 1 ? items : items[0]
    }
    this.settle(call, work())
  }

  /** Ends the client: what is under way may finish, what comes later fails. */
  end(): void {
    void this.client.close()
  }

  /** A call as its callback will see it. */
  protected begin(about: Partial<Call> & { readonly type: string }, callback: unknown): Call {
    const { key } = about
    const isCallable = typeof callback === 'function'
    return {
      ...about,
      ...(key === undefined ? {} : { key: isList(key) ? key : fullKeyOf(this.rules, key) }),
      callback: isCallable ? (callback as Callback) : undefined,
      start: Date.now(),
      execution: 0,
    }
  }

  /** Calls back when the work is done, and tells of the server if that is to blame. */
  protected settle(call: Call, work: Promise<unknown>): void {
    const worded = work.catch((error: unknown) => {
      this.health.report(error)
      throw this.#worded(error)
    })
    answer(call, worded)
  }

  /** A value that is too large has words of its own in that package; callers compare them. */
  #worded(error: unknown): unknown {
    if (!isMintringError(error) || error.code !== 'MINTRING_TOO_LARGE') return error
    const limit = this.client.behaviors.maxItemBytes
    const worded = new Error(`The length of the value is greater than ${limit}`, { cause: error })
    return Object.assign(worded, { code: error.code })
  }

  #askAll<Entry>(
    type: string,
    words: readonly RawWord[],
    callback: Everywhere<Entry> | undefined,
    read: (server: string, replies: readonly RawReply[]) => Entry,
  ): void {
    const call = this.begin({ type }, callback)
    const asked = this.servers.map(async (server) =>
      read(server, await this.client.raw(server, ...words)),
    )
    void Promise.allSettled(asked).then((answers) => {
      const entries = answers.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
      const errors = answers.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
      for (const error of errors) this.health.report(error)
      callBack(call, errors.at(-1), entries)
    })
  }
}

function isList(key: string | readonly string[]): key is readonly string[] {
  return Array.isArray(key)
}
