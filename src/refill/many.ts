import { AsyncResource } from 'node:async_hooks'
import { types } from 'node:util'
import { MintringError } from '../errors.ts'
import { kindOf } from '../secrets.ts'
import type { Clock, Timer } from './clock.ts'
import type { RefillEntry } from './entry.ts'
import type { Ask, Loader, LoaderContext, WaitUntil } from './loading.ts'
import type { Refiller } from './refiller.ts'
import type { Slot } from './slots.ts'
import type { TagsOf } from './tags/names.ts'

/** What the loader of many keys is told. */
export interface ManyContext {
  /** Fires when a load of it was given up: they have one timeout. */
  readonly signal: AbortSignal
  /** The values that are being replaced. */
  readonly stale: ReadonlyMap<string, unknown>
  /**
   * Tells what the value of one of the keys is built from, as `tag` of a single loader does. Await
   * it before you read what the tags stand for.
   */
  tag(key: string, ...names: readonly string[]): PromiseLike<void>
}

/** Makes the values of the keys it is asked for; a key it leaves out is as one of `undefined`. */
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

/** How long keys that were won wait for reads of slower hosts, to be loaded by the same call. */
const GATHER_MS = 50
/** The same for keys whose stale value was served, and whose election ends a little later. */
const LATE_MS = 5

/**
 * The loads of one getOrSetMany: the keys it has to load go to one call of the loader once all keys
 * are read, or to two when some host is slow. Keys won at once are loaded before the call waits for
 * keys that others load, or two processes with the same keys in another order would wait for each
 * other.
 */
class Batch {
  readonly #loadMany: ManyLoader
  readonly #clock: Clock
  #wanted: Wanted[] = []
  #timer: Timer | undefined
  #isGathering = true
  readonly #order: ReadonlyMap<string, number>

  constructor(loadMany: ManyLoader, clock: Clock, keys: readonly string[]) {
    this.#loadMany = loadMany
    this.#clock = clock
    this.#order = new Map(keys.map((key, i) => [key, i]))
  }

  readonly load: Loader = (key, context) =>
    new Promise((resolve, reject) => {
      this.#wanted.push({ key, context, resolve, reject })
      this.#timer ??= this.#clock.after(this.#isGathering ? GATHER_MS : LATE_MS, () =>
        this.#flush(),
      )
    })

  /** All keys are read: what is wanted now is all that is wanted soon. */
  gathered(): void {
    this.#isGathering = false
    if (this.#timer === undefined) return
    this.#timer.cancel()
    this.#timer = this.#clock.after(0, () => this.#flush())
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
      for (const { key, resolve } of wanted) resolve(values.get(key))
    } catch (error) {
      for (const { reject } of wanted) reject(error)
    }
  }
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

/** What getOrSetMany needs for each of its keys. */
export interface ManyKeys {
  readonly keys: readonly string[]
  slotOf(key: string): Slot
  readonly waitUntil: WaitUntil | undefined
  readonly tagsOf: TagsOf | undefined
}

/**
 * Reads all keys, has those it won loaded together, and waits for those that others load. Resolves
 * to the entries in the order of the keys. Rejects when a key has neither a value nor a stale one.
 */
export async function getOrSetMany(
  refiller: Refiller,
  { keys, slotOf, waitUntil, tagsOf }: ManyKeys,
  loadMany: ManyLoader,
): Promise<Map<string, RefillEntry>> {
  const scope = new AsyncResource('MintringReadMany', { requireManualDestroy: true })
  const distinct = [...new Set(keys)]
  const loadHere: ManyLoader = (wanted, context) =>
    scope.runInAsyncScope(loadMany, undefined, wanted, context)
  const batch = new Batch(loadHere, refiller.clock, distinct)
  const asks: Ask<Slot>[] = distinct.map((key) => {
    return { slot: slotOf(key), loader: batch.load, scope, waitUntil, tagsOf }
  })
  let unread = asks.length
  const entries = asks.map(async (ask): Promise<[string, RefillEntry]> => {
    const settle = await refiller.gate.run(() => found(refiller, ask))
    const entry = settle()
    if (--unread === 0) batch.gathered()
    return [ask.slot.key, await entry]
  })
  return new Map(await Promise.all(entries))
}

/** Reads a key, and elects where that takes a command of its own. Returns what is to follow. */
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
