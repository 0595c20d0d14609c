import { checkSignal } from '../deadline.ts'
import { isMintringError, MintringError } from '../errors.ts'
import { setTimeout } from '../runtime.ts'
import type { PumpLog } from './pump-log.ts'
import type { DumpedKey } from './verbs/dumps.ts'
import type { Stats } from './verbs/hosts.ts'
import { WarmUp } from './warm.ts'
import type { WarmOptions } from './warm-options.ts'

/** The result for a moving key; `there` means the new host already had an item. */
export type PumpOutcome = 'copied' | 'there' | 'absent'

/** A host that keys move away from, with the methods that copying its keys needs. */
export interface PumpHost {
  readonly name: string
  stats(section?: string): Promise<Stats>
  /** Lists the keys of some slab classes. */
  mgdump(range: readonly number[], signal: AbortSignal): AsyncIterable<DumpedKey>
  metadump(range: readonly number[], signal: AbortSignal): AsyncIterable<DumpedKey>
}

/** Decides which listed keys to copy to their new hosts, and copies them. */
export interface PumpTarget {
  /** Whether the key moves from `host`, where it belonged before the change, to another host. */
  moves(key: string, host: string): boolean
  /** Copies the item to its new host under a lease, unless there is one already. */
  copy(key: string): Promise<PumpOutcome>
}

/** The options of a `Pump`, which copies values to their new hosts. */
export type PumpOptions = Pick<WarmOptions, 'concurrency' | 'perSecond' | 'signal' | 'onError'> & {
  readonly log?: PumpLog | undefined
  readonly onProgress?: ((progress: CopyProgress) => void) | undefined
}

/** How far a run that copies values to their new hosts has come. */
export interface CopyProgress {
  /** Items on the hosts that keys move away from. */
  readonly items: number
  /** Items listed so far, moving or not. */
  readonly listed: number
  /** Moving keys whose copy was started. */
  readonly moved: number
  /** Values copied to their new hosts. */
  readonly copied: number
  /** Keys that already had an item on their new host. */
  readonly there: number
  /** Keys whose item was gone, or must not be copied. */
  readonly absent: number
  /** Keys that failed to copy, and hosts that failed to list their keys. */
  readonly failed: number
  /** Slab classes that an earlier run finished. */
  readonly resumed: number
}

/** How many times, and with which pause, to retry a host that is busy with another dump. */
const BUSY_TRIES = 50
const BUSY_PAUSE_MS = 100

/**
 * Copies moving values to their new hosts, one host and slab class after another. Its memory use
 * does not grow with the number of keys.
 */
