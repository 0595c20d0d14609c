import { MemcachedClient } from '../client/client.ts'
import { Outcomes } from '../client/outcomes.ts'
import type { Stats } from '../client/verbs/hosts.ts'
import { isMintringError } from '../errors.ts'
import { escaped } from '../secrets.ts'
import { type CliIo, exitCodes } from './io.ts'
import {
  ageText,
  bytesText,
  type Cell,
  jsonText,
  percentText,
  type Style,
  short,
  styleOf,
  tableLines,
} from './style.ts'
import { cliTarget, parseCommand, targetHelp, targetOptions } from './target.ts'

/** What `mintring stats --help` prints. */
export const statsHelp: string = `Usage: mintring stats [SERVER…] [options]

Shows one table of all servers: version, age, items, memory, hit ratio, evictions, connections.
Exits with 1 if a server does not reply.

${targetHelp}  --section NAME         another section in full: settings, items, slabs, sizes, conns

  mintring stats --servers 10.0.0.1,10.0.0.2
  mintring stats --section settings --json
`

/** Runs `mintring stats`. Exits with 1 if a server does not reply. */
export async function statsCommand(argv: string[], io: CliIo): Promise<number> {
  const options = { ...targetOptions, section: { type: 'string' } } as const
  const { values, positionals } = parseCommand(argv, options)
  const target = cliTarget(values, positionals, io)
  await using client = new MemcachedClient(target.servers, target.behaviors)
  const stats = await statsOf(client, values.section, io.signal)
  const names = client.hosts().map((host) => host.name)
  if (values.json === true) io.out(`${asJson(names, stats)}\n`)
  else if (values.section === undefined) io.out(`${overview(names, stats, io).join('\n')}\n`)
  else io.out(`${inFull(names, stats, io).join('\n')}\n`)
  return stats.failed.size === 0 ? exitCodes.ok : exitCodes.failed
}

/** Requests statistics from all servers. If none replies, returns the error of each. */
async function statsOf(
  client: MemcachedClient,
  section: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Outcomes<Stats>> {
  try {
    return await client.stats(section, { signal })
  } catch (error) {
    if (!isMintringError(error) || error.code === 'MINTRING_ABORTED') throw error
    const none = new Outcomes<Stats>()
    for (const { name } of client.hosts()) none.failed.set(name, error)
    return none
  }
}

/** Returns a statistic as a number; NaN if the server does not report it. */
export function statistic(stats: Stats | undefined, name: string): number {
  const value = stats?.[name]
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : Number.NaN
}

function asJson(names: readonly string[], stats: Outcomes<Stats>): string {
  const rows = names.map((host) => {
    const failure = stats.failed.get(host)
    return failure === undefined
      ? { host, ok: true, stats: stats.get(host) }
      : { host, ok: false, code: failure.code, error: failure.message }
  })
  return jsonText(rows)
}

const COLUMNS = [
  { title: 'server' },
  { title: 'version' },
  { title: 'up', isNumber: true },
  { title: 'items', isNumber: true },
  { title: 'memory', isNumber: true },
  { title: 'full', isNumber: true },
  { title: 'hits', isNumber: true },
  { title: 'gets', isNumber: true },
  { title: 'sets', isNumber: true },
  { title: 'evicted', isNumber: true },
  { title: 'conns', isNumber: true },
]

function overview(names: readonly string[], all: Outcomes<Stats>, io: CliIo): string[] {
  const style = styleOf(io)
  const rows = names.map((name): (string | Cell)[] => {
    const stats = all.get(name)
    const failure = all.failed.get(name)
    return failure === undefined
      ? [name, ...hostCells(stats, style)]
      : [name, { text: failure.code, mark: style.red }]
  })
  return [...tableLines(COLUMNS, rows, style), ...failureLines(all, style)]
}

function failureLines({ failed }: Outcomes<Stats>, style: Style): string[] {
  return [...failed.values()].map((error) => style.dim(escaped(error.message, 400)))
}

function hostCells(stats: Stats | undefined, style: Style): (string | Cell)[] {
  const number = (name: string): number => statistic(stats, name)
  const evictions = number('evictions')
  return [
    String(stats?.version ?? '-'),
    ageText(number('uptime')),
    short(number('curr_items')),
    bytesText(number('bytes')),
    percentText(number('bytes') / number('limit_maxbytes')),
    percentText(number('get_hits') / number('cmd_get')),
    short(number('cmd_get')),
    short(number('cmd_set')),
    { text: short(evictions), mark: evictions > 0 ? style.yellow : undefined },
    short(number('curr_connections')),
  ]
}

/**
 * Formats a line per statistic with a column per server, so that differences stand side by side.
 */
function inFull(names: readonly string[], all: Outcomes<Stats>, io: CliIo): string[] {
  const style = styleOf(io)
  const statistics = [...new Set(names.flatMap((name) => Object.keys(all.get(name) ?? {})))]
  const columns = [{ title: '' }, ...names.map((title) => ({ title, isNumber: true }))]
  const rows = statistics.map((statistic) => [
    statistic,
    ...names.map((name) => String(all.get(name)?.[statistic] ?? '-')),
  ])
  return [...tableLines(columns, rows, style), ...failureLines(all, style)]
}
