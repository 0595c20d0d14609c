import { encodeBase64Key } from '../protocol/base64-key.ts'
import type { Command } from '../protocol/command.ts'
import type { Engine } from './engine.ts'
import { type Exchange, type Handler, replying } from './exchange.ts'
import type { EmbeddedItem } from './item.ts'
import { LARGEST_CLASS } from './slab-classes.ts'
import { encodeKey, WATCH_KINDS } from './watchers.ts'

const BAD_FORMAT = 'CLIENT_ERROR bad command line format'
const MEBIBYTE = 1024 * 1024
const LARGEST_MEGABYTES = 1_000_000_000

function flushAll(exchange: Exchange, command: Command): string {
  const { engine } = exchange
  const { line } = command
  const { checksNumbers, strictLines } = engine.abilities
  if (line.count > 3 && !strictLines) return 'ERROR'
  command.noreply = line.endsInNoreply()
  engine.tally.flushCommands++
  if (!engine.settings.flush) return 'CLIENT_ERROR flush_all not allowed'
  let delay = 0
  if (line.count !== (command.noreply ? 2 : 1)) {
    delay = line.i32(1)
    if (Number.isNaN(delay)) {
      if (checksNumbers) return 'CLIENT_ERROR invalid exptime argument'
      delay = 0
    }
  }
  engine.store.flush(delay)
  return 'OK'
}

function verbosity(exchange: Exchange, command: Command): string {
  const { line } = command
  const { engine } = exchange
  const { checksNumbers, strictLines } = engine.abilities
  if (!strictLines && line.count !== 2 && line.count !== 3) return 'ERROR'
  command.noreply = line.endsInNoreply()
  const level = line.u32(1)
  if (Number.isNaN(level) && checksNumbers) return BAD_FORMAT
  engine.verbosity = Math.min(level || 0, 2)
  return 'OK'
}

function cacheMemlimit(exchange: Exchange, command: Command): string {
  const { line } = command
  if (line.count !== 2 && line.count !== 3) return 'ERROR'
  command.noreply = line.endsInNoreply()
  const megabytes = line.u32(1)
  if (Number.isNaN(megabytes)) return 'ERROR'
  if (megabytes < 8) {
    return 'MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m'
  }
  if (megabytes > LARGEST_MEGABYTES) {
    const text = 'MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes'
    return text
  }
  exchange.engine.store.maxBytes = megabytes * MEBIBYTE
  return 'OK'
}

function lru(exchange: Exchange, command: Command): string {
  const { line } = command
  if (line.count < 2) return 'ERROR'
  command.noreply = line.endsInNoreply()
  return tuneLru(exchange, command)
}

function tuneLru(exchange: Exchange, command: Command): string {
  const { engine } = exchange
  const { line } = command
  if (line.is(1, 'tune') && line.count >= 6) {
    const hot = line.u32(2)
    const warm = line.u32(3)
    const hotFactor = Number.parseFloat(line.text(4))
    const warmFactor = Number.parseFloat(line.text(5))
    if (Number.isNaN(hot + warm + hotFactor + warmFactor)) return 'ERROR'
    if (hot + warm > 80) return 'ERROR hot and warm pcts must not exceed 80'
    if (hotFactor <= 0 || warmFactor <= 0) {
      return 'ERROR hot/warm age factors must be greater than 0'
    }
    engine.lruTune = [hot, warm, hotFactor, warmFactor]
    return 'OK'
  }
  if (!engine.abilities.lruModes) return 'ERROR'
  if (line.is(1, 'mode') && line.count >= 3) {
    if (!line.is(2, 'flat') && !line.is(2, 'segmented')) return 'ERROR'
    engine.lruSegmented = line.is(2, 'segmented')
    return 'OK'
  }
  if (line.is(1, 'temp_ttl') && line.count >= 3) {
    const ttl = line.i32(2)
    if (Number.isNaN(ttl)) return 'ERROR'
    engine.temporaryTtl = ttl < 0 ? undefined : ttl
    return 'OK'
  }
  return 'ERROR'
}

