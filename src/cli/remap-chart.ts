import type { RemapReport } from '../simulate/remap.ts'
import type { RemapResult } from '../simulate/remap-result.ts'
import { percent } from './remap-format.ts'
import { markup, rect, round, svg, text, WIDTH } from './remap-svg.ts'
import { headline } from './remap-text.ts'

const PLOT = 280
const ROW = 44
const COLUMNS = 200
/** The most servers whose bars have names: a chart of more servers has narrow bars without. */
const NAMED = 24
const NAME_CHARACTERS = 24

/** Colours for light and dark pages, as CSS. */
export const chartStyle: string = `
.chart { --ink: #1c2733; --faint: #6b7785; --line: #d5dbe1;
  --need: #0f8a6d; --waste: #d9663a; --host: #3f7fbf }
@media (prefers-color-scheme: dark) {
  .chart { --ink: #e8edf2; --faint: #9aa7b4; --line: #3a4550;
    --need: #36c39c; --waste: #f0905f; --host: #74aee6 }
}
.chart text { fill: var(--ink); font: 13px system-ui, sans-serif }
.chart .faint { fill: var(--faint) }
.chart .need { fill: var(--need) }
.chart .waste { fill: var(--waste) }
.chart .host { fill: var(--host) }
.chart .line { stroke: var(--line) }
.chart .curve { fill: none; stroke-width: 2 }
.chart .curve.need { stroke: var(--need) }
.chart .curve.waste { stroke: var(--waste) }
.chart .ideal { stroke: var(--ink); stroke-width: 2 }
`

const paperStyle = `
.chart .paper { fill: #fff }
@media (prefers-color-scheme: dark) { .chart .paper { fill: #14191f } }
`

/** Returns the report as one SVG file. */
export function remapSvg(report: RemapReport): string {
  const height = movesHeight(report) + 40
  const title = markup(headline(report))
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${WIDTH} ${height}" ` +
    `role="img" aria-label="${title}"><title>${title}</title><style>${chartStyle}` +
    `${paperStyle}` +
    `</style><rect class="paper" width="${WIDTH}" height="${height}"/>` +
    `<text x="12" y="24">${markup(headline(report).slice(0, 60))}</text>` +
    `<g transform="translate(0 32)">${moves(report)}</g></svg>\n`
  )
}

/** Returns a chart of how many keys move under each distribution, for a page with `chartStyle`. */
export function movesChart(report: RemapReport): string {
  const rows = report.results.map((r) => `${r.distribution} moves ${percent(r.moved)}`).join(', ')
  return svg(movesHeight(report), `Keys that move: ${rows}`, moves(report))
}

function movesHeight(report: RemapReport): number {
  return report.results.length * ROW + 30
}

function moves(report: RemapReport): string {
  const bottom = report.results.length * ROW
  const ticks = [0, 25, 50, 75, 100].map((value) => {
    const x = 12 + (value / 100) * PLOT
    const line = `<line class="line" x1="${x}" x2="${x}" y1="4" y2="${bottom}"/>`
    return `${line}${text(x, bottom + 16, 'middle', String(value), 'faint')}`
  })
  const rows = report.results.map((result, i) => moveRow(result, i * ROW))
  return `${ticks.join('')}${rows.join('')}`
}

function moveRow(result: RemapResult, y: number): string {
  const needed = (result.moved - result.unrelated) * PLOT
  const ideal = round(12 + result.ideal * PLOT)
  const hash = `<tspan class="faint">${result.hash}</tspan>`
  return [
    `<text x="12" y="${y + 16}">${result.distribution} ${hash}</text>`,
    rect('need', 12, y + 21, needed, 15),
    rect('waste', 12 + needed, y + 21, result.unrelated * PLOT, 15),
    `<line class="ideal" x1="${ideal}" x2="${ideal}" y1="${y + 19}" y2="${y + 38}"/>`,
    text(WIDTH - 12, y + 33, 'end', percent(result.moved)),
  ].join('')
}

/**
 * Returns a chart of each server's share of the keys: before the change, or after its worst
 * variant.
 */
export function sharesChart(
  shares: readonly number[],
  names: readonly string[],
  label: string,
): string {
  if (shares.length <= NAMED) return namedShares(shares, names, label)
  const columns = downsampled(shares)
  const top = Math.max(...shares, 1e-9)
  const width = (WIDTH - 24) / columns.length
  const bars = columns.map((share, i) => {
    const height = (share / top) * 80
    return rect('host', 12 + i * width, 96 - height, width * 0.8, height)
  })
  const mean = round(96 - (1 / shares.length / top) * 80)
  const ends = `x1="12" x2="${WIDTH - 12}" y1="${mean}" y2="${mean}"`
  const note = text(12, 12, 'start', `${markup(label)}, highest ${percent(top)}`, 'faint')
  const content = `${note}${bars.join('')}<line class="ideal" ${ends} stroke-dasharray="2 4"/>`
  return svg(102, `${label}: the highest of ${shares.length} shares is ${percent(top)}`, content)
}

function namedShares(shares: readonly number[], names: readonly string[], label: string): string {
  const top = Math.max(...shares, 1e-9)
  const [left, plot, row] = [150, 180, 20]
  const bottom = 24 + shares.length * row
  const rows = shares.map((share, i) => {
    const y = 24 + i * row
    const name = text(12, y + 12, 'start', markup(cutTo(NAME_CHARACTERS, names[i]!)))
    const bar = rect('host', left, y + 2, (share / top) * plot, row - 6)
    return `${name}${bar}${text(WIDTH - 12, y + 12, 'end', percent(share))}`
  })
  const mean = round(left + (1 / shares.length / top) * plot)
  const line = `<line class="ideal" x1="${mean}" x2="${mean}" y1="22" y2="${bottom - 2}" `
  const note = text(12, 12, 'start', markup(label), 'faint')
  const content = `${note}${rows.join('')}${line}stroke-dasharray="2 4"/>`
  return svg(bottom, `${label}: the highest of ${shares.length} shares is ${percent(top)}`, content)
}

/** Cuts a text to so many characters. */
export function cutTo(characters: number, label: string): string {
  return label.length > characters ? `${label.slice(0, characters - 1)}…` : label
}

/** Reduces the shares to at most 200 columns. A column shows the highest share of its servers. */
function downsampled(shares: readonly number[]): readonly number[] {
  if (shares.length <= COLUMNS) return shares
  return Array.from({ length: COLUMNS }, (_, i) => {
    const from = Math.floor((i * shares.length) / COLUMNS)
    const to = Math.floor(((i + 1) * shares.length) / COLUMNS)
    return Math.max(...shares.slice(from, to))
  })
}
