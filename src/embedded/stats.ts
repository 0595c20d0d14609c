import type { Command } from '../protocol/command.ts'
import type { Engine } from './engine.ts'
import { type Exchange, type Handler, replying } from './exchange.ts'
import type { EmbeddedItem } from './item.ts'
import { generalRows, settingsRows } from './stats-general.ts'
import { connectionStats, itemsRows, slabsRows } from './stats-sections.ts'

/** Executes `stats` and its sections. Source: process_stat() in proto_text.c. */
export const generalStats: Handler = replying((exchange, command) => {
  const { engine, writer } = exchange
  const section = command.line.text(1)
  if (section === 'reset') {
    engine.resetTally()
    return 'RESET'
  }
  if (section === 'detail') return detail(exchange, command)
  if (section === 'cachedump') return cachedump(exchange, command)
  const rows = statsOf(engine, section)
  if (rows === undefined) return 'ERROR'
  for (const [name, value] of rows) writer.line(`STAT ${name} ${value}`)
  return 'END'
})

/**
 * Returns the rows of a section ('' for the general ones), or undefined if there is no such
 * section.
 */
export function statsOf(
  engine: Engine,
  section: string,
): Iterable<readonly [name: string, value: string]> | undefined {
  switch (section) {
    case '':
      return generalRows(engine)
    case 'settings':
      return settingsRows(engine)
    case 'items':
      return itemsRows(engine)
    case 'slabs':
      return slabsRows(engine)
    case 'sizes':
      return [['sizes_status', 'disabled']]
    case 'conns':
      return connectionStats(engine)
    default:
      return undefined
  }
}

function detail(exchange: Exchange, command: Command): string {
  const { writer } = exchange
  const { prefixes } = exchange.engine
  const what = command.line.text(2)
  if (what === 'dump') {
    for (const line of prefixes.lines()) writer.line(line)
    return 'END'
  }
  if (what !== 'on' && what !== 'off') {
    return 'CLIENT_ERROR usage: stats detail on|off|dump'
  }
  prefixes.enabled = what === 'on'
  return 'OK'
}

/** The largest reply to `stats cachedump`, as in memcached. */
const MAX_DUMP_BYTES = 2 * 1024 * 1024

function cachedump(exchange: Exchange, command: Command): string {
  const { engine, writer } = exchange
  const { line } = command
  if (line.count < 4) return 'CLIENT_ERROR bad command line'
  const classId = line.u32(2)
  const limit = line.u32(3)
  if (Number.isNaN(classId + limit)) return 'CLIENT_ERROR bad command line format'
  if (classId >= 64) return 'CLIENT_ERROR Illegal slab id'
  let left = limit === 0 ? Number.POSITIVE_INFINITY : limit
  let bytes = 0
  const mostRecentFirst: EmbeddedItem[] = [...engine.store.items()].reverse()
  for (const item of mostRecentFirst) {
    if (item.classId !== classId || item.binaryKey) continue
    const expiry = item.exptime === 0 ? 0 : item.exptime + engine.time.processStarted
    const row = `ITEM ${item.key} [${item.value.length} b; ${expiry} s]`
    bytes += row.length + 2
    if (left-- <= 0 || bytes > MAX_DUMP_BYTES) break
    writer.line(row)
  }
  return 'END'
}