function slabs(exchange: Exchange, command: Command): string {
  const { line } = command
  if (line.count === 4 && line.is(1, 'reassign')) {
    return reassign(line.i32(2), line.i32(3))
  } else if (line.count >= 3 && line.is(1, 'automove')) {
    command.noreply = line.endsInNoreply()
    return automove(exchange, command)
  } else {
    return 'ERROR'
  }
}

/** This server has no slab pages to move, so no class ever has one to spare. */
function reassign(from: number, to: number): string {
  if (Number.isNaN(from) || Number.isNaN(to)) return BAD_FORMAT
  if (from === to) return 'SAME src and dst class are identical'
  const valid = (id: number): boolean => id >= 1 && id <= LARGEST_CLASS
  if ((from !== -1 && from !== 0 && !valid(from)) || (to !== 0 && !valid(to))) {
    return 'BADCLASS invalid src or dst class id'
  }
  return 'NOSPARE source class has no spare pages'
}

function automove(exchange: Exchange, command: Command): string {
  const { line } = command
  if (line.is(2, 'ratio')) {
    const ratio = Number.parseFloat(line.text(3))
    if (line.count < 4 || Number.isNaN(ratio)) return 'ERROR'
    exchange.engine.slabAutomoveRatio = ratio
    return 'OK'
  }
  const { engine } = exchange
  const level = line.u32(2)
  if (Number.isNaN(level) && engine.abilities.checksNumbers) return BAD_FORMAT
  if (level > 2) return 'ERROR'
  engine.slabAutomove = level || 0
  return 'OK'
}

function lruCrawler(exchange: Exchange, command: Command): string | undefined {
  const { engine } = exchange
  const { line } = command
  if (line.count === 2) {
    const on = line.is(1, 'enable')
    if (!on && !line.is(1, 'disable')) return 'ERROR'
    engine.lruCrawler = on
    return 'OK'
  }
  if (line.count !== 3) return 'ERROR'
  if (line.is(1, 'crawl')) return crawl(exchange, line.text(2))
  if (line.is(1, 'metadump')) return dump(exchange, command, metadumpLines)
  if (line.is(1, 'mgdump') && engine.abilities.mgdump) return dump(exchange, command, mgdumpLines)
  return tuneCrawler(exchange, command)
}

function tuneCrawler(exchange: Exchange, command: Command): string {
  const { engine } = exchange
  const { line } = command
  const sleeps = line.is(1, 'sleep')
  if (!sleeps && !line.is(1, 'tocrawl')) return 'ERROR'
  const number = line.u32(2)
  if (Number.isNaN(number)) return BAD_FORMAT
  if (sleeps && number > 1_000_000) return 'CLIENT_ERROR sleep must be one second or less'
  if (sleeps) engine.crawlerSleep = number
  else engine.crawlerToCrawl = number
  return 'OK'
}

/** Parses `all`, `hash` or class ids such as `1,2,3`. Returns undefined for an invalid class. */
function crawlClasses(engine: Engine, text: string): ReadonlySet<number> | 'all' | undefined {
  if (text === 'all' || (text === 'hash' && engine.abilities.dumpsByHash)) return 'all'
  const ids = text.split(',').filter((part) => part !== '')
  if (!ids.every((id) => /^\d+$/.test(id) && Number(id) >= 1 && Number(id) < 64)) return undefined
  return new Set(ids.map(Number))
}

function crawl(exchange: Exchange, classes: string): string {
  const { engine } = exchange
  if (!engine.lruCrawler) return 'CLIENT_ERROR lru crawler disabled'
  if (crawlClasses(engine, classes) === undefined) return 'BADCLASS invalid class id'
  engine.store.crawl()
  return 'OK'
}

type DumpLines = (engine: Engine, items: readonly EmbeddedItem[]) => Generator<string>

/** Writes what `lines` returns for each item of the requested slab classes. */
function dump(exchange: Exchange, command: Command, lines: DumpLines): string | undefined {
  const { engine, writer } = exchange
  const { store } = engine
  if (!engine.lruCrawler) return 'CLIENT_ERROR lru crawler disabled'
  const { dumpsSayOk, gathersReplies } = engine.abilities
  if (gathersReplies && writer.unsettled) {
    return `ERROR cannot pipeline other commands before ${command.line.text(1)}`
  }
  const classes = crawlClasses(engine, command.line.text(2))
  if (classes === undefined) return 'BADCLASS invalid class id'
  const items = [...store.items()].filter((item) => {
    return (classes === 'all' || classes.has(item.classId)) && store.isLive(item)
  })
  if (dumpsSayOk) writer.line('OK')
  for (const line of lines(engine, items)) writer.text(line)
  return undefined
}

