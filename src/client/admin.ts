import type { OptionNames } from '../arguments.ts'
import { badArgument, OPERATION_OPTIONS } from '../arguments.ts'
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

/** What flushAll() takes. */
export interface FlushOptions extends OperationOptions {
  /** Whole seconds until it happens; 0, at once, by default. */
  readonly delay?: number | undefined
}

/** What shutdown() takes. */
export interface ShutdownOptions extends OperationOptions {
  /** Lets the server finish what it has begun. */
  readonly graceful?: boolean | undefined
}

/** How the slabs of a server are moved between classes. */
export type SlabsChange =
  | {
      /** 0 never, 1 slowly, 2 at every eviction. */
      readonly automove: 0 | 1 | 2
    }
  | {
      /** Moves one page now. */
      readonly reassign: {
        /** The slab class that gives; -1 for any. */
        readonly from: number
        /** The slab class that takes. */
        readonly to: number
      }
    }

/** How a server keeps its items in order of use. */
export type LruChange =
  | {
      /** One list, or hot, warm and cold ones. */
      readonly mode: 'flat' | 'segmented'
    }
  | {
      /** Items that live no longer than this stay in a list of their own; -1 switches it off. */
      readonly tempTtlSeconds: number
    }
  | {
      /** The sizes of the lists. */
      readonly tune: {
        /** Per cent of the memory that the hot list may take. */
        readonly percentHot: number
        /** Per cent of the memory that the warm list may take. */
        readonly percentWarm: number
        /** The age of the hot list over that of the cold one. */
        readonly hotAgeFactor: number
        /** The age of the warm list over that of the cold one. */
        readonly warmAgeFactor: number
      }
    }

/** What the crawler that frees expired items does. */
export type LruCrawlerChange =
  | {
      /** Whether it runs. */
      readonly enabled: boolean
    }
  | {
      /** Its pause between items, 0 to 1,000,000. */
      readonly sleepMicroseconds: number
    }
  | {
      /** How many items of a class it looks at in one run; 0 for all. */
      readonly tocrawl: number
    }
  | {
      /** Runs it now over these slab classes. */
      readonly crawl: 'all' | readonly number[]
    }

/** Sends a change of the slabs to every host. */
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

/** Sends a change of the LRU lists to every host. */
export function changeLru(
  core: ClientCore,
  change: LruChange,
  options: OperationOptions | undefined,
): Promise<Outcomes<string>> {
  checkOptions('lru', options)
  checkChange('lru', change, ['mode', 'tempTtlSeconds', 'tune'])
  return command(core, lruHead(change), options)
}

/** Sends a change of the LRU crawler, or a run of it, to every host. */
export function changeLruCrawler(
  core: ClientCore,
  change: LruCrawlerChange,
  options: OperationOptions | undefined,
): Promise<Outcomes<string>> {
  checkOptions('lruCrawler', options)
  checkChange('lruCrawler', change, ['enabled', 'sleepMicroseconds', 'tocrawl', 'crawl'])
  return command(core, lruCrawlerHead(change), options)
}

/** Ends the server that `hosts()` calls `host`. */
export function shutdownHost(
  core: ClientCore,
  host: string,
  options: ShutdownOptions | undefined,
): Promise<void> {
  checkOptions('shutdown', options, SHUTDOWN_OPTIONS)
  hostNamed(core, host)
  return shutdown(core, host, options?.graceful === true, options)
}

/** Throws MINTRING_BAD_ARGUMENT unless the change is an object with one of these names. */
function checkChange(verb: string, change: unknown, names: readonly string[]): void {
  const given = typeof change === 'object' && change !== null ? Object.keys(change) : []
  if (given.length === 1 && names.includes(given[0]!)) return
  throw badArgument(`${verb}() takes an object with one of ${names.join(', ')}`)
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
