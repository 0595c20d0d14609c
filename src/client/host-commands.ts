import type { OptionNames } from '../arguments.ts'
import { badArgument, OPERATION_OPTIONS } from '../arguments.ts'
import type { WatchTopic } from '../protocol/admin.ts'
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
import { ClientBase } from './base.ts'
import type { OperationOptions } from './options.ts'
import { checkOptions } from './options.ts'
import type { Outcomes } from './outcomes.ts'
import type { DumpedItem, DumpedKey, DumpOptions, WatchEvent, WatchOptions } from './verbs/dumps.ts'
import { metadump, mgdump, watch } from './verbs/dumps.ts'
import type { Stats } from './verbs/hosts.ts'
import {
  cacheMemlimit,
  command,
  flushAll,
  hostNamed,
  shutdown,
  stats,
  verbosity,
  version,
} from './verbs/hosts.ts'

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

/**
 * The verbs about whole servers. They ask all hosts at once and resolve to a Map by host name, with
 * the hosts that gave no answer in its `failed`; they reject only when none answered.
 */
export class HostCommands extends ClientBase {
  /** Forgets everything on every host, at once or after `delay` seconds. */
  async flushAll(options?: FlushOptions): Promise<Outcomes<string>> {
    return flushAll(this.core, options)
  }

  /** The version of every host. */
  async version(options?: OperationOptions): Promise<Outcomes<string>> {
    return version(this.core, options)
  }

  /**
   * The statistics of every host: a section such as `settings`, `items`, `slabs`, `sizes`, `conns`,
   * or the general ones. Whole numbers are numbers, or bigints beyond 2^53.
   */
  async stats(section?: string, options?: OperationOptions): Promise<Outcomes<Stats>> {
    return stats(this.core, section, options)
  }

  /** How much every host logs: 0 little, 2 every command. */
  async verbosity(level: number, options?: OperationOptions): Promise<Outcomes<string>> {
    return verbosity(this.core, level, options)
  }

  /** Changes how much memory every host may use for items. */
  async cacheMemlimit(megabytes: number, options?: OperationOptions): Promise<Outcomes<string>> {
    return cacheMemlimit(this.core, megabytes, options)
  }

  /** Moves slabs between classes, or says whether hosts do so by themselves. */
  async slabs(change: SlabsChange, options?: OperationOptions): Promise<Outcomes<string>> {
    checkOptions('slabs', options)
    checkChange('slabs', change, ['automove', 'reassign'])
    const head =
      'automove' in change
        ? slabsAutomoveHead(change.automove)
        : slabsReassignHead(change.reassign?.from, change.reassign?.to)
    return command(this.core, head, options)
  }

  /** Changes how hosts keep items in order of use. */
  async lru(change: LruChange, options?: OperationOptions): Promise<Outcomes<string>> {
    checkOptions('lru', options)
    checkChange('lru', change, ['mode', 'tempTtlSeconds', 'tune'])
    return command(this.core, lruHead(change), options)
  }

  /** Changes, or starts, the crawler that frees expired items. */
  async lruCrawler(
    change: LruCrawlerChange,
    options?: OperationOptions,
  ): Promise<Outcomes<string>> {
    checkOptions('lruCrawler', options)
    checkChange('lruCrawler', change, ['enabled', 'sleepMicroseconds', 'tocrawl', 'crawl'])
    return command(this.core, lruCrawlerHead(change), options)
  }

  /** Lists the items of all hosts, or of one, on a connection of its own; slow readers slow it. */
  metadump(options?: DumpOptions): AsyncGenerator<DumpedItem, void, undefined> {
    return metadump(this.core, options)
  }

  /** Lists the keys of all hosts, or of one; cheaper than metadump(). */
  mgdump(options?: DumpOptions): AsyncGenerator<DumpedKey, void, undefined> {
    return mgdump(this.core, options)
  }

  /** Follows what a host reports: fetches, stores, evictions, connections. */
  watch(
    topics: WatchTopic | readonly WatchTopic[],
    options?: WatchOptions,
  ): AsyncGenerator<WatchEvent, void, undefined> {
    return watch(this.core, typeof topics === 'string' ? [topics] : topics, options)
  }

  /**
   * Ends one server, which has to be named as `hosts()` names it, and to have been started with
   * `-A`. Rejects with MINTRING_REFUSED otherwise.
   */
  async shutdown(host: string, options?: ShutdownOptions): Promise<void> {
    checkOptions('shutdown', options, SHUTDOWN_OPTIONS)
    hostNamed(this.core, host)
    return shutdown(this.core, host, options?.graceful === true, options)
  }
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
