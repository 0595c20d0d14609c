import { AsyncResource } from 'node:async_hooks'
import { types } from 'node:util'
import type { Clock, Timer } from '../clock.ts'
import { MintringError } from '../errors.ts'
import { escaped, kindOf } from '../secrets.ts'
import type { TagsOf } from '../tags/names.ts'
import type { RefillEntry } from './finding.ts'
import type { Ask, Loader, LoaderContext, WaitUntil } from './loader.ts'
import type { Refiller } from './refiller.ts'
import type { Slot } from './slots.ts'

/** Information and controls for a loader of many keys. */
export interface ManyContext {
  /** Aborts when one of the loads is given up: all keys share one timeout. */
  readonly signal: AbortSignal
  /** The values that are being replaced, by key. */
  readonly stale: ReadonlyMap<string, unknown>
  /**
   * Adds tags to the value of one key, as `tag` of a single loader does. Await it before you read
   * the data that the tags stand for.
   */
  tag(key: string, ...names: readonly string[]): PromiseLike<void>
}

/** Loads the values of several keys; a key it omits counts as `undefined`. */
export type ManyLoader<Value = unknown> = (
  keys: readonly string[],
  context: ManyContext,
) => ReadonlyMap<string, Value> | Promise<ReadonlyMap<string, Value>>

interface Wanted {
  readonly key: string
  readonly context: LoaderContext
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/**
 * How long won keys wait without a reply for reads of slower hosts, so that one loader call loads
 * all of them.
 */
const GATHER_MS = 50
/** How long they wait at most; never longer than half of the loader's time. */
const MAX_GATHER_MS = 2_000
/**
 * How long won keys wait for further keys whose stale value was served: these win their lease
 * slightly later.
 */
const LATE_MS = 5

/**
 * The loads of one getOrSetMany. All keys that it must load go to one loader call after all keys
 * are read, or to two calls if a host is slow. It loads the keys it won before it waits for keys
 * that other processes load; otherwise two processes with the same keys in another order could wait
 * for each other.
 */
class Batch {
  readonly #loadMany: ManyLoader
  readonly #clock: Clock
  readonly #maxGatherMs: number
  /** The keys for the next call of the loader, and when it must begin. */
  #wanted: Wanted[] = []
  #latestMs = 0
  #timer: Timer | undefined
  #isGathering = true
  /** How many keys were read, now and when the timer was set. */
  #read = 0
  #readBefore = 0
  readonly #order: ReadonlyMap<string, number>

  constructor(loadMany: ManyLoader, clock: Clock, slots: readonly Slot[]) {
    const [first] = slots
    this.#maxGatherMs = Math.min(MAX_GATHER_MS, (first?.policy.loaderTimeoutMs ?? 0) / 2)
    this.#loadMany = loadMany
    this.#clock = clock
    this.#order = new Map(slots.map(({ key }, i) => [key, i]))
  }

  readonly load: Loader = (key, context) =>
    new Promise((resolve, reject) => {
      this.#wanted.push({ key, context, resolve, reject })
      if (this.#timer !== undefined) return
      this.#latestMs = this.#clock.nowMs() + this.#maxGatherMs
      this.#flushIn(this.#isGathering ? GATHER_MS : LATE_MS)
    })

  /** Called when a key is read. Loader calls wait as long as replies keep coming. */
  read(): void {
    this.#read++
  }

  /** Called when all keys are read. Loader calls then need not wait for further keys. */
  gathered(): void {
    this.#isGathering = false
    if (this.#timer === undefined) return
    this.#timer.cancel()
    this.#flushIn(0)
  }

  #flushIn(delayMs: number): void {
    this.#timer = this.#clock.after(delayMs, () => {
      const isQuiet = this.#read === this.#readBefore
      this.#readBefore = this.#read
      if (isQuiet || !this.#isGathering || this.#clock.nowMs() >= this.#latestMs) void this.#flush()
      else this.#flushIn(GATHER_MS)
    })
  }

