import type { OptionNames } from '../arguments.ts'
import { badArgument, checkBoolean, checkOptionNames, OPERATION_OPTIONS } from '../arguments.ts'
import type { Clock } from '../clock.ts'
import { refillClock } from '../clock.ts'
import { MintringError, unreadableOptions } from '../errors.ts'
import { allDone } from '../gate.ts'
import { kindOf } from '../secrets.ts'
import { asArray, checkTags, type TagsOf } from '../tags/names.ts'
import type { CallerOptions, Waiting } from './caller.ts'
import { checkCaller, forCaller, forInvalidator, isBounded, withHosts } from './caller.ts'
import { RefillContext } from './context.ts'
import type { Defined, DefinedVerbs, Definition } from './define.ts'
import { bind, checkDefinition } from './define.ts'
import type { RefillEntry } from './finding.ts'
import type { Loader } from './loader.ts'
import { askHere } from './loader.ts'
import type { ManyLoader } from './many.ts'
import { getOrSetMany } from './many.ts'
import type { RefillDefaults, RefillPolicy } from './policy.ts'
import { checkGrace, checkNames, resolveGrace } from './policy.ts'
import type { Read } from './read.ts'
import { Refiller } from './refiller.ts'
import type { Slot } from './slots.ts'
import { detach, inTurn, Slots } from './slots.ts'
import type { RefillStore } from './store.ts'
import type { RefillCounters, RefillHooks, Tally } from './tally.ts'

/** The options of getOrSet and similar: the policy of the key, and the options of this caller. */
export interface RefillOptions extends RefillPolicy, CallerOptions {}

/** The options of invalidateTags. */
export interface TagInvalidation extends Pick<CallerOptions, 'signal' | 'timeoutMs'> {
  /** Whether older values are no longer served stale either. Default false. */
  readonly hard?: boolean | undefined
}

/** The settings of a Refill. */
export interface RefillSettings {
  /** The defaults of policies. */
  readonly defaults?: RefillDefaults
  readonly hooks?: RefillHooks | undefined
  /** Counts the calls; default: a new Tally. */
  readonly tally?: Tally | undefined
  readonly clock?: Clock
}

/**
 * Serves stale values while one client of the whole fleet refills. One read finds out whether the
 * value is fresh, stale or absent, and elects who loads. The store succeeds only if the key has not
 * changed since.
 *
 * The protocol is memcached's own (doc/protocol.txt, "Meta Commands": stale items and the win
 * token). The idea comes from MintCache, and the leases from "Scaling Memcache at Facebook"
 * (Nishtala et al., NSDI 2013).
 */
export class Refill implements DefinedVerbs {
  readonly #context: RefillContext
  readonly #slots: Slots
  readonly #refiller: Refiller
  #isShut = false
  #closing: Promise<void> | undefined

  constructor(store: RefillStore, settings: RefillSettings = {}) {
    const { defaults = {}, clock = refillClock } = settings
    this.#context = new RefillContext(store, clock, settings)
    this.#slots = new Slots(clock, defaults)
    this.#refiller = new Refiller(this.#context)
  }

  /** What refills have done so far. */
  get counters(): RefillCounters {
    return this.#tally.snapshot()
  }

  /**
   * How many reads, loads and keys are held in memory: 0 after half an hour without calls, at the
   * latest.
   */
  get size(): number {
    const { loads, tags } = this.#context
    return loads + tags.size + this.#slots.size
  }

  /**
   * Reads a value: fresh, or stale while one client refills, or loaded. Rejects with
   * MINTRING_BAD_POLICY, MINTRING_BAD_KEY, MINTRING_LOADER (also _TIMEOUT) when there is nothing to
   * serve, MINTRING_WAIT_TIMEOUT with `onWaitTimeout: 'throw'`, MINTRING_ABORTED, MINTRING_CLOSED.
   */
  getOrSet<Value>(key: string, loader: Loader<Value>, options: RefillOptions): Promise<Value> {
    // The read counts calls that wait for its value. A caller with a signal or timeout may leave
    // earlier, so its call is counted when it ends.
    try {
      this.#check('getOrSet', loader, options)
      if (isBounded(options)) {
        return this.getOrSetEntry(key, loader, options).then(({ value }) => value)
      }
      return this.#read(key, loader as Loader, options).value() as Promise<Value>
    } catch (error) {
      this.#tally.failed++
      return Promise.reject(error)
    }
  }

