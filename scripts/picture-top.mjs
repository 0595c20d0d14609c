// Draws docs/pictures/top.svg: `mintring top` in a real terminal, a moment after a host was killed.
//   node --import ./scripts/typescript.mjs scripts/picture-top.mjs
import { writeFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { MemcachedClient } from '../src/client/client.ts'
import { startMemcached } from '../test/support/memcached.ts'
import { startTerminal } from '../test/support/terminal.ts'

const KEYS = 3_000
const COLUMNS = 92
const ROWS = 13
const CELL_WIDTH = 8.4
const LINE_HEIGHT = 19
const MARGIN = 16
const FONTS = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
const ESC = String.fromCharCode(27)
/** An escape code, or the text up to the next one. */
const RUNS = new RegExp(`${ESC}\\[([0-9;]*)m|([^${ESC}]+)`, 'g')
/** The escape codes that `top` uses, as colours readable on the dark background. */
const COLOURS = { 31: '#ff7b72', 32: '#7ee787', 33: '#e3b341', 2: '#8b949e' }

const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const servers = await Promise.all([startMemcached(), startMemcached(), startMemcached()])
const addresses = servers.map(({ host, port }) => `${host}:${port}`)
// With missedTtl, `owed` shows what the dead host missed.
const cache = new MemcachedClient(addresses, { missedTtl: '1h' })
let asked = 0
const load = setInterval(() => {
  for (let n = 0; n < 20; n++) void readOrWrite(`key:${(asked++ * 7919) % KEYS}`)
}, 10)
// The cache is warm before the picture: every key was read once.
while (asked < 2 * KEYS) await new Promise((wake) => setTimeout(wake, 100))
const node = `${process.execPath} --import ./scripts/typescript.mjs`
const command = `${node} ${main} top ${addresses.join(' ')}`
const terminal = startTerminal(command, COLUMNS, ROWS)
try {
  await terminal.waitFor(/^all +3 of 3 +[1-9]/m)
  await servers[1].kill()
  await terminal.waitFor(/^127\S+ +ejected.* [1-9]\d* +- +-/m)
  const screen = terminal.screen(true)
  writeFileSync(new URL('../docs/pictures/top.svg', import.meta.url), picture(screen))
} finally {
  terminal.end()
  clearInterval(load)
  await cache.close()
  await Promise.all(servers.map((server) => server.stop()))
}

async function readOrWrite(key) {
  const found = await cache.get(key).catch(() => null)
  if (found === undefined || asked % 20 === 0) await cache.set(key, key).catch(() => null)
}

function picture(screen) {
  const lines = screen.trimEnd().split('\n')
  const width = Math.ceil(COLUMNS * CELL_WIDTH + 2 * MARGIN)
  const height = lines.length * LINE_HEIGHT + 2 * MARGIN
  const texts = lines.map((line, index) => {
    const y = MARGIN + (index + 0.75) * LINE_HEIGHT
    return `<text x="${MARGIN}" y="${y.toFixed(1)}" xml:space="preserve">${spans(line)}</text>`
  })
  const size = `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`
  const label = 'aria-label="mintring top, with one of three hosts ejected"'
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" ${label}>
<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>
<g font-family="${FONTS}" font-size="14" fill="#e6edf3">
${texts.join('\n')}
</g>
</svg>
`
}

/** One line: its coloured runs, each at its own column, so that no font can move the next one. */
function spans(line) {
  const runs = []
  let marks = []
  let column = 0
  for (const [, codes, text] of line.matchAll(RUNS)) {
    if (text === undefined) {
      // 0 ends all styles; 22 and 39 end those that `top` uses, which are never combined.
      for (const code of codes.split(';')) {
        marks = ['', '0', '22', '39'].includes(code) ? [] : [...marks, code]
      }
      continue
    }
    const colour = marks.map((mark) => COLOURS[mark]).find(Boolean)
    const weight = marks.includes('1') ? ' font-weight="bold"' : ''
    const style = colour === undefined ? weight : `${weight} fill="${colour}"`
    const x = (MARGIN + column * CELL_WIDTH).toFixed(1)
    const length = (text.length * CELL_WIDTH).toFixed(1)
    if (text.trim() !== '') {
      runs.push(`<tspan x="${x}" textLength="${length}"${style}>${escaped(text)}</tspan>`)
    }
    column += text.length
  }
  return runs.join('')
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
