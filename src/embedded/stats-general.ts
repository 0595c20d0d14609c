import { isSince } from '../protocol/meta-versions.ts'
import type { Engine } from './engine.ts'
import type { ClassTally } from './tally.ts'

type Row = readonly [name: string, value: string]

function row(name: string, value: number | string): Row {
  return [name, String(value)]
}

function seconds(micros: number): string {
  return (micros / 1_000_000).toFixed(6)
}

/** The first version of each row that is newer than memcached 1.4.39. */
const ROWS_SINCE: ReadonlyMap<string, string> = new Map([
  ...['max_connections', 'rejected_connections', 'cmd_meta', 'slabs_moved', 'evicted_active']
    .concat(['slab_reassign_rescues', 'slab_reassign_chunk_rescues', 'slab_reassign_running'])
    .concat(['slab_reassign_inline_reclaim', 'slab_reassign_busy_items', 'lru_crawler_starts'])
    .concat(['lru_crawler_running', 'lru_maintainer_juggles', 'moves_to_cold', 'moves_to_warm'])
    .concat(['moves_within_lru', 'direct_reclaims', 'lru_bumps_dropped', 'slab_global_page_pool'])
    .concat(['auth_enabled_ascii', 'slab_reassign_busy_deletes'])
    .map((name) => [name, '1.5.0'] as const),
  ...['store_too_large', 'store_no_memory', 'log_watchers', 'shutdown_command', 'ssl_enabled'].map(
    (name) => [name, '1.6.0'] as const,
  ),
])

/** Yields only the rows that a memcached of this version has. */
function* known(engine: Engine, rows: Iterable<Row>): Generator<Row> {
  const { version } = engine.abilities
  for (const one of rows) {
    const since = ROWS_SINCE.get(one[0])
    if (since === undefined || isSince(version, since)) yield one
  }
}

/**
 * Returns the rows of `stats`, with memcached's names and in its order. Rows for what this server
 * does not do (moving pages, yielding workers) are 0; rows about buffers that it does not have are
 * omitted. Source: server_stats() in memcached.c.
 */
export function generalRows(engine: Engine): Iterable<Row> {
  return known(engine, allRows(engine))
}

function* allRows(engine: Engine): Generator<Row> {
  yield* processRows(engine)
  yield* commandRows(engine)
  yield* networkRows(engine)
  yield* hashRows(engine)
  yield* zeroRows(PAGE_ROWS)
  yield* memoryRows(engine)
}

function* processRows(engine: Engine): Generator<Row> {
  const { store, time, tally, settings } = engine
  const usage = process.cpuUsage()
  yield row('pid', process.pid)
  yield row('uptime', time.uptime(store.now))
  yield row('time', store.now + time.processStarted)
  yield row('version', engine.abilities.version)
  yield row('pointer_size', 64)
  yield row('rusage_user', seconds(usage.user))
  yield row('rusage_system', seconds(usage.system))
  yield row('max_connections', settings.maxConnections)
  yield row('curr_connections', engine.connections().length)
  yield row('total_connections', tally.totalConnections)
  yield row('rejected_connections', tally.rejectedConnections)
  yield row('connection_structures', engine.connections().length)
}

const CLASS_TOTALS: readonly (readonly [name: string, counter: keyof ClassTally])[] = [
  ['delete_hits', 'deleteHits'],
  ['incr_hits', 'incrHits'],
  ['decr_hits', 'decrHits'],
  ['cas_hits', 'casHits'],
  ['cas_badval', 'casBadValues'],
  ['touch_hits', 'touchHits'],
]

function* commandRows(engine: Engine): Generator<Row> {
  const { tally } = engine
  yield row('cmd_get', tally.getCommands)
  yield row('cmd_set', tally.sum('setCommands'))
  yield row('cmd_flush', tally.flushCommands)
  yield row('cmd_touch', tally.touchCommands)
  yield row('cmd_meta', tally.metaCommands)
  yield row('get_hits', tally.sum('getHits'))
  yield row('get_misses', tally.getMisses)
  yield row('get_expired', tally.getExpired)
  yield row('get_flushed', tally.getFlushed)
  yield row('delete_misses', tally.deleteMisses)
  yield row('incr_misses', tally.incrMisses)
  yield row('decr_misses', tally.decrMisses)
  yield row('cas_misses', tally.casMisses)
  yield row('touch_misses', tally.touchMisses)
  for (const [name, counter] of CLASS_TOTALS) yield row(name, tally.sum(counter))
  yield row('store_too_large', tally.storeTooLarge)
  yield row('store_no_memory', tally.storeNoMemory)
  yield row('auth_cmds', tally.authCommands)
  yield row('auth_errors', tally.authErrors)
}

function* networkRows(engine: Engine): Generator<Row> {
  const { store, tally } = engine
  yield row('bytes_read', tally.bytesRead)
  yield row('bytes_written', tally.bytesWritten)
  yield row('limit_maxbytes', store.maxBytes)
  yield row('accepting_conns', 1)
  yield row('listen_disabled_num', 0)
  yield row('time_in_listen_disabled_us', 0)
  yield row('threads', 1)
  yield row('conn_yields', 0)
}