  /** Does the same as getOrSet(), and returns how the value was found. */
  getOrSetEntry<Value>(
    key: string,
    loader: Loader<Value>,
    options: RefillOptions,
  ): Promise<RefillEntry<Value>> {
    const entry = this.#entry(key, loader as Loader, options)
    this.#tally.ended(entry)
    return entry as Promise<RefillEntry<Value>>
  }

  /**
   * Reads many keys; returns their values in the order of the keys, without those that are
   * `undefined`. One call of the loader loads all keys that this client must load.
   */
  async getOrSetMany<Value>(
    keys: readonly string[],
    loadMany: ManyLoader<Value>,
    options: RefillOptions,
  ): Promise<Map<string, Value>> {
    return valuesOf(await this.getOrSetManyEntries(keys, loadMany, options))
  }

  /** Does the same as getOrSetMany(), and returns how the values were found. */
  getOrSetManyEntries<Value>(
    keys: readonly string[],
    loadMany: ManyLoader<Value>,
    options: RefillOptions,
  ): Promise<Map<string, RefillEntry<Value>>> {
    const entries = this.#entries(keys, loadMany as ManyLoader, options)
    this.#tally.endedMany(keys, entries)
    return entries as Promise<Map<string, RefillEntry<Value>>>
  }

  async #entry(key: string, loader: Loader, options: RefillOptions): Promise<RefillEntry> {
    this.#check('getOrSet', loader, options)
    this.#context.store.checkKey(key)
    const entry = this.#read(key, loader, options).entry()
    return forCaller(entry, options, this.#context.clock, () => this.#waiting([key]))
  }

