// Small SVG pictures: bars that compare clients, lines for curves. Light or dark with the reader's
// page.
import { mkdirSync, writeFileSync } from 'node:fs'

const WIDTH = 640
const BAR_HEIGHT = 22
const NAME_WIDTH = 150
const VALUE_WIDTH = 110
const HEAD = 40
const LINES_HEIGHT = 360
const LEFT = 64
const RIGHT = 150
const FOOT = 44
const LINE = 16

const style = `text { font: 13px system-ui, sans-serif; fill: #1c2733 } .faint { fill: #6b7785 }
.line { stroke: #d5dbe1 } .paper { fill: #fff } .bar { fill: #9fb0bf } .ours { fill: #0f8a6d }
.bound { fill: #d3a93c }
@media (prefers-color-scheme: dark) { text { fill: #e8edf2 } .faint { fill: #9aa7b4 }
.line { stroke: #3a4550 } .paper { fill: #14191f } .bar { fill: #5c6b7a } }`

/** `rows`: `{ name, value, text, kind }`, kind one of `ours`, `bound`, `bar`. */
export function bars(title, rows) {
  const most = Math.max(...rows.map(({ value }) => value))
  const room = WIDTH - NAME_WIDTH - VALUE_WIDTH
  const drawn = rows.map(({ name, value, text, kind }, i) => {
    const y = HEAD + i * BAR_HEIGHT
    const width = Math.max(1, Math.round((value / most) * room))
    const label = `<text x="${NAME_WIDTH - 8}" y="${y + 14}" text-anchor="end">${name}</text>`
    const bar = `<rect class="${kind}" x="${NAME_WIDTH}" y="${y}" width="${width}" height="16"/>`
    return `${label}${bar}<text x="${NAME_WIDTH + width + 6}" y="${y + 13}">${text}</text>`
  })
  return svg(title, HEAD + rows.length * BAR_HEIGHT + 10, drawn)
}

/**
 * `series`: `{ name, colour, dash, points: [x, y][] }`. The axes `x` and `y` are the labelled
 * values, in rising order; both are logarithmic unless `linearX`, `linearY`.
 */
export function lines(axes, series) {
  const { title, xLabel, x, y, xText = String, yText, linearX = false, linearY = false } = axes
  const right = WIDTH - RIGHT
  const bottom = LINES_HEIGHT - FOOT
  const along = (value) =>
    round(LEFT + share(value, x, linearX ? Number : Math.log) * (right - LEFT))
  const scaleY = linearY ? Number : Math.log
  const up = (value) => round(bottom - share(value, y, scaleY) * (bottom - HEAD))
  const grid = y.map((value) => {
    const at = up(value)
    const label = `<text class="faint" x="${LEFT - 8}" y="${at + 4}" text-anchor="end">`
    const line = `<line class="line" x1="${LEFT}" x2="${right}" y1="${at}" y2="${at}"/>`
    return `${line}${label}${yText(value)}</text>`
  })
  const ticks = x.map((value) => {
    const at = `x="${along(value)}" y="${bottom + 18}" text-anchor="middle"`
    return `<text class="faint" ${at}>${xText(value)}</text>`
  })
  const labels = spread(series.map(({ points }) => up(points.at(-1)[1])))
  const curves = series.map(({ name, colour, dash, points }, i) => {
    const path = points.map(([px, py]) => `${along(px)},${up(py)}`).join(' ')
    const place = `x="${right + 8}" y="${labels[i] + 4}" style="fill:${colour}"`
    const stroke = `stroke="${colour}" stroke-width="2"${dash ? ` stroke-dasharray="${dash}"` : ''}`
    return `<polyline fill="none" ${stroke} points="${path}"/><text ${place}>${name}</text>`
  })
  const middle = (LEFT + right) / 2
  const below = `<text class="faint" x="${middle}" y="${LINES_HEIGHT - 8}" text-anchor="middle">`
  return svg(title, LINES_HEIGHT, [...grid, ...ticks, ...curves, `${below}${xLabel}</text>`])
}

/** Writes a picture into docs/pictures. */
export function savePicture(name, picture) {
  const folder = new URL('../docs/pictures/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  writeFileSync(new URL(`${name}.svg`, folder), picture)
}

function share(value, axis, scale) {
  const [low, high] = [scale(axis[0]), scale(axis.at(-1))]
  return (scale(value) - low) / (high - low)
}

/** Separates overlapping labels: moves them down, and up again at the bottom of the picture. */
function spread(places) {
  const order = places.map((_, i) => i).sort((a, b) => places[a] - places[b])
  const moved = [...places]
  let above = Number.NEGATIVE_INFINITY
  for (const i of order) above = moved[i] = Math.max(moved[i], above + LINE)
  let below = LINES_HEIGHT - FOOT - 4 + LINE
  for (const i of order.reverse()) below = moved[i] = Math.min(moved[i], below - LINE)
  return moved
}

function round(value) {
  return Math.round(value * 10) / 10
}

function svg(title, height, content) {
  const size = `viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${title}"`
  const open = `<svg xmlns="http://www.w3.org/2000/svg" ${size}><style>${style}</style>`
  const paper = `<rect class="paper" width="${WIDTH}" height="${height}"/>`
  const parts = [paper, `<text x="16" y="22">${title}</text>`, ...content]
  return `${open}\n${parts.join('\n')}\n</svg>\n`
}
