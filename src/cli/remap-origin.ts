import type { ChangeCost, ChangeOverTime } from '../simulate/change-cost.ts'
import { duration, grouped, table } from './remap-format.ts'
import { round, svg, text, WIDTH } from './remap-svg.ts'

const BARS = '▁▂▃▄▅▆▇█'
const COLUMNS = 60
const PLOT_HEIGHT = 120
const LEFT = 12

/** Formats the load on the origin over time as a table: with handover and without. */
export function originTable(overTime: ChangeOverTime): string {
  const { withoutHandover, withHandover, beforePerSecond, stepMs } = overTime
  const ways = { without: withoutHandover, with: withHandover }
  const moments = withoutHandover.extraLoads.map(({ withinMs }) => duration(withinMs))
  const hasStale = Object.values(ways).some(({ staleReads }) => staleReads > 0)
  const heads = ['handover', ...moments, 'copied', ...(hasStale ? ['stale reads'] : [])]
  const rows = Object.entries(ways).map(([name, way]) => [
    name,
    ...way.extraLoads.map(({ loads }) => grouped(loads)),
    grouped(way.copied),
    ...(hasStale ? [grouped(way.staleReads)] : []),
  ])
  const top = highest(overTime)
  const minutes = duration(stepMs * withHandover.loadsPerSecond.length)
  const curves = Object.entries(ways).map(([name, way]) => {
    const most = grouped(Math.max(...way.loadsPerSecond))
    return `${name.padEnd(8)}${curve(way, top)}  ${most}/s at most`
  })
  const usual = `Additional loads, beyond the usual ${grouped(beforePerSecond)} per second, within`
  const lines = [usual, table([heads, ...rows], [0]), ...curves, `${' '.repeat(8)}${minutes}`]
  return `${lines.join('\n')}\n`
}

/** Draws a curve in text. A character covers several steps and shows the highest of them. */
function curve({ loadsPerSecond }: ChangeCost, top: number): string {
  return Array.from({ length: COLUMNS }, (_, i) => {
    const from = Math.floor((i * loadsPerSecond.length) / COLUMNS)
    const to = Math.floor(((i + 1) * loadsPerSecond.length) / COLUMNS)
    const height = Math.max(...loadsPerSecond.slice(from, to)) / top
    return BARS[Math.min(BARS.length - 1, Math.floor(height * BARS.length))]
  }).join('')
}

function highest({ withoutHandover, withHandover }: ChangeOverTime): number {
  return Math.max(...withoutHandover.loadsPerSecond, ...withHandover.loadsPerSecond, 1e-9)
}

/** Returns a chart of the loads per second over time, for a page with `chartStyle`. */
export function originChart(overTime: ChangeOverTime): string {
  const { withoutHandover, withHandover, stepMs } = overTime
  const top = highest(overTime)
  const steps = withHandover.loadsPerSecond.length
  const bottom = 24 + PLOT_HEIGHT
  const last = WIDTH - LEFT
  const axis = `<line class="line" x1="${LEFT}" x2="${last}" y1="${bottom}" y2="${bottom}"/>`
  const content = [
    text(LEFT, 14, 'start', `up to ${grouped(top)} loads per second`, 'faint'),
    axis,
    line('waste', withoutHandover, top),
    line('need', withHandover, top),
    text(LEFT, bottom + 16, 'start', '0', 'faint'),
    text(last, bottom + 16, 'end', duration(stepMs * steps), 'faint'),
  ]
  const label =
    `Loads per second: at most ${grouped(Math.max(...withoutHandover.loadsPerSecond))} without ` +
    `handover, ${grouped(Math.max(...withHandover.loadsPerSecond))} with it`
  return svg(bottom + 24, label, content.join(''))
}

function line(kind: string, { loadsPerSecond }: ChangeCost, top: number): string {
  const width = (WIDTH - 2 * LEFT) / loadsPerSecond.length
  const points = loadsPerSecond.map((loads, i) => {
    const y = 24 + PLOT_HEIGHT * (1 - loads / top)
    return `${round(LEFT + (i + 0.5) * width)},${round(y)}`
  })
  return `<polyline class="curve ${kind}" points="${points.join(' ')}"/>`
}