function* metadumpLines(engine: Engine, items: readonly EmbeddedItem[]): Generator<string> {
  const started = engine.time.processStarted
  const { fullDumps } = engine.abilities
  for (const item of items) {
    const exp = item.exptime === 0 ? -1 : item.exptime + started
    const times = `exp=${exp} la=${item.time + started}`
    const fetch = item.fetched ? 'yes' : 'no'
    const size = fullDumps ? ` cls=${item.classId} size=${item.bytes}` : ''
    yield `key=${encodeKey(item.key)} ${times} cas=${item.cas} fetch=${fetch}${size}\n`
  }
  if (fullDumps) yield 'END\r\n'
}

function* mgdumpLines(_engine: Engine, items: readonly EmbeddedItem[]): Generator<string> {
  for (const { key, binaryKey } of items) {
    yield binaryKey ? `mg ${encodeBase64Key(key)} b\r\n` : `mg ${key}\r\n`
  }
  yield 'EN\r\n'
}

function watch(exchange: Exchange, command: Command): string | undefined {
  const { line } = command
  command.noreply = line.endsInNoreply()
  const { watchers, abilities } = exchange.engine
  if (abilities.gathersReplies && exchange.writer.unsettled)
    return 'ERROR cannot pipeline other commands before watch'
  const kinds = new Set<string>()
  for (let index = 1; index < line.count; index++) kinds.add(line.text(index))
  if (kinds.size === 0) kinds.add('fetchers')
  for (const kind of kinds) if (!WATCH_KINDS.has(kind)) return 'ERROR'
  if (watchers.full) return 'WATCHER_TOO_MANY log watcher limit reached'
  exchange.watch(kinds)
  return 'OK'
}

function shutdown(exchange: Exchange, command: Command): string | undefined {
  const { line } = command
  const { abilities, settings } = exchange.engine
  if (!settings.shutdown) {
    return abilities.strictLines
      ? 'SERVER_ERROR: shutdown not enabled'
      : 'ERROR: shutdown not enabled'
  }
  const fine = line.count === 1 || (line.count === 2 && line.is(1, 'graceful'))
  if (!fine) return 'CLIENT_ERROR invalid shutdown mode'
  exchange.shutDown()
  return undefined
}

/** Before 1.6, `version` followed by other words is an unknown command. */
function version({ engine }: Exchange, { line }: Command): string {
  const { abilities } = engine
  return line.count > 1 && !abilities.gathersReplies ? 'ERROR' : `VERSION ${abilities.version}`
}

/**
 * Executes `config get cluster` and `config set cluster`: the discovery commands of managed caches.
 */
function config(exchange: Exchange, command: Command): string | undefined {
  const { cluster } = exchange.engine
  const { line } = command
  if (!line.is(2, 'cluster')) return 'ERROR'
  if (line.is(1, 'get') && line.count === 3) {
    if (cluster.value === undefined) return 'END'
    exchange.writer.config('cluster', cluster.value)
    return undefined
  }
  if (!line.is(1, 'set') || line.count !== 5) return 'ERROR'
  if (!command.dataEndsWell) return 'CLIENT_ERROR bad data chunk'
  cluster.put(command.takeValue())
  return 'STORED'
}

/** The commands that do not concern single items, except `stats`, by verb. */
export const ADMIN_COMMANDS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['flush_all', replying(flushAll)],
  ['version', replying(version)],
  ['verbosity', replying(verbosity)],
  ['cache_memlimit', replying(cacheMemlimit)],
  ['lru', replying(lru)],
  ['slabs', replying(slabs)],
  ['lru_crawler', replying(lruCrawler)],
  ['watch', replying(watch)],
  ['shutdown', replying(shutdown)],
  ['config', replying(config)],
  ['quit', (exchange) => exchange.quit()],
])
