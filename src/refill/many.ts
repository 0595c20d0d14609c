import { AsyncResource } from 'node:async_hooks'
import type { Clock } from './clock.ts'
import type { RefillEntry } from './entry.ts'
import type { Ask, Loader, LoaderContext, WaitUntil } from './loading.ts'
import type { Policy } from './policy.ts'
import type { Refiller } from './refiller.ts'

/** What the loader of many keys is told. */
export interface ManyContext {
  /** Fires when a load of it was given up: they have one timeout. */
  readonly signal: AbortSignal
  /** The values that are being replaced. */
  readonly stale: ReadonlyMap<string, unknown>
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

/**
 * The loads of one getOrSetMany: the keys it has to load in one turn go to one call of the loader.
 * Keys won at once are loaded before anybody waits for keys that others load, or two processes with
 * the same keys in another order would wait for each other.
 */
class Batch {
  readonly #loadMany: ManyLoader
  readonly #clock: Clock
  #wanted: Wanted[] = []

  constructor(loadMany: ManyLoader, clock: Clock) {
    this.#loadMany = loadMany
    this.#clock = clock
  }

  readonly load: Loader = (key, context) =>
    new Promise((resolve, reject) => {
      if (this.#wanted.length === 0) this.#clock.after(0, () => this.#flush())
      this.#wanted.push({ key, context, resolve, reject })
    })

  async #flush(): Promise<void> {
    const wanted = this.#wanted
    this.#wanted = []
    const replaced = wanted.filter(({ context }) => context.stale !== undefined)
    const stale = new Map(replaced.map(({ key, context }) => [key, context.stale]))
    const signal = AbortSignal.any(wanted.map(({ context }) => context.signal))
    try {
      const keys = wanted.map(({ key }) => key)
      const values = await this.#loadMany(keys, { signal, stale })
      if (!(values instanceof Map)) throw new TypeError('the loader of many keys answers a Map')
      for (const { key, resolve } of wanted) resolve(values.get(key))
    } catch (error) {
      for (const { reject } of wanted) reject(error)
    }
  }
}

/** What getOrSetMany needs for each of its keys. */
export interface ManyKeys {
  readonly keys: readonly string[]
  policyOf(key: string): Policy
  readonly waitUntil: WaitUntil | undefined
}

/**
 * Reads all keys, has those it won loaded together, and waits for those that others load. Answers
 * the entries in the order of the keys. Rejects when a key has neither a value nor a stale one.
 */
export async function getOrSetMany(
  refiller: Refiller,
  { keys, policyOf, waitUntil }: ManyKeys,
  loadMany: ManyLoader,
): Promise<Map<string, RefillEntry>> {
  const { reads, tally } = refiller
  const scope = new AsyncResource('MintringReadMany', { requireManualDestroy: true })
  const batch = new Batch((wanted, context) => {
    return scope.runInAsyncScope(loadMany, undefined, wanted, context)
  }, refiller.clock)
  const asks: Ask[] = [...new Set(keys)].map((key) => {
    return { key, policy: policyOf(key), loader: batch.load, scope, waitUntil }
  })
  const found = await Promise.allSettled(
    asks.map(async (ask) => {
      const finding = await reads.find(ask)
      return refiller.elected(ask, finding)
    }),
  )
  const entries = asks.map(async (ask, i): Promise<[string, RefillEntry]> => {
    const read = found[i]!
    const isFound = read.status === 'fulfilled'
    const entry = isFound ? refiller.settle(ask, read.value) : refiller.failed(ask, read.reason)
    tally.ended(entry, 1)
    return [ask.key, await entry]
  })
  return new Map(await Promise.all(entries))
}