  async #entries(
    keys: readonly string[],
    loadMany: ManyLoader,
    options: RefillOptions,
  ): Promise<Map<string, RefillEntry>> {
    this.#check('getOrSetMany', loadMany, options)
    checkArray('getOrSetMany', keys)
    for (const key of keys) this.#context.store.checkKey(key)
    const slots = [...new Set(keys)].map((key) => this.#slots.of(key, options))
    const asked = { slots, waitUntil: options.waitUntil, tagsOf: tagsOf(options) }
    const all = getOrSetMany(this.#refiller, asked, loadMany)
    return forCaller(all, options, this.#context.clock, () => this.#waiting(keys))
  }

  /**
   * Marks the key stale and loads it now, under the lease, for code that has changed the origin.
   * Readers get the stale value meanwhile. Resolves to a value loaded after the call. Rejects
   * without loading, as the invalidation does, when the key cannot be marked.
   */
  async refresh<Value>(key: string, loader: Loader<Value>, options: RefillOptions): Promise<Value> {
    const { value } = await this.refreshEntry(key, loader, options)
    return value
  }

  /** Does the same as refresh(), and returns how the value was found. */
  refreshEntry<Value>(
    key: string,
    loader: Loader<Value>,
    options: RefillOptions,
  ): Promise<RefillEntry<Value>> {
    const entry = this.#refreshed(key, loader as Loader, options)
    this.#tally.ended(entry)
    return entry as Promise<RefillEntry<Value>>
  }

  async #refreshed(key: string, loader: Loader, options: RefillOptions): Promise<RefillEntry> {
    this.#check('refresh', loader, options)
    this.#context.store.checkKey(key)
    const slot = this.#slots.of(key, options)
    const ask = askHere(slot, loader, options.waitUntil, tagsOf(options))
    const entry = inTurn(slot, () => this.#refiller.restart(ask), this.#context)
    // The invalidation may have been sent.
    return forCaller(entry, options, this.#context.clock, () => ({
      ...this.#waiting([key]),
      sent: true,
    }))
  }

  /**
   * Marks one or several keys stale: the next reader gets the stale value, and one client loads.
   * Resolves to whether there was a value to mark. `policy` is the key's policy, which says how
   * long the value may be stale. What it leaves out is as this client last used the key. If
   * neither says it, the value keeps its lifetime.
   */
  async invalidate(
    keys: string | readonly string[],
    policy?: Partial<RefillPolicy> & CallerOptions,
  ): Promise<boolean> {
    this.#checkOpen()
    if (policy !== undefined) checkCall(policy)
    const all = typeof keys === 'string' ? [keys] : checkArray('invalidate', keys)
    for (const key of all) this.#context.store.checkKey(key)
    if (policy !== undefined) checkGrace(policy, this.#slots.defaults)
    const { gate } = this.#context
    const marks = allDone(all.map((key) => gate.run(() => this.#invalidate(key, policy))))
    const waiting = () => this.#waiting(all)
    return (await forInvalidator(marks, policy ?? {}, this.#context.clock, waiting)).some(Boolean)
  }

  /**
   * Marks every value with one of these tags stale, in the whole fleet. Each is served stale while
   * one client refills it; with `hard` it is no longer served. Rejects when a tag may still have
   * its old version, and with MINTRING_BAD_POLICY for invalid tags. Calls `onChanged` for each tag
   * that has a new version.
   */
  async invalidateTags(
    tags: string | readonly string[],
    options: TagInvalidation = {},
    onChanged?: () => void,
  ): Promise<void> {
    this.#checkOpen()
    const names = typeof tags === 'string' ? [tags] : tags
    checkTags(names)
    checkTagOptions(options)
    const { hard = false, ...caller } = options
    const changed = this.#context.tags.invalidate(names, hard, onChanged)
    return forInvalidator(changed, caller, this.#context.clock)
  }

  /**
   * Returns the versions of tags as one text, for values stored with plain `set`. Rejects when a
   * tag cannot be read, and with MINTRING_BAD_POLICY for invalid tags.
   */
  async tagVersions(
    tags: string | readonly string[],
    options: Omit<TagInvalidation, 'hard'> = {},
  ): Promise<string> {
    this.#checkOpen()
    const names = typeof tags === 'string' ? [tags] : tags
    checkTags(names)
    checkOptionNames('tagVersions', options, OPERATION_OPTIONS)
    checkCaller(options)
    return forCaller(this.#context.tags.versions(names), options, this.#context.clock)
  }

  /**
   * Binds keys and loader to one policy. Throws MINTRING_BAD_POLICY for an invalid policy, or for
   * one that differs from an earlier definition of the same fixed key.
   */
  define<Args extends readonly unknown[], Value>(
    definition: Definition<Args, Value>,
  ): Defined<Args, Value> {
    checkDefinition(definition)
    const { key, loader: _loader, ...policy } = definition
    checkNames(policy)
    checkCaller(policy as CallerOptions)
    if (typeof key === 'string') this.#slots.define(key, policy)
    else this.#slots.resolve(policy)
    return bind(this, definition)
  }

  /**
   * Handles a `set` or `delete` of this client: a running load may be older, so no caller may join
   * it.
   */
  detach(key: string): void {
    const slot = this.#slots.get(key)
    if (slot !== undefined) detach(slot)
  }

  /** Sets new defaults for later calls. */
  setDefaults(defaults: RefillDefaults): void {
    this.#slots.setDefaults(defaults)
  }

  /** Rejects new calls; pending ones continue. */
  shut(): void {
    this.#isShut = true
  }

  /** Whether a load, or the store after it, is in progress. */
  get isLoading(): boolean {
    return this.#context.loads > 0
  }

  /** Lets pending refills finish within `drainMs`, aborts the rest, and releases all leases. */
  close(drainMs: number): Promise<void> {
    const reason = new MintringError('MINTRING_CLOSED', 'The client was closed')
    this.shut()
    this.#closing ??= this.#context.close(drainMs, reason).finally(() => this.#forget())
    return this.#closing
  }

  get #tally(): Tally {
    return this.#context.tally
  }

  #forget(): void {
    this.#slots.clear()
    this.#context.tags.clear()
  }

  #read(key: string, loader: Loader, options: RefillOptions): Read<Slot> {
    const slot = this.#slots.of(key, options)
    const read = this.#refiller.read(slot, loader, tagsOf(options))
    if (options.waitUntil !== undefined) read.waitUntil ??= options.waitUntil
    return read
  }

  /** Returns what callers of these keys wait for. */
  #waiting(keys: readonly string[]): Waiting {
    return withHosts(this.#slots.waitOf(keys), keys, (key) => this.#context.store.place(key)?.name)
  }

  #check(verb: string, loader: unknown, options: RefillOptions): void {
    this.#checkOpen()
    if (typeof loader !== 'function') {
      const example = `${verb}(${verb === 'getOrSetMany' ? 'keys' : 'key'}, loader, { ttl: 60 })`
      throw badArgument(`${verb}() needs a loader function, not ${kindOf(loader)}: ${example}`)
    }
    checkCall(options)
  }

  #checkOpen(): void {
    if (!this.#isShut) return
    throw new MintringError('MINTRING_CLOSED', 'The client was closed')
  }

  #invalidate(key: string, given: Partial<RefillPolicy> | undefined): Promise<boolean> {
    const { policy, isKnown } = this.#policyToMark(key, given)
    return this.#refiller.invalidate(key, this.#slots.get(key), policy, isKnown)
  }

  /** Completes what a caller said about a key. With a ttl it is the whole policy. */
  #policyToMark(key: string, given: Partial<RefillPolicy> = {}) {
    const last = given.ttl === undefined ? this.#slots.givenFor(key) : {}
    const isWindow = given.staleWhileRevalidate ?? given.staleIfError
    // A process that only writes does not know the policy. Assume 'sidecar': the invalidation then
    // also covers a lock beside the key.
    const policy = resolveGrace(given, last ?? { placeholder: 'sidecar' }, this.#slots.defaults)
    return { policy, isKnown: last !== undefined || isWindow !== undefined }
  }
}

/** Returns the values alone, without those that are `undefined`. */
export function valuesOf<Value>(
  entries: ReadonlyMap<string, RefillEntry<Value>>,
): Map<string, Value> {
  const values = [...entries].map(([key, { value }]) => [key, value] as const)
  return new Map(values.filter(([, value]) => value !== undefined))
}

/** Checks the names in a policy and the options of the caller. */
function checkCall(options: Partial<RefillOptions>): void {
  try {
    checkNames(options)
    checkCaller(options)
  } catch (error) {
    throw unreadableOptions(error)
  }
}

const TAG_OPTIONS: OptionNames = new Set(['hard', 'signal', 'timeoutMs'])

function checkTagOptions(options: TagInvalidation): void {
  checkOptionNames('invalidateTags', options, TAG_OPTIONS)
  checkCaller(options)
  if (options.hard !== undefined) checkBoolean('invalidateTags(): hard', options.hard)
}

function tagsOf({ tags }: RefillOptions): TagsOf | undefined {
  return typeof tags === 'function' ? tags : undefined
}

function checkArray(verb: string, keys: unknown): readonly string[] {
  if (Array.isArray(keys)) return keys
  const wanted = verb === 'invalidate' ? 'a key or an array of keys' : 'an array of keys'
  const instead = typeof keys === 'string' ? ': write [key]' : asArray(keys, 'keys')
  throw badArgument(`${verb}() takes ${wanted}, not ${kindOf(keys)}${instead}`)
}
