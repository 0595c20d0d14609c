import process from 'node:process'
import { toRefillDefaults } from '../behaviors/policies.ts'
import type { RefillMessage } from '../channels.ts'
import { commandTrace, isTraced, refillChannel } from '../channels.ts'
import { isMintringError, messageOf } from '../errors.ts'
import { allDone } from '../gate.ts'
import type { CallerOptions } from '../refill/caller.ts'
import type { RefillEntry } from '../refill/finding.ts'
import type { Loader } from '../refill/loader.ts'
import type { ManyLoader } from '../refill/many.ts'
import type { RefillPolicy } from '../refill/policy.ts'
import type { RefillOptions, TagInvalidation } from '../refill/refill.ts'
import { Refill, valuesOf } from '../refill/refill.ts'
import { type RefillEvent, type RefillEventName, Tally } from '../refill/tally.ts'
import { performance } from '../runtime.ts'
import type { ClientCore } from './core.ts'
import { ClusterStore } from './refill-store.ts'
import { type BatchCount, traceBatch, traceEntry, traceMark, traceRefresh } from './trace.ts'
import { Call, outsideCall } from './trace-call.ts'
import { callOfBatch } from './trace-parts.ts'
import type { ViewOptions } from './view.ts'
import { ClientView } from './view.ts'

