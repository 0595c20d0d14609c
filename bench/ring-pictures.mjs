// Draws docs/pictures/remap-remove.svg, remap-add.svg and ring-imbalance.svg from the committed
// bench/results/remap-curve.json: `node --import tsx bench/ring-pictures.ts`.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'

interface Series {
  readonly name: string
  readonly colour: string
  readonly dash?: string
  readonly points: readonly (readonly [number, number])[]
}

interface Axes {
  readonly title: string
  readonly xLabel: string
  readonly x: readonly number[]
  readonly y: readonly number[]
  readonly yText: (value: number) => string
  readonly logY: boolean
}

const WIDTH = 640
const HEIGHT = 400
const LEFT = 56
const RIGHT = 190
const TOP = 40
const BOTTOM = 44

const style = `text { font: 13px system-ui, sans-serif; fill: #1c2733 } .faint { fill: #6b7785 }
.line { stroke: #d5dbe1 } .paper { fill: #fff }
@media (prefers-color-scheme: dark) { text { fill: #e8edf2 } .faint { fill: #9aa7b4 }
.line { stroke: #3a4550 } .paper { fill: #14191f } }`

function picture(axes: Axes, series: readonly Series[]): string {
  const [xLow, xHigh] = [Math.log(axes.x[0]!), Math.log(axes.x.at(-1)!)]
  const scaleY = axes.logY ? Math.log : (value: number) => value
  const [yLow, yHigh] = [scaleY(axes.y[0]!), scaleY(axes.y.at(-1)!)]
  const x = (value: number): number =>
    round(LEFT + ((Math.log(value) - xLow) / (xHigh - xLow)) * (WIDTH - LEFT - RIGHT))
  const y = (value: number): number =>
    round(HEIGHT - BOTTOM - ((scaleY(value) - yLow) / (yHigh - yLow)) * (HEIGHT - TOP - BOTTOM))
  const right = WIDTH - RIGHT
  const grid = axes.y.map((value) => {
    const label = `<text class="faint" x="${LEFT - 8}" y="${y(value) + 4}" text-anchor="end">`
    const line = `<line class="line" x1="${LEFT}" x2="${right}" y1="${y(value)}" y2="${y(value)}"/>`
    return `${line}${label}${axes.yText(value)}</text>`
  })
  const ticks = axes.x.map((value) => {
    const at = `x="${x(value)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle"`
    return `<text class="faint" ${at}>${value}</text>`
  })
  const labels = spread(series.map(({ points }) => y(points.at(-1)![1])))
  const lines = series.map(({ name, colour, dash, points }, i) => {
    const path = points.map(([px, py]) => `${x(px)},${y(py)}`).join(' ')
    const stroke = `stroke="${colour}" stroke-width="2"${dash ? ` stroke-dasharray="${dash}"` : ''}`
    const place = `x="${right + 10}" y="${labels[i]! + 4}" style="fill:${colour}"`
    const key = `<text ${place}>${name}</text>`
    return `<polyline fill="none" ${stroke} points="${path}"/>${key}`
  })
  const size = `viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${axes.title}"`
  const heading = `<text x="${LEFT}" y="22">${axes.title}</text>`
  const middle = (LEFT + right) / 2
  const below = `x="${middle}" y="${HEIGHT - 8}" text-anchor="middle"`
  const xLabel = `<text class="faint" ${below}>${axes.xLabel}</text>`
  const paper = `<rect class="paper" width="${WIDTH}" height="${HEIGHT}"/>`
  const content = [paper, heading, xLabel, ...grid, ...ticks, ...lines].join('\n')
  const open = `<svg xmlns="http://www.w3.org/2000/svg" ${size}>`
  return `${open}<style>${style}</style>\n${content}\n</svg>\n`
}

/** Moves labels apart that would lie on each other. */
function spread(places: readonly number[]): number[] {
  const order = places.map((place, i) => ({ place, i })).sort((a, b) => a.place - b.place)
  const moved = [...places]
  let last = Number.NEGATIVE_INFINITY
  for (const { place, i } of order) {
    last = Math.max(place, last + 16)
    moved[i] = last
  }
  const over = Math.max(0, last - (HEIGHT - BOTTOM + 8))
  return moved.map((place) => place - over)
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

const file = new URL('results/remap-curve.json', import.meta.url)
const { curve, imbalance } = JSON.parse(readFileSync(file, 'utf8')) as {
  curve: { distribution: string; hosts: number; change: string; moved: number; ideal: number }[]
  imbalance: { points: number; hosts: number; maxOverMean: number }[]
}

const colours: Readonly<Record<string, string>> = {
  modula: '#d9663a',
  ketama: '#0f8a6d',
  nginx: '#3f7fbf',
  dalli: '#8b5fc7',
  rendezvous: '#b58a1b',
  maglev: '#c2407f',
  jump: '#5c6b7a',
}

for (const change of ['remove', 'add']) {
  const of = (name: string): typeof curve =>
    curve.filter((point) => point.distribution === name && point.change === change)
  const series = Object.entries(colours).map(([name, colour]): Series => {
    return { name, colour, points: of(name).map(({ hosts, moved }) => [hosts, moved]) }
  })
  const ideal = of('ketama').map(({ hosts, ideal: least }) => [hosts, least] as const)
  const least: Series = {
    name: 'the fewest possible',
    colour: '#888888',
    dash: '3 4',
    points: ideal,
  }
  const axes: Axes = {
    title: `Keys that move when one of n hosts ${change === 'remove' ? 'leaves' : 'joins'}`,
    xLabel: 'hosts before the change',
    x: [2, 5, 10, 20, 50, 100],
    y: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1],
    yText: (value) => `${value * 100} %`,
    logY: true,
  }
  write(`remap-${change}`, picture(axes, [...series, least]))
}

const shades = ['#3f7fbf', '#0f8a6d', '#b58a1b', '#d9663a', '#c2407f']
write(
  'ring-imbalance',
  picture(
    {
      title: 'Load of the busiest host over the mean',
      xLabel: 'points per host',
      x: [40, 100, 160, 640],
      y: [1, 1.1, 1.2, 1.3, 1.4, 1.5],
      yText: (value) => value.toFixed(1),
      logY: false,
    },
    [3, 5, 10, 50, 100].map((hosts, i): Series => {
      const rows = imbalance.filter((row) => row.hosts === hosts)
      const points = rows.map((row) => [row.points, row.maxOverMean] as const)
      return { name: `${hosts} hosts`, colour: shades[i]!, points }
    }),
  ),
)

function write(name: string, svg: string): void {
  const folder = new URL('../docs/pictures/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  writeFileSync(new URL(`${name}.svg`, folder), svg)
}