/** memcached's smallest hash table has 2^16 buckets. It doubles at 1.5 items per bucket. */
const LEAST_HASH_POWER = 16
const ITEMS_PER_PLACE = 1.5
const PLACE_BYTES = 8

/** Yields the size of the hash table that memcached would have for this many items. */
function* hashRows({ store }: Engine): Generator<Row> {
  const wanted = Math.ceil(Math.log2(Math.max(1, store.count / ITEMS_PER_PLACE)))
  const power = Math.max(LEAST_HASH_POWER, wanted)
  yield row('hash_power_level', power)
  yield row('hash_bytes', PLACE_BYTES * 2 ** power)
  yield row('hash_is_expanding', 0)
}

const PAGE_ROWS = ['slab_reassign_rescues', 'slab_reassign_chunk_rescues']
  .concat([
    'slab_reassign_inline_reclaim',
    'slab_reassign_busy_items',
    'slab_reassign_busy_deletes',
  ])
  .concat(['slab_reassign_running', 'slabs_moved', 'lru_crawler_running'])

const TAIL_ROWS = [
  'lrutail_reflocked',
  'moves_to_cold',
  'moves_to_warm',
  'moves_within_lru',
].concat(['direct_reclaims', 'lru_bumps_dropped'])

function* zeroRows(names: readonly string[]): Generator<Row> {
  for (const name of names) yield row(name, 0)
}

function* memoryRows(engine: Engine): Generator<Row> {
  const { store, tally } = engine
  yield row('lru_crawler_starts', tally.crawlerStarts)
  yield row('lru_maintainer_juggles', 0)
  yield row('malloc_fails', 0)
  yield row('log_worker_dropped', 0)
  yield row('log_worker_written', tally.watcherLines)
  yield row('log_watcher_skipped', tally.watcherSkipped)
  yield row('log_watcher_sent', tally.watcherLines)
  yield row('log_watchers', engine.watchers.count)
  yield row('bytes', store.bytes)
  yield row('curr_items', store.count)
  yield row('total_items', tally.totalItems)
  yield row('slab_global_page_pool', 0)
  yield row('expired_unfetched', tally.sum('expiredUnfetched'))
  yield row('evicted_unfetched', tally.sum('evictedUnfetched'))
  yield row('evicted_active', tally.sum('evictedActive'))
  yield row('evictions', tally.sum('evicted'))
  yield row('reclaimed', tally.sum('reclaimed'))
  yield row('crawler_reclaimed', tally.sum('crawlerReclaimed'))
  yield row('crawler_items_checked', tally.sum('crawlerItemsChecked'))
  yield* zeroRows(TAIL_ROWS)
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no'
}

/**
 * Returns the rows of `stats settings` for the settings that this server has. Source:
 * process_stat_settings().
 */
export function settingsRows(engine: Engine): Iterable<Row> {
  return known(engine, allSettings(engine))
}

function* allSettings(engine: Engine): Generator<Row> {
  const { settings, store, listensAt } = engine
  const [hotPercent, warmPercent, hotFactor, warmFactor] = engine.lruTune
  yield row('maxbytes', store.maxBytes)
  yield row('maxconns', settings.maxConnections)
  yield row('tcpport', listensAt.port)
  yield row('udpport', 0)
  yield row('verbosity', engine.verbosity)
  yield row('oldest', store.oldestLive)
  yield row('evictions', 'on')
  yield row('domain_socket', listensAt.path ?? 'NULL')
  yield row('shutdown_command', yesNo(settings.shutdown))
  yield row('growth_factor', '1.25')
  yield row('chunk_size', 48)
  yield row('num_threads', 1)
  yield row('stat_key_prefix', ':')
  yield row('detail_enabled', yesNo(engine.prefixes.enabled))
  yield row('cas_enabled', yesNo(settings.cas))
  yield row('binding_protocol', 'ascii')
  yield row('auth_enabled_sasl', 'no')
  yield row('auth_enabled_ascii', yesNo(settings.users))
  yield row('item_size_max', settings.maxItemBytes)
  yield row('maxconns_fast', 'yes')
  yield row('slab_automove', engine.slabAutomove)
  yield row('slab_automove_ratio', engine.slabAutomoveRatio.toFixed(2))
  yield row('lru_crawler', yesNo(engine.lruCrawler))
  yield row('lru_crawler_sleep', engine.crawlerSleep)
  yield row('lru_crawler_tocrawl', engine.crawlerToCrawl)
  yield row('flush_enabled', yesNo(settings.flush))
  yield row('dump_enabled', 'yes')
  yield row('lru_segmented', yesNo(engine.lruSegmented))
  yield row('hot_lru_pct', hotPercent)
  yield row('warm_lru_pct', warmPercent)
  yield row('hot_max_factor', hotFactor.toFixed(2))
  yield row('warm_max_factor', warmFactor.toFixed(2))
  yield row('temp_lru', yesNo(engine.temporaryTtl !== undefined))
  yield row('temporary_ttl', engine.temporaryTtl ?? 61)
  yield row('idle_timeout', 0)
  yield row('track_sizes', 'no')
  yield row('ssl_enabled', yesNo(settings.tls))
}
