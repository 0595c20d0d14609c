import { isSince } from '../protocol/meta-versions.ts'
import type { Engine } from './engine.ts'
import type { EmbeddedItem } from './item.ts'
import { chunksOf, SLAB_PAGE_BYTES } from './slab-classes.ts'

type Row = readonly [name: string, value: string]

/** The id of the listening socket in `stats conns`; connections have ids from 1. */
const LISTENER_ID = 0

/** Groups the items by class. */
function byClass(engine: Engine): ReadonlyMap<number, readonly EmbeddedItem[]> {
  const classes = new Map<number, EmbeddedItem[]>()
  for (const item of engine.store.items()) {
    const others = classes.get(item.classId)
    if (others === undefined) classes.set(item.classId, [item])
    else others.push(item)
  }
  return new Map([...classes].sort(([a], [b]) => a - b))
}

/**
 * Yields the rows of `stats items`. memcached has one LRU per class, this server one for all; ages
 * are per class.
 */
export function* itemsRows(engine: Engine): Generator<Row> {
  const { store, tally, abilities } = engine
  const isSegmented = abilities.lruModes
  for (const [classId, items] of byClass(engine)) {
    const counters = tally.classes[classId]!
    const rows: readonly (readonly [string, number])[] = [
      ['number', items.length],
      ['age', store.now - items[0]!.time],
      ['evicted', counters.evicted],
      ['evicted_nonzero', counters.evictedNonzero],
      ['evicted_time', counters.evictedTime],
      ['outofmemory', counters.outOfMemory],
      ['reclaimed', counters.reclaimed],
      ['expired_unfetched', counters.expiredUnfetched],
      ['evicted_unfetched', counters.evictedUnfetched],
      ['crawler_reclaimed', counters.crawlerReclaimed],
      ['crawler_items_checked', counters.crawlerItemsChecked],
      ...[...NEVER, ...(isSegmented ? NEVER_OF_SEGMENTS : [])].map((name) => [name, 0] as const),
      ...(isSegmented ? ([['number_cold', items.length]] as const) : []),
      ...(isSegmented ? ([['hits_to_cold', counters.getHits]] as const) : []),
      ...(hasMemory(engine, 'items') ? [requested(items)] : []),
    ]
    for (const [name, value] of rows) yield [`items:${classId}:${name}`, String(value)]
  }
}

/** Counters that are always 0, because this server never does what they count. */
const NEVER = ['tailrepairs', 'lrutail_reflocked']

/** Counters that are always 0, because this server has one LRU list: all items count as cold. */
const NEVER_OF_SEGMENTS = [
  ...['number_hot', 'number_warm', 'age_hot', 'age_warm', 'evicted_active', 'direct_reclaims'],
  ...['moves_to_cold', 'moves_to_warm', 'moves_within_lru'],
  ...['hits_to_hot', 'hits_to_warm', 'hits_to_temp'],
]

/** memcached 1.5.17 moved `mem_requested` from slabs to items. */
function hasMemory({ abilities }: Engine, section: 'items' | 'slabs'): boolean {
  return isSince(abilities.version, '1.5.17') === (section === 'items')
}

function requested(items: readonly EmbeddedItem[]): readonly [string, number] {
  return ['mem_requested', items.reduce((bytes, item) => bytes + item.bytes, 0)]
}

/** Yields the rows of `stats slabs`: the pages that memcached would need for these items. */
export function* slabsRows(engine: Engine): Generator<Row> {
  let pages = 0
  const classes = byClass(engine)
  for (const [classId, items] of classes) {
    const counters = engine.tally.classes[classId]!
    const chunk = chunksOf(classId)
    const used = items.reduce((sum, item) => sum + Math.ceil(item.bytes / chunk.bytes), 0)
    const needed = Math.ceil(used / chunk.perPage)
    pages += needed
    const rows: readonly (readonly [string, number])[] = [
      ['chunk_size', chunk.bytes],
      ['chunks_per_page', chunk.perPage],
      ['total_pages', needed],
      ['total_chunks', needed * chunk.perPage],
      ['used_chunks', used],
      ['free_chunks', needed * chunk.perPage - used],
      ['free_chunks_end', 0],
      ['get_hits', counters.getHits],
      ['cmd_set', counters.setCommands],
      ['delete_hits', counters.deleteHits],
      ['incr_hits', counters.incrHits],
      ['decr_hits', counters.decrHits],
      ['cas_hits', counters.casHits],
      ['cas_badval', counters.casBadValues],
      ['touch_hits', counters.touchHits],
      ...(hasMemory(engine, 'slabs') ? [requested(items)] : []),
    ]
    for (const [name, value] of rows) yield [`${classId}:${name}`, String(value)]
  }
  yield ['active_slabs', String(classes.size)]
  yield ['total_malloced', String(pages * SLAB_PAGE_BYTES)]
}

/** Yields the rows of `stats conns`: the listening socket, then the connections. */
export function* connectionStats(engine: Engine): Generator<Row> {
  const { store, listensAt, watchers } = engine
  const { host, port, path } = listensAt
  yield [`${LISTENER_ID}:addr`, path === undefined ? `tcp:${host}:${port}` : `unix:${path}`]
  yield [`${LISTENER_ID}:state`, 'conn_listening']
  yield [`${LISTENER_ID}:secs_since_last_cmd`, String(engine.time.uptime(store.now))]
  for (const { id, address, listenAddress, lastCommandSecond } of engine.connections()) {
    yield [`${id}:addr`, address]
    if (isSince(engine.abilities.version, '1.5.17')) yield [`${id}:listen_addr`, listenAddress]
    yield [`${id}:state`, id === watchers.currentId ? 'conn_parse_cmd' : 'conn_read']
    yield [`${id}:secs_since_last_cmd`, String(engine.store.now - lastCommandSecond)]
  }
}
