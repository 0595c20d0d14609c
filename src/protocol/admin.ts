/**
 * Command lines for the server itself rather than for a key (doc/protocol.txt), with their CRLF.
 * Arguments are checked: MINTRING_BAD_ARGUMENT.
 */
import { badField, uint, word } from './field.ts'

const MAX_UINT32 = 4_294_967_295

/** `version`: VERSION and its text. Also the cheapest way to ask whether a server answers. */
export function versionHead(): string {
  return 'version\r\n'
}

/** `flush_all [<delay seconds>]`: OK. Everything stored before then is forgotten. */
export function flushAllHead(delaySeconds = 0): string {
  const delay = uint('delay', delaySeconds, 2_147_483_647)
  return delay === 0 ? 'flush_all\r\n' : `flush_all ${delay}\r\n`
}

/** `verbosity <level>`: OK. How much the server logs. */
export function verbosityHead(level: number): string {
  return `verbosity ${uint('level', level, MAX_UINT32)}\r\n`
}

/** `cache_memlimit <megabytes>`: OK, or a line that begins with MEMLIMIT. */
export function cacheMemlimitHead(megabytes: number): string {
  return `cache_memlimit ${uint('megabytes', megabytes, MAX_UINT32)}\r\n`
}

/**
 * `stats [<section> <argument>*]`: STAT lines and END; OK for `detail on` and `detail off`; RESET
 * for `reset`. Sections: settings, items, slabs, sizes, conns, extstore, proxy, detail, reset, …
 */
export function statsHead(section?: string, ...args: readonly string[]): string {
  if (section === undefined) return 'stats\r\n'
  return `stats ${[section, ...args].map((part) => word('section', part)).join(' ')}\r\n`
}

/** `slabs reassign <from> <to>`: OK, BUSY, BADCLASS, NOSPARE, UNSAFE, SAME. From -1: any class. */
export function slabsReassignHead(fromClass: number, toClass: number): string {
  const from = fromClass === -1 ? -1 : uint('fromClass', fromClass, 255)
  return `slabs reassign ${from} ${uint('toClass', toClass, 255)}\r\n`
}

/** `slabs automove <0|1|2>`: OK. Off, on, aggressive. */
export function slabsAutomoveHead(mode: 0 | 1 | 2): string {
  return `slabs automove ${uint('automove', mode, 2)}\r\n`
}

/** `lru mode <flat|segmented>`: OK or ERROR. */
export function lruModeHead(mode: 'flat' | 'segmented'): string {
  return `lru mode ${oneOf('mode', mode, ['flat', 'segmented'])}\r\n`
}

/** `lru temp_ttl <seconds>`: OK. Items of a shorter life go to a queue of their own; -1: none. */
export function lruTempTtlHead(seconds: number): string {
  return `lru temp_ttl ${seconds === -1 ? -1 : uint('seconds', seconds, 2_147_483_647)}\r\n`
}

/** `lru tune <hot %> <warm %> <hot age factor> <warm age factor>`: OK or ERROR. */
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

/** `lru_crawler enable` or `disable`: OK or ERROR. */
export function lruCrawlerSwitchHead(on: boolean): string {
  return `lru_crawler ${on ? 'enable' : 'disable'}\r\n`
}

/** `lru_crawler sleep <microseconds>` between items, at most a second: OK. */
export function lruCrawlerSleepHead(microseconds: number): string {
  return `lru_crawler sleep ${uint('microseconds', microseconds, 1_000_000)}\r\n`
}

/** `lru_crawler tocrawl <items>` per class and run, 0 for all: OK. */
export function lruCrawlerTocrawlHead(items: number): string {
  return `lru_crawler tocrawl ${uint('items', items, MAX_UINT32)}\r\n`
}

/** Which slab classes a crawl walks. `hash` (dumps only) walks the hash table instead. */
export type CrawlRange = 'all' | 'hash' | readonly number[]

/** `lru_crawler crawl <classes|all>`: OK, BUSY or BADCLASS. */
export function lruCrawlHead(range: Exclude<CrawlRange, 'hash'>): string {
  return `lru_crawler crawl ${crawlRange(range)}\r\n`
}

/** `lru_crawler metadump <classes|all|hash>`: a Line per item, then END; or BUSY, BADCLASS. */
export function metadumpHead(range: CrawlRange): string {
  return `lru_crawler metadump ${crawlRange(range)}\r\n`
}

/** `lru_crawler mgdump <classes|all|hash>`: Lines `mg <key> [b]`, then EN. Since 1.6.19. */
export function mgdumpHead(range: CrawlRange): string {
  return `lru_crawler mgdump ${crawlRange(range)}\r\n`
}

function crawlRange(range: CrawlRange): string {
  if (typeof range === 'string') return oneOf('range', range, ['all', 'hash'])
  if (range.length === 0) throw badField('range', 'all, hash or at least one class', '')
  return range.map((id) => uint('class', id, 255)).join(',')
}

/** What `watch` can report. */
export type WatchTopic =
  | 'fetchers'
  | 'mutations'
  | 'evictions'
  | 'connevents'
  | 'proxyreqs'
  | 'proxyevents'
  | 'proxyuser'
  | 'deletions'

/** `watch <topic>*`: OK, then a Line per event for as long as the connection lives. */
export function watchHead(topics: readonly WatchTopic[]): string {
  if (topics.length === 0) throw badField('topics', 'at least one topic', '')
  return `watch ${topics.map((topic) => word('topic', topic)).join(' ')}\r\n`
}

/** `config get cluster`, ElastiCache's discovery: one CONFIG reply, then END. */
export function configGetHead(name = 'cluster'): string {
  return `config get ${word('name', name)}\r\n`
}

/** `shutdown [graceful]`: the server ends, if it was started with -A; otherwise ERROR. */
export function shutdownHead(graceful = false): string {
  return graceful ? 'shutdown graceful\r\n' : 'shutdown\r\n'
}

/** `quit`: the server closes the connection. */
export function quitHead(): string {
  return 'quit\r\n'
}

function oneOf(name: string, value: string, choices: readonly string[]): string {
  if (choices.includes(value)) return value
  throw badField(name, choices.join(' or '), value)
}
