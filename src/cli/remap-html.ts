import type { RemapReport } from '../simulate/remap.ts'
import type { RemapResult } from '../simulate/remap-result.ts'
import { chartStyle, cutTo, movesChart, sharesChart } from './remap-chart.ts'
import { grouped, percent } from './remap-format.ts'
import { originChart } from './remap-origin.ts'
import { markup } from './remap-svg.ts'
import { headline, remarks } from './remap-text.ts'

// A table wider than the page has a shadow on the side to which it can be scrolled.
const pageStyle = `
:root { color-scheme: light dark; --ink: #1c2733; --paper: #fff; --faint: #5c6875; --line: #d5dbe1 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8edf2; --paper: #14191f; --faint: #9aa7b4; --line: #3a4550 }
}
* { box-sizing: border-box }
body { margin: 0; padding: 1.25rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif }
main { max-width: 72rem; margin: 0 auto }
h1 { font-size: 1.4rem; line-height: 1.25; overflow-wrap: anywhere }
h2 { font-size: 1.1rem; margin-top: 2rem }
svg { display: block; width: 100%; max-width: 36rem; height: auto }
.pair { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)) }
.scroll { overflow-x: auto; background-repeat: no-repeat; background-color: var(--paper);
  background-size: 3rem 100%, 3rem 100%, 1rem 100%, 1rem 100%;
  background-position: left, right, left, right;
  background-attachment: local, local, scroll, scroll;
  background-image: linear-gradient(to right, var(--paper), transparent),
    linear-gradient(to left, var(--paper), transparent),
    linear-gradient(to right, var(--line), transparent),
    linear-gradient(to left, var(--line), transparent) }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line);
  text-align: right; white-space: nowrap }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left }
p { max-width: 44rem } .faint { color: var(--faint) }
`

/** Returns the report as one self-contained page: no script, no font, no request. */
export function remapHtml(report: RemapReport): string {
  const title = markup(headline(report))
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Keys that move: ${title}</title>
<style>${pageStyle}${chartStyle}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p>${verdict(report)}</p>
<h2>Keys that move, in percent</h2>
${movesChart(report)}
<p class="faint">Green: moves that the change needs. Orange: moves between servers that did not
change. The stroke marks how many must move if all servers have equal shares.</p>
${remarks(report)
  .map((line) => `<p>${markup(line)}</p>`)
  .join('\n')}
${origins(report)}<h2>Figures</h2>
<div class="scroll">${figures(report)}</div>
<h2>Keys per server</h2>
<p class="faint">The dotted line is an equal share. "After" is the variant of the change with the
highest share.</p>
${report.results.map((result) => shares(result, report.servers)).join('\n')}
</main>
</body>
</html>
`
}

/** Up to this share of unrelated moves, a distribution counts as moving hardly more than needed. */
const FEW = 0.02

/** Returns the conclusion of the page: which distributions move hardly more keys than necessary. */
function verdict(report: RemapReport): string {
  const { results } = report
  const [first] = results
  const few = results.filter(({ unrelated }) => unrelated <= FEW)
  const many = results.filter(({ unrelated }) => unrelated > FEW)
  const lines = [`With equal shares ${percent(first!.ideal)} of all keys have to move.`]
  if (few.length > 0) lines.push(`About as many move under ${namesOf(few)}.`)
  if (many.length > 0) lines.push(`${rangeOf(many)} move under ${namesOf(many)}.`)
  const { origin, distribution } = few[0] ?? first!
  if (origin !== undefined) {
    lines.push(
      `Under ${distribution} the origin goes from ${grouped(origin.beforePerSecond)} to ` +
        `${grouped(origin.afterPerSecond)} loads per second until the cache is warm again.`,
    )
  }
  return lines.join(' ')
}

function namesOf(results: readonly RemapResult[]): string {
  const names = [...new Set(results.map(({ distribution }) => distribution))]
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

function rangeOf(results: readonly RemapResult[]): string {
  const moved = results.map((result) => result.moved)
  const [least, most] = [percent(Math.min(...moved)), percent(Math.max(...moved))]
  return least === most ? least : `${least} to ${most}`
}

function figures(report: RemapReport): string {
  const withOrigin = report.results.some((result) => result.origin !== undefined)
  const heads = [
    'Distribution',
    'Hash',
    'Moved',
    'Unrelated',
    'Ideal',
    'Least',
    'Most',
    'Busiest / mean',
    'σ / mean',
  ]
  if (withOrigin) heads.push('Origin before /s', 'Origin after /s')
  const rows = report.results.map((result) => {
    const cells = [
      result.distribution,
      result.hash,
      percent(result.moved),
      percent(result.unrelated),
      percent(result.ideal),
      percent(result.movedMin),
      percent(result.movedMax),
      result.maxOverMean.toFixed(2),
      result.stddevOverMean.toFixed(3),
    ]
    if (result.origin !== undefined) {
      cells.push(grouped(result.origin.beforePerSecond), grouped(result.origin.afterPerSecond))
    }
    return row('td', cells)
  })
  return `<table><thead>${row('th', heads)}</thead><tbody>${rows.join('')}</tbody></table>`
}

/** Returns charts of the load on the origin over time, if the report has it. */
function origins(report: RemapReport): string {
  const charts = report.results.flatMap(({ distribution, hash, origin }) => {
    if (origin?.overTime === undefined) return []
    const { withoutHandover, withHandover } = origin.overTime
    const [without, withIt] = [withoutHandover, withHandover].map(({ extraLoads }) => {
      return grouped(extraLoads.at(-1)!.loads)
    })
    const name = markup(`${distribution} ${hash}`)
    const text = `${without} additional loads without handover, ${withIt} with it.`
    return [`<h3>${name}</h3>\n<p>${text}</p>\n${originChart(origin.overTime)}`]
  })
  if (charts.length === 0) return ''
  return `<h2>Load on the origin over time</h2>
<p class="faint">Orange: every process uses the new servers at once. Green: with handover.</p>
${charts.join('\n')}
`
}

function row(tag: 'td' | 'th', cells: readonly string[]): string {
  return `<tr>${cells.map((cell) => `<${tag}>${markup(cell)}</${tag}>`).join('')}</tr>`
}

function shares(result: RemapResult, servers: readonly string[]): string {
  const { worst } = result
  const before = sharesChart(result.shares, servers, 'Before')
  const after = sharesChart(worst.shares, worst.labels, `After ${cutTo(32, worst.change)}`)
  const name = markup(`${result.distribution} ${result.hash}`)
  return `<h3>${name}</h3>\n<div class="pair">${before}${after}</div>`
}