  async #flush(): Promise<void> {
    this.#timer = undefined
    const order = this.#order
    const wanted = this.#wanted.sort((a, b) => order.get(a.key)! - order.get(b.key)!)
    this.#wanted = []
    const replaced = wanted.filter(({ context }) => context.stale !== undefined)
    const stale = new Map(replaced.map(({ key, context }) => [key, context.stale]))
    const signal = AbortSignal.any(wanted.map(({ context }) => context.signal))
    try {
      const keys = wanted.map(({ key }) => key)
      const values = await this.#loadMany(keys, { signal, stale, tag: tagOf(wanted) })
      if (!types.isMap(values)) {
        throw new TypeError(`it must return a Map of the values, not ${kindOf(values)}`)
      }
      checkKeysOf(values, keys)
      for (const { key, resolve } of wanted) resolve(values.get(key))
    } catch (error) {
      for (const { reject } of wanted) reject(error)
    }
  }
}

/** Throws if a loader returned values, but none for a key that it was called with. */
function checkKeysOf(values: ReadonlyMap<unknown, unknown>, wanted: readonly string[]): void {
  if (values.size === 0 || wanted.some((key) => values.has(key))) return
  const shown = [...values.keys()].slice(0, 3).map((key) => {
    return typeof key === 'string'
      ? `'${escaped(key)}'`
      : `${kindOf(key)} (${escaped(String(key))})`
  })
  throw new TypeError(
    `the keys of its Map must be those that it was called with, such as ` +
      `'${escaped(wanted[0] ?? '')}', not ${shown.join(', ')}`,
  )
}

function tagOf(wanted: readonly Wanted[]): ManyContext['tag'] {
  const contexts = new Map(wanted.map(({ key, context }) => [key, context]))
  return (key, ...names) => {
    const context = contexts.get(key)
    if (context !== undefined) return context.tag(...names)
    throw new MintringError('MINTRING_BAD_ARGUMENT', `tag(): ${notWanted(key)}`)
  }
}

function notWanted(key: unknown): string {
  if (typeof key !== 'string') return `the first argument must be a key, not ${kindOf(key)}`
  return 'the first argument must be one of the keys that the loader was called with'
}

/** The keys of a getOrSetMany, and what else it was called with. */
export interface ManyKeys {
  readonly slots: readonly Slot[]
  readonly waitUntil: WaitUntil | undefined
  readonly tagsOf: TagsOf | undefined
}

/**
 * Reads all keys, loads together those whose lease it won, and waits for those that others load.
 * Resolves to the values in the order of the keys, with how each was found. Rejects when a key has
 * neither a value nor a stale one.
 */
export async function getOrSetMany(
  refiller: Refiller,
  { slots, waitUntil, tagsOf }: ManyKeys,
  loadMany: ManyLoader,
): Promise<Map<string, RefillEntry>> {
  const scope = new AsyncResource('MintringReadMany', { requireManualDestroy: true })
  const loadHere: ManyLoader = (wanted, context) =>
    scope.runInAsyncScope(loadMany, undefined, wanted, context)
  const batch = new Batch(loadHere, refiller.context.clock, slots)
  const asks = slots.map((slot): Ask<Slot> => {
    return { slot, loader: batch.load, scope, waitUntil, tagsOf, isOfMany: true }
  })
  let unread = asks.length
  const entries = asks.map(async (ask): Promise<[string, RefillEntry]> => {
    const settle = await refiller.context.gate.run(() => found(refiller, ask))
    batch.read()
    const entry = settle()
    if (--unread === 0) batch.gathered()
    return [ask.slot.key, await entry]
  })
  return new Map(await Promise.all(entries))
}

/**
 * Reads a key. If the read did not decide who loads it, tries for the lease with another command.
 * Returns the next step.
 */
async function found(refiller: Refiller, ask: Ask<Slot>) {
  try {
    const read = await refiller.find(ask)
    const isOpen = read.verdict === 'absent' && read.election === 'open'
    const finding = isOpen ? await refiller.elect(ask, read) : read
    return () => refiller.settle(ask, finding)
  } catch (error) {
    return () => refiller.failed(ask, error)
  }
}
