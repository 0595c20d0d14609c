/**
 * Encodes commands for the server itself rather than for a key (doc/protocol.txt). Each function
 * returns the command line with its CRLF, and throws MINTRING_BAD_ARGUMENT for invalid arguments.
 */
import { badField, uint, word } from './field.ts'

const MAX_UINT32 = 4_294_967_295

/**
 * Encodes `version`. Reply: VERSION and a text. Also the cheapest way to check that a server
 * replies.
 */
export function versionHead(): string {
  return 'version\r\n'
}

/**
 * Encodes `flush_all [<delay seconds>]`. Reply: OK. After the delay, all items stored before are
 * gone.
 */
export function flushAllHead(delaySeconds = 0): string {
  const delay = uint('delay', delaySeconds, 2_147_483_647)
  return delay === 0 ? 'flush_all\r\n' : `flush_all ${delay}\r\n`
}

/** Encodes `verbosity <level>`: how much the server logs. Reply: OK. */
export function verbosityHead(level: number): string {
  return `verbosity ${uint('level', level, MAX_UINT32)}\r\n`
}

/** Encodes `cache_memlimit <megabytes>`. Reply: OK, or a Line that begins with MEMLIMIT. */
export function cacheMemlimitHead(megabytes: number): string {
  return `cache_memlimit ${uint('megabytes', megabytes, MAX_UINT32)}\r\n`
}

/**
 * Encodes `stats [<section> <argument>*]`. Replies: STAT lines and END; OK for `detail on` and
 * `detail off`; RESET for `reset`. Sections: settings, items, slabs, sizes, conns, extstore, proxy,
 * detail, reset, …
 */
export function statsHead(section?: string, ...args: readonly string[]): string {
  if (section === undefined) return 'stats\r\n'
  return `stats ${[section, ...args].map((part) => word('section', part)).join(' ')}\r\n`
}

/**
 * Encodes `slabs reassign <from> <to>`. Replies: OK, BUSY, BADCLASS, NOSPARE, UNSAFE, SAME. A
 * `fromClass` of -1 means any class.
 */
export function slabsReassignHead(fromClass: number, toClass: number): string {
  const from = fromClass === -1 ? -1 : uint('fromClass', fromClass, 255)
  return `slabs reassign ${from} ${uint('toClass', toClass, 255)}\r\n`
}

/** Encodes `slabs automove <mode>`: 0 off, 1 on, 2 aggressive. Reply: OK. */
export function slabsAutomoveHead(mode: 0 | 1 | 2): string {
  return `slabs automove ${uint('automove', mode, 2)}\r\n`
}

/** Encodes `lru mode <flat|segmented>`. Replies: OK, ERROR. */
export function lruModeHead(mode: 'flat' | 'segmented'): string {
  return `lru mode ${oneOf('mode', mode, ['flat', 'segmented'])}\r\n`
}

/**
 * Encodes `lru temp_ttl <seconds>`. Reply: OK. Items with a shorter ttl go to an LRU queue of their
 * own; -1 turns that off.
 */
export function lruTempTtlHead(seconds: number): string {
  return `lru temp_ttl ${seconds === -1 ? -1 : uint('seconds', seconds, 2_147_483_647)}\r\n`
}

/** Encodes `lru tune <hot %> <warm %> <hot age factor> <warm age factor>`. Replies: OK, ERROR. */
export function lruTuneHead(
  percentHot: number,
  percentWarm: number,
  hotAgeFactor: number,
  warmAgeFactor: number,
): string {
  const percents = `${uint('percentHot', percentHot, 100)} ${uint('percentWarm', percentWarm, 100)}`
  const hot = factor('hotAgeFactor', hotAgeFactor)
  return `lru tune ${percents} ${hot} ${factor('warmAgeFactor', warmAgeFactor)}\r\n`
}

function factor(name: string, value: number): string {
  if (Number.isFinite(value) && value > 0 && value < 1e6) return value.toFixed(3)
  throw badField(name, 'a number above 0', value)
}

/** Encodes `lru_crawler enable` or `lru_crawler disable`. Replies: OK, ERROR. */
export function lruCrawlerSwitchHead(on: boolean): string {
  return `lru_crawler ${on ? 'enable' : 'disable'}\r\n`
}

/**
 * Encodes `lru_crawler sleep <microseconds>`: the pause between items, at most a second. Reply: OK.
 */
export function lruCrawlerSleepHead(microseconds: number): string {
  return `lru_crawler sleep ${uint('microseconds', microseconds, 1_000_000)}\r\n`
}

/**
 * Encodes `lru_crawler tocrawl <items>`: the limit per class and run; 0 means no limit. Reply: OK.
 */
export function lruCrawlerTocrawlHead(items: number): string {
  return `lru_crawler tocrawl ${uint('items', items, MAX_UINT32)}\r\n`
}

/** The slab classes that a crawl visits. `hash` (dumps only) visits the hash table instead. */
export type CrawlRange = 'all' | 'hash' | readonly number[]

/** Encodes `lru_crawler crawl <classes|all>`. Replies: OK, BUSY, BADCLASS. */
export function lruCrawlHead(range: Exclude<CrawlRange, 'hash'>): string {
  return `lru_crawler crawl ${crawlRange(range)}\r\n`
}

/**
 * Encodes `lru_crawler metadump <classes|all|hash>`. Replies: a Line per item, then END; or BUSY,
 * BADCLASS.
 */
export function metadumpHead(range: CrawlRange): string {
  return `lru_crawler metadump ${crawlRange(range)}\r\n`
}

/**
 * Encodes `lru_crawler mgdump <classes|all|hash>`. Replies: Lines `mg <key> [b]`, then EN. Since
 * memcached 1.6.19.
 */
export function mgdumpHead(range: CrawlRange): string {
  return `lru_crawler mgdump ${crawlRange(range)}\r\n`
}

function crawlRange(range: CrawlRange): string {
  if (typeof range === 'string') return oneOf('range', range, ['all', 'hash'])
  if (range.length === 0) throw badField('range', 'all, hash or at least one class', '')
  return range.map((id) => uint('class', id, 255)).join(',')
}

/** The kinds of events that `watch` can report. */
export type WatchTopic =
  | 'fetchers'
  | 'mutations'
  | 'evictions'
  | 'connevents'
  | 'proxyreqs'
  | 'proxyevents'
  | 'proxyuser'
  | 'deletions'

/** Encodes `watch <topic>*`. Replies: OK, then a Line per event until the connection closes. */
export function watchHead(topics: readonly WatchTopic[]): string {
  if (topics.length === 0) throw badField('topics', 'at least one topic', '')
  return `watch ${topics.map((topic) => word('topic', topic)).join(' ')}\r\n`
}

/** Encodes `config get cluster`, with which ElastiCache lists its nodes. Replies: CONFIG, END. */
export function configGetHead(name = 'cluster'): string {
  return `config get ${word('name', name)}\r\n`
}

/** Encodes `shutdown [graceful]`. A server started with `-A` exits; others reply ERROR. */
export function shutdownHead(graceful = false): string {
  return graceful ? 'shutdown graceful\r\n' : 'shutdown\r\n'
}

/** Encodes `quit`: the server closes the connection. */
export function quitHead(): string {
  return 'quit\r\n'
}

function oneOf(name: string, value: string, choices: readonly string[]): string {
  if (choices.includes(value)) return value
  throw badField(name, choices.join(' or '), value)
}
