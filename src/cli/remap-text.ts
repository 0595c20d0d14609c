import type { RemapReport } from '../simulate/remap.ts'
import type { RemapResult } from '../simulate/remap-result.ts'
import { grouped, percent, table } from './remap-format.ts'
import { originTable } from './remap-origin.ts'

const BAR_WIDTH = 24
const SHARES_SHOWN = 24

/** Formats the report as a table for the terminal. */
export function remapTable(report: RemapReport): string {
  const lines = [`${headline(report)}\n`, movesTable(report.results)]
  lines.push(...legend(report), '')
  for (const result of report.results) {
    if (result.origin === undefined) continue
    const { overTime } = result.origin
    lines.push(originLine(result))
    lines.push(
      overTime === undefined
        ? 'There are too many loads to simulate over time.'
        : originTable(overTime),
    )
  }
  lines.push(...remarks(report))
  if (report.servers.length <= SHARES_SHOWN) {
    for (const result of report.results) lines.push(`\n${sharesTable(report, result)}`)
  }
  return `${lines.join('\n')}\n`
}

/** Explains the words and the bars of the table. */
function legend({ results, trials }: RemapReport): string[] {
  const lines = [
    '█ moves that the change needs   ▒ unrelated: moves between hosts that did not change',
    'ideal: the moves between equal shares   busiest/mean: keys of the busiest host / mean',
  ]
  if (results.some(({ distribution }) => distribution === 'modula')) {
    lines.push('modula: the host is the hash modulo the number of hosts, so most keys move')
  }
  if (trials > 1) lines.push('averaged: over variants of the change, with other hosts each time')
  return lines
}

/**
 * Summarizes the report: `remove 1: 10 servers, 100,000 keys, averaged over 10 choices of hosts`.
 */
export function headline(report: RemapReport): string {
  const { change, servers, keys, trials } = report
  const fleet = `${grouped(servers.length)} server${servers.length === 1 ? '' : 's'}`
  const average = trials > 1 ? `, averaged over ${grouped(trials)} choices of hosts` : ''
  return `${change}: ${fleet}, ${grouped(keys)} keys${average}`
}

/** Returns remarks on what the figures do not show. */
export function remarks(report: RemapReport): string[] {
  const lines = report.results.flatMap((result) => {
    const why = result.remark
    return why === undefined || result.unrelated === 0 ? [] : [`${result.distribution}: ${why}.`]
  })
  const [first] = report.results
  if (first?.movedIfSkipped !== undefined) {
    const skipped = percent(first.movedIfSkipped)
    lines.push(`A host that is dead and skipped, not removed, moves only its own keys: ${skipped}.`)
  }
  if (first?.origin?.overTime !== undefined && /remove|replace/.test(report.change)) {
    lines.push('With handover, hosts that leave must stay up until their values have moved.')
  }
  return lines
}

function movesTable(results: readonly RemapResult[]): string {
  const rows = results.map((result) => [
    result.distribution,
    result.hash,
    percent(result.moved),
    bar(result.moved - result.unrelated, result.unrelated),
    percent(result.unrelated),
    percent(result.ideal),
    result.maxOverMean.toFixed(2),
  ])
  const heads = ['distribution', 'hash', 'moved', '', 'unrelated', 'ideal', 'busiest/mean']
  return table([heads, ...rows], [0, 1, 3])
}

function sharesTable(report: RemapReport, result: RemapResult): string {
  const after = new Map(result.worst.labels.map((label, i) => [label, result.worst.shares[i]!]))
  const labels = [...new Set([...report.servers, ...result.worst.labels])]
  const top = Math.max(...result.worst.shares)
  const rows = labels.map((label) => {
    const before = result.shares[report.servers.indexOf(label)]
    const then = after.get(label)
    return [
      label,
      before === undefined ? '' : percent(before),
      then === undefined ? '' : percent(then),
      bar((then ?? 0) / top, 0),
    ]
  })
  const heads = [`${result.distribution} ${result.hash}`, 'before', 'after', result.worst.change]
  return table([heads, ...rows], [0, 3])
}

function originLine(result: RemapResult): string {
  const { beforePerSecond, afterPerSecond } = result.origin!
  const times =
    beforePerSecond > 0 ? ` (${(afterPerSecond / beforePerSecond).toFixed(1)} times)` : ''
  return (
    `${result.distribution} ${result.hash}: the origin goes from ${grouped(beforePerSecond)} to ` +
    `${grouped(afterPerSecond)} loads per second${times} until moved keys are warm again`
  )
}

/** Formats the report as comma-separated values, one line per distribution. */
export function remapCsv(report: RemapReport): string {
  const heads = [
    'distribution',
    'hash',
    'servers',
    'keys',
    'trials',
    'moved',
    'unrelated',
    'ideal',
    'moved_min',
    'moved_max',
    'max_over_mean',
    'stddev_over_mean',
    'origin_before_per_second',
    'origin_after_per_second',
    'extra_loads_without_handover',
    'extra_loads_with_handover',
  ]
  const rows = report.results.map((result) => [
    result.distribution,
    result.hash,
    report.servers.length,
    report.keys,
    report.trials,
    result.moved,
    result.unrelated,
    result.ideal,
    result.movedMin,
    result.movedMax,
    result.maxOverMean,
    result.stddevOverMean,
    result.origin?.beforePerSecond ?? '',
    result.origin?.afterPerSecond ?? '',
    result.origin?.overTime?.withoutHandover.extraLoads.at(-1)?.loads ?? '',
    result.origin?.overTime?.withHandover.extraLoads.at(-1)?.loads ?? '',
  ])
  return `${[heads, ...rows].map((row) => row.join(',')).join('\r\n')}\r\n`
}

function bar(needed: number, unrelated: number): string {
  const both = Math.round(Math.min(1, needed + unrelated) * BAR_WIDTH)
  const first = Math.min(both, Math.round(needed * BAR_WIDTH))
  return '█'.repeat(first) + '▒'.repeat(both - first)
}
