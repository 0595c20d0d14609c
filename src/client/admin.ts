import type { OptionNames } from '../arguments.ts'
import { badArgument, checkBoolean, OPERATION_OPTIONS } from '../arguments.ts'
import {
  lruCrawlerSleepHead,
  lruCrawlerSwitchHead,
  lruCrawlerTocrawlHead,
  lruCrawlHead,
  lruModeHead,
  lruTempTtlHead,
  lruTuneHead,
  slabsAutomoveHead,
  slabsReassignHead,
} from '../protocol/admin.ts'
import type { ClientCore } from './core.ts'
import type { OperationOptions } from './options.ts'
import { checkOptions } from './options.ts'
import type { Outcomes } from './outcomes.ts'
import { command, hostNamed, shutdown } from './verbs/hosts.ts'

const SHUTDOWN_OPTIONS: OptionNames = new Set([...OPERATION_OPTIONS, 'graceful'])

/** The options of flushAll(). */
export interface FlushOptions extends OperationOptions {
  /** The delay in whole seconds; default 0, which flushes at once. */
  readonly delay?: number | undefined
}

/** The options of shutdown(). */
export interface ShutdownOptions extends OperationOptions {
  /** Whether the server first finishes the commands it has begun. */
  readonly graceful?: boolean | undefined
}

/** A change of how a server moves slabs between classes. */
export type SlabsChange =
  | {
      /** How often the server moves slabs: 0 never, 1 slowly, 2 at every eviction. */
      readonly automove: 0 | 1 | 2
    }
  | {
      /** Moves one page now. */
      readonly reassign: {
        /** The slab class that loses the page; -1 for any. */
        readonly from: number
        /** The slab class that gets the page. */
        readonly to: number
      }
    }

/** A change of a server's LRU lists. */
export type LruChange =
  | {
      /** Whether items are in one list, or in hot, warm and cold lists. */
      readonly mode: 'flat' | 'segmented'
    }
  | {
      /** Items with a TTL up to this many seconds have a list of their own; -1 disables it. */
      readonly tempTtlSeconds: number
    }
  | {
      /** The sizes and ages of the hot, warm and cold lists. */
      readonly tune: {
        /** The hot list's share of the memory, in per cent. */
        readonly percentHot: number
        /** The warm list's share of the memory, in per cent. */
        readonly percentWarm: number
        /** The maximum age of the hot list, as a factor of the cold list's age. */
        readonly hotAgeFactor: number
        /** The maximum age of the warm list, as a factor of the cold list's age. */
        readonly warmAgeFactor: number
      }
    }

/** A setting of the LRU crawler, which frees expired items, or a run to start now. */
export type LruCrawlerChange =
  | {
      /** Whether the crawler runs. */
      readonly enabled: boolean
    }
  | {
      /** The pause between two items, 0 to 1,000,000 microseconds. */
      readonly sleepMicroseconds: number
    }
  | {
      /** How many items per class one run checks; 0 for all. */
      readonly tocrawl: number
    }
  | {
      /** The slab classes to crawl now. */
      readonly crawl: 'all' | readonly number[]
    }

/** Sends a slab setting to every host. */
export function changeSlabs(
  core: ClientCore,
  change: SlabsChange,
  options: OperationOptions | undefined,
): Promise<Outcomes<string>> {
  checkOptions('slabs', options)
  checkChange('slabs', change, ['automove', 'reassign'])
  const head =
    'automove' in change
      ? slabsAutomoveHead(change.automove)
      : slabsReassignHead(change.reassign?.from, change.reassign?.to)
  return command(core, head, options)
}

/** Sends an LRU setting to every host. */
export function changeLru(
  core: ClientCore,
  change: LruChange,
  options: OperationOptions | undefined,
): Promise<Outcomes<string>> {
  checkOptions('lru', options)
  checkChange('lru', change, ['mode', 'tempTtlSeconds', 'tune'])
  return command(core, lruHead(change), options)
}

/** Sends a crawler setting, or starts a run of the crawler, on every host. */
export function changeLruCrawler(
  core: ClientCore,
  change: LruCrawlerChange,
  options: OperationOptions | undefined,
): Promise<Outcomes<string>> {
  checkOptions('lruCrawler', options)
  checkChange('lruCrawler', change, ['enabled', 'sleepMicroseconds', 'tocrawl', 'crawl'])
  if ('enabled' in change) checkBoolean('lruCrawler(): enabled', change.enabled)
  return command(core, lruCrawlerHead(change), options)
}

/** Shuts down the server that `hosts()` names `host`. */
export function shutdownHost(
  core: ClientCore,
  host: string,
  options: ShutdownOptions | undefined,
): Promise<void> {
  checkOptions('shutdown', options, SHUTDOWN_OPTIONS)
  if (options?.graceful !== undefined) checkBoolean('shutdown(): graceful', options.graceful)
  hostNamed(core, host)
  return shutdown(core, host, options?.graceful === true, options)
}

/** Throws MINTRING_BAD_ARGUMENT unless the change is an object with one of these names. */
function checkChange(verb: string, change: unknown, names: readonly string[]): void {
  const given = typeof change === 'object' && change !== null ? Object.keys(change) : []
  if (given.length === 1 && names.includes(given[0]!)) return
  throw badArgument(`${verb}() takes an object with one of: ${names.join(', ')}`)
}

function lruHead(change: LruChange): string {
  if ('mode' in change) return lruModeHead(change.mode)
  if ('tempTtlSeconds' in change) return lruTempTtlHead(change.tempTtlSeconds)
  const { percentHot, percentWarm, hotAgeFactor, warmAgeFactor } = change.tune ?? {}
  return lruTuneHead(percentHot, percentWarm, hotAgeFactor, warmAgeFactor)
}

function lruCrawlerHead(change: LruCrawlerChange): string {
  if ('enabled' in change) return lruCrawlerSwitchHead(change.enabled)
  if ('sleepMicroseconds' in change) return lruCrawlerSleepHead(change.sleepMicroseconds)
  if ('tocrawl' in change) return lruCrawlerTocrawlHead(change.tocrawl)
  return lruCrawlHead(change.crawl)
}
