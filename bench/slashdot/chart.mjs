// Draws docs/slashdot.svg from bench/results/slashdot.json, and writes the table of
// docs/slashdot.md: `node bench/slashdot/chart.mjs`.
import { readFileSync, writeFileSync } from 'node:fs'

const { runs } = JSON.parse(
  readFileSync(new URL('../results/slashdot.json', import.meta.url), 'utf8'),
)
const ways = [
  { way: 'none', label: 'no cache', colour: '#b8423a' },
  { way: 'naive', label: 'get and set', colour: '#d9a441' },
  { way: 'mintring', label: 'mintring', colour: '#2f9d6b' },
]
const panels = [
  { field: 'originCalls', title: 'calls of the origin in the run' },
  { field: 'p99Ms', title: '99th percentile, ms' },
  { field: 'answered', title: 'requests answered in the run' },
]
const users = [...new Set(runs.map((run) => run.users))].sort((a, b) => a - b)
/** No background: the picture stands on light and on dark pages. */
const STYLE =
  'text { fill: #333 } .faint { fill: #666 } .grid { stroke: #ddd } ' +
  '@media (prefers-color-scheme: dark) { ' +
  'text { fill: #e8edf2 } .faint { fill: #9aa7b4 } .grid { stroke: #3a4550 } }'
const [PANEL_WIDTH, HEIGHT, LEFT, TOP, BOTTOM] = [300, 236, 58, 58, 40]

writeFileSync(new URL('../../docs/slashdot.svg', import.meta.url), `${svg()}\n`)
const page = new URL('../../docs/slashdot.md', import.meta.url)
const text = readFileSync(page, 'utf8')
writeFileSync(page, text.replace(/(<!-- table -->\n)[\s\S]*?(<!-- \/table -->)/, `$1${table()}$2`))

function table() {
  const head = [
    '| users | | origin calls | of them per expiry | errors | answered | average | p99 |',
    '|---:|---|---:|---|---:|---:|---:|---:|',
  ]
  const rows = runs.map((run) => {
    const { label } = ways.find(({ way }) => way === run.way)
    const expiries = run.way === 'none' ? '' : run.originCallsPerExpiry.join(', ')
    const number = (value) => value.toLocaleString('en')
    const cells = [
      number(run.users),
      label,
      number(run.originCalls),
      expiries,
      number(run.errors),
      number(run.answered),
      `${number(run.averageMs)} ms`,
      `${number(run.p99Ms)} ms`,
    ]
    return `| ${cells.join(' | ')} |`
  })
  return `\n${[...head, ...rows].join('\n')}\n\n`
}

function svg() {
  const width = PANEL_WIDTH * panels.length
  const legend = ways
    .map(
      ({ label, colour }, i) =>
        `<rect x="${LEFT + i * 110}" y="10" width="12" height="12" fill="${colour}"/>` +
        `<text x="${LEFT + 18 + i * 110}" y="20">${label}</text>`,
    )
    .join('')
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${HEIGHT}" ` +
    `font-family="sans-serif" font-size="11"><style>${STYLE}</style>${legend}` +
    `${panels.map(panel).join('')}</svg>`
  )
}

/** Bars on a logarithmic scale, because the values differ by factors of thousands. */
function panel({ field, title }, index) {
  const x0 = index * PANEL_WIDTH + LEFT
  const width = PANEL_WIDTH - LEFT - 12
  const height = HEIGHT - TOP - BOTTOM
  const top = Math.ceil(Math.log10(Math.max(10, ...runs.map((run) => run[field]))))
  const y = (value) => TOP + height * (1 - Math.log10(Math.max(1, value)) / top)
  const grid = Array.from({ length: top + 1 }, (_, power) => {
    const at = y(10 ** power)
    const text = (10 ** power).toLocaleString('en')
    return (
      `<line x1="${x0}" x2="${x0 + width}" y1="${at}" y2="${at}" class="grid"/>` +
      `<text x="${x0 - 6}" y="${at + 4}" text-anchor="end" class="faint">${text}</text>`
    )
  }).join('')
  const group = width / users.length
  const bar = group / (ways.length + 1)
  const bars = users
    .map((count, i) => {
      const x = x0 + group * i
      const drawn = ways.map(({ way, colour }, j) => {
        const run = runs.find((one) => one.way === way && one.users === count)
        if (run === undefined) return ''
        const at = Math.min(y(run[field]), y(1) - 1)
        const left = (x + bar * (j + 0.5)).toFixed(1)
        const [top, width, height] = [at, bar * 0.9, y(1) - at].map((n) => n.toFixed(1))
        const size = `width="${width}" height="${height}"`
        return `<rect x="${left}" y="${top}" ${size} fill="${colour}"/>`
      })
      const label = count.toLocaleString('en')
      const place = `x="${x + group / 2}" y="${HEIGHT - 22}" text-anchor="middle"`
      return `${drawn.join('')}<text ${place} font-size="9">${label}</text>`
    })
    .join('')
  const middle = `x="${x0 + width / 2}" y="${HEIGHT - 4}" text-anchor="middle"`
  const axis = `<text ${middle} class="faint">users at once</text>`
  return `<text x="${x0}" y="${TOP - 14}" font-weight="bold">${title}</text>${grid}${bars}${axis}`
}