/** The refills of a client and of its views; traces every call as an operation. */
export class ClientRefills {
  readonly refill: Refill
  readonly #core: ClientCore
  readonly #store: ClusterStore
  readonly #views: ClientView[] = []
  #isWarned = false
  /** The counters and event hooks that the client shares with its views. */
  readonly #told = {
    tally: new Tally(),
    hooks: {
      report: (name: RefillEventName, event: RefillEvent): void => this.#report(name, event),
    },
  }

  constructor(core: ClientCore) {
    this.#core = core
    this.#store = new ClusterStore(core)
    this.refill = new Refill(this.#store, {
      defaults: toRefillDefaults(core.behaviors),
      ...this.#told,
    })
    core.changed = (key) => this.refill.detach(key)
  }

  getOrSet<Value>(key: string, loader: Loader<Value>, policy: RefillOptions): Promise<Value> {
    if (!commandTrace.hasSubscribers) return this.refill.getOrSet(key, loader, policy)
    return this.getOrSetEntry(key, loader, policy).then(({ value }) => value)
  }

  getOrSetEntry<Value>(
    key: string,
    loader: Loader<Value>,
    policy: RefillOptions,
  ): Promise<RefillEntry<Value>> {
    if (!commandTrace.hasSubscribers) return this.refill.getOrSetEntry(key, loader, policy)
    const load = outsideCall(loader)
    const run = (): Promise<RefillEntry<Value>> => this.refill.getOrSetEntry(key, load, policy)
    return traceEntry(this.#core, 'getOrSet', key, run)
  }

  getOrSetMany<Value>(
    keys: readonly string[],
    loadMissing: ManyLoader<Value>,
    policy: RefillOptions,
  ): Promise<Map<string, Value>> {
    return this.#core.cluster.operations.during(this.#getOrSetMany(keys, loadMissing, policy))
  }

  #getOrSetMany<Value>(
    keys: readonly string[],
    loadMissing: ManyLoader<Value>,
    policy: RefillOptions,
  ): Promise<Map<string, Value>> {
    if (!isTraced()) return this.refill.getOrSetMany(keys, loadMissing, policy)
    const call = callOfBatch(this.#core)
    const load = outsideCall(loadMissing)
    const run = (): Promise<Map<string, RefillEntry<Value>>> =>
      call.run(() => this.refill.getOrSetManyEntries(keys, load, policy))
    const distinct = Array.isArray(keys) ? [...new Set(keys)] : []
    const size = distinct.length
    const found = (entries: ReadonlyMap<string, RefillEntry>): BatchCount => ({
      ...foundIn(entries),
      ...spentBy(call),
    })
    const none = (): BatchCount => ({ size, hits: 0, failed: size, ...spentBy(call) })
    return traceBatch(this.#core, 'getOrSetMany', distinct, run, found, none).then(valuesOf)
  }

  refresh<Value>(key: string, loader: Loader<Value>, policy: RefillOptions): Promise<Value> {
    const load = commandTrace.hasSubscribers ? outsideCall(loader) : loader
    const run = (): Promise<RefillEntry<Value>> => this.refill.refreshEntry(key, load, policy)
    const entry = commandTrace.hasSubscribers ? traceRefresh(this.#core, key, run) : run()
    return this.#core.cluster.operations.during(entry).then(({ value }) => value)
  }

  async invalidate(
    keys: string | readonly string[],
    policy?: Partial<RefillPolicy> & CallerOptions,
  ): Promise<boolean> {
    if (typeof keys === 'string') return this.#invalidateOne(keys, policy)
    if (!isTraced() || !Array.isArray(keys)) return this.refill.invalidate(keys, policy)
    const distinct = [...new Set(keys)]
    const count = { hits: 0, done: 0 }
    const mark = async (key: string): Promise<void> => {
      if (await this.#invalidateOne(key, policy)) count.hits++
      count.done++
    }
    const run = async (): Promise<void> => {
      // Check all keys first: an invalid key must not leave the others marked.
      for (const key of distinct) this.#core.keys.wireKey(key)
      await allDone(distinct.map(mark))
    }
    const size = distinct.length
    const counted = (): BatchCount => ({ size, hits: count.hits, failed: size - count.done })
    await traceBatch(this.#core, 'invalidate', distinct, run, counted, counted)
    return count.hits > 0
  }

  invalidateTags(tags: string | readonly string[], options?: TagInvalidation): Promise<void> {
    if (!isTraced()) return this.refill.invalidateTags(tags, options)
    const count = { hits: 0 }
    const onChanged = (): void => {
      count.hits++
    }
    const run = (): Promise<void> => this.refill.invalidateTags(tags, options, onChanged)
    return this.#ofTags('invalidateTags', tags, run, () => count.hits)
  }

  tagVersions(
    tags: string | readonly string[],
    options?: Omit<TagInvalidation, 'hard'>,
  ): Promise<string> {
    const run = (): Promise<string> => this.refill.tagVersions(tags, options)
    return isTraced() ? this.#ofTags('tagVersions', tags, run, () => 0) : run()
  }

  /** Traces a verb over tags; `doneSoFar` counts the tags that are done when it rejects. */
  #ofTags<Result>(
    verb: string,
    tags: unknown,
    run: () => Promise<Result>,
    doneSoFar: () => number,
  ): Promise<Result> {
    const names = typeof tags === 'string' ? [tags] : Array.isArray(tags) ? [...new Set(tags)] : []
    const size = names.length
    const call = new Call()
    const counted = (hits: number): BatchCount => ({
      ...{ size, hits, failed: size - hits },
      ...spentBy(call),
    })
    const all = (): BatchCount => counted(size)
    const reached = (): BatchCount => counted(doneSoFar())
    return traceBatch(this.#core, verb, names, () => call.run(run), all, reached)
  }

  /**
   * Creates a view: the client's verbs with other settings (prefix, policy) on its connections. The
   * view closes with the client.
   */
  view(options: ViewOptions): ClientView {
    const defaults = toRefillDefaults(this.#core.behaviors)
    const settings = { ...this.#told, defaults }
    const view = new ClientView(this.#core, options, { refill: this.refill, settings })
    this.#views.push(view)
    return view
  }

  /** Applies the policy defaults of the current behaviors. */
  configured(): void {
    const defaults = toRefillDefaults(this.#core.behaviors)
    for (const refills of [this.refill, ...this.#views]) refills.setDefaults(defaults)
  }

  /** Makes all stores ask the servers again whether they support meta commands. */
  moved(): void {
    for (const store of [this.#store, ...this.#views]) store.forgetDialect()
  }

  /**
   * Closes the refills. New calls reject; pending ones may load and store until `endMs`, on the
   * clock of `performance.now()`. The rest then release their leases.
   */
  async close(endMs: number): Promise<void> {
    const all = [this.refill, ...this.#views]
    for (const refills of all) refills.shut()
    await this.#core.cluster.operations.drain(endMs, () => all.some(({ isLoading }) => isLoading))
    await Promise.all(all.map((refills) => refills.close(Math.max(0, endMs - performance.now()))))
  }

  #invalidateOne(key: string, policy?: Partial<RefillPolicy> & CallerOptions): Promise<boolean> {
    return traceMark(this.#core, key, () => this.refill.invalidate(key, policy))
  }

  /** Warns once if no host was ever reached: loaders hide a wrong port, or a server that is off. */
  #warn(error: unknown): void {
    const isReached = this.#core.cluster.hosts.some(({ abilities }) => abilities !== undefined)
    if (this.#isWarned || isReached || error === undefined) return
    this.#isWarned = true
    const text = `Nothing is cached, because no host was reached so far: ${messageOf(error)}`
    process.emitWarning(text, 'MintringWarning')
  }

  #report(event: RefillEventName, { key, error, reason, ...rest }: RefillEvent): void {
    const { events, behaviors } = this.#core
    if (!events.has(event) && !refillChannel.hasSubscribers) {
      if (event === 'bypass') this.#warn(error)
      return
    }
    const why = reason ?? reasonOf(error)
    const message: RefillMessage = {
      event,
      ...rest,
      ...(why === undefined ? {} : { reason: why }),
      ...(behaviors.traceKeys ? { key } : {}),
    }
    events.emit(event, message)
    if (refillChannel.hasSubscribers) refillChannel.publish({ ...message, client: this.#core.id })
  }
}

/** Returns what a call sent and received, for its message. */
function spentBy({ attempts, bytes }: Call): Pick<BatchCount, 'attempts' | 'bytes'> {
  return { attempts, bytes: bytes > 0 ? bytes : undefined }
}

/** Counts the values found in the cache, fresh or stale. */
function foundIn(entries: ReadonlyMap<string, RefillEntry>): BatchCount {
  let hits = 0
  for (const { state } of entries.values()) if (state === 'fresh' || state === 'stale') hits++
  return { size: entries.size, hits, failed: 0 }
}

/** Returns an error's code or name, never its message, which may contain a value. */
function reasonOf(error: unknown): string | undefined {
  if (error === undefined) return undefined
  return isMintringError(error) ? error.code : error instanceof Error ? error.name : 'thrown'
}