export class Pump {
  readonly #hosts: readonly PumpHost[]
  readonly #target: PumpTarget
  readonly #options: PumpOptions
  readonly #counts = {
    ...{ items: 0, listed: 0, moved: 0, copied: 0, there: 0, absent: 0, failed: 0, resumed: 0 },
  }
  /** Keys whose copy has started and not finished. */
  #underWay = 0
  #drained = (): void => {}
  /** Aborts open dumps when the run ends early. */
  readonly #ending = new AbortController()

  constructor(hosts: readonly PumpHost[], target: PumpTarget, options: PumpOptions) {
    this.#hosts = hosts
    this.#target = target
    this.#options = options
  }

  /** Copies all moving keys. Rejects with MINTRING_ABORTED when the signal aborts. */
  async run(): Promise<CopyProgress> {
    const { concurrency, perSecond, signal, onError, onProgress } = this.#options
    const unused = {
      set: async (): Promise<void> => {},
      locate: () => ({ server: '', ejected: false }),
    }
    const job = new WarmUp(unused, this.#keys(), (key) => this.#copy(key), {
      ...{ concurrency, perSecond, signal },
      onProgress: () => onProgress?.({ ...this.#counts }),
      onError: (error, key) => {
        this.#counts.failed++
        onError?.(error, key)
      },
    })
    try {
      await job.run()
      return { ...this.#counts }
    } catch (error) {
      throw this.#told(error)
    } finally {
      this.#ending.abort()
    }
  }

  /** Yields the moving keys of all hosts that can list them. */
  async *#keys(): AsyncGenerator<string, void, undefined> {
    const counted = await Promise.allSettled(this.#hosts.map((host) => host.stats()))
    for (const each of counted) {
      if (each.status === 'fulfilled') this.#counts.items += Number(each.value.curr_items ?? 0)
    }
    for (const host of this.#hosts) {
      try {
        yield* this.#keysOf(host)
      } catch (error) {
        if (this.#options.signal?.aborted === true) throw error
        this.#counts.failed++
        this.#options.onError?.(error, host.name)
      }
    }
  }

  async *#keysOf(host: PumpHost): AsyncGenerator<string, void, undefined> {
    const stats = await host.stats('items')
    const { log } = this.#options
    for (const slabClass of classesOf(stats)) {
      if (log?.has(host.name, slabClass) === true) {
        this.#counts.resumed++
        this.#counts.listed += Number(stats[`items:${slabClass}:number`])
        continue
      }
      const { failed } = this.#counts
      for await (const { key } of this.#listed(host, slabClass)) {
        this.#counts.listed++
        if (!isPlainKey(key) || !this.#target.moves(key, host.name)) continue
        this.#counts.moved++
        this.#underWay++
        yield key
      }
      await this.#untilDrained()
      if (this.#counts.failed === failed) log?.write(host.name, slabClass)
    }
  }

  /** Lists one slab class of a host; retries while the server is busy with another dump. */
  async *#listed(host: PumpHost, slabClass: number): AsyncGenerator<DumpedKey, void, undefined> {
    let dump: 'mgdump' | 'metadump' = 'mgdump'
    for (let tries = 1; ; tries++) {
      try {
        return yield* host[dump]([slabClass], this.#ending.signal)
      } catch (error) {
        const code = isMintringError(error) ? error.code : ''
        if (code === 'MINTRING_UNSUPPORTED' && dump === 'mgdump') dump = 'metadump'
        else if (!isBusy(error) || tries >= BUSY_TRIES) throw error
        else await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE_MS))
        if (this.#options.signal !== undefined) checkSignal(this.#options.signal)
      }
    }
  }

  async #copy(key: string): Promise<undefined> {
    try {
      this.#counts[await this.#target.copy(key)]++
    } finally {
      if (--this.#underWay === 0) this.#drained()
    }
  }

  async #untilDrained(): Promise<void> {
    if (this.#underWay === 0) return
    await new Promise<void>((resolve) => {
      this.#drained = resolve
    })
  }

  /** Adds the progress of the run to an error. */
  #told(error: unknown): unknown {
    if (!isMintringError(error) || error.code === 'MINTRING_BAD_ARGUMENT') return error
    const isAborted = error.code === 'MINTRING_ABORTED'
    const why = isAborted
      ? 'was aborted by its signal'
      : `cannot continue: ${causeOf(error).message}`
    const { copied, there, absent, failed } = this.#counts
    const text =
      `The copy ${why}. ` +
      `${copied} copied, ${there} there already, ${absent} gone, ${failed} failed. ` +
      'Run it again to continue: it skips values that are there already'
    return new MintringError(error.code, text, { host: error.host, cause: causeOf(error) })
  }
}

const causeOf = (error: MintringError): Error =>
  isMintringError(error.cause) ? error.cause : error

/** Whether a caller chose the key. Keys of mintring's own items are not UTF-8 and do not move. */
function isPlainKey(key: string): boolean {
  return !key.includes('\ufffd')
}

function isBusy(error: unknown): boolean {
  return isMintringError(error) && /\bBUSY\b/.test(error.message)
}

function classesOf(items: Stats): number[] {
  return Object.keys(items).flatMap((name) => {
    const match = /^items:(\d+):number$/.exec(name)
    return match === null ? [] : [Number(match[1])]
  })
}
