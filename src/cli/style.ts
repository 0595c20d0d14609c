import { escaped } from '../secrets.ts'
import type { CliIo } from './io.ts'

/** Functions that add colours to text. Without colours they return the text unchanged. */
export interface Style {
  bold(text: string): string
  dim(text: string): string
  red(text: string): string
  green(text: string): string
  yellow(text: string): string
}

/**
 * Returns colours for a terminal; no colours if NO_COLOR is set, the terminal is dumb, or there is
 * none.
 */
export function styleOf(io: CliIo): Style {
  const { NO_COLOR, TERM } = io.env
  const isPlain = !io.isTTY || (NO_COLOR !== undefined && NO_COLOR !== '') || TERM === 'dumb'
  const mark = (on: number, off: number): ((text: string) => string) =>
    isPlain ? (text) => text : (text) => `\u001b[${on}m${text}\u001b[${off}m`
  return {
    bold: mark(1, 22),
    dim: mark(2, 22),
    red: mark(31, 39),
    green: mark(32, 39),
    yellow: mark(33, 39),
  }
}

/** A cell: its text, and a function that colours it after padding. */
export interface Cell {
  readonly text: string
  readonly mark?: ((text: string) => string) | undefined
}

/** A column: its heading, and whether it has numbers, which are aligned right. */
export interface Column {
  readonly title: string
  readonly isNumber?: boolean
}

/** Formats a table, with two blanks between columns and dim headings. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly (string | Cell)[])[],
  style: Style,
): string[] {
  const cells = rows.map((row) =>
    row.map((cell) => safe(typeof cell === 'string' ? plain(cell) : cell)),
  )
  const titles = columns.map((column): Cell => ({ text: column.title, mark: style.dim }))
  const widths = columns.map((_, index) =>
    Math.max(...[titles, ...cells].map((row) => [...(row[index]?.text ?? '')].length)),
  )
  return [titles, ...cells].map((row) =>
    row
      .map((cell, index) =>
        padded(cell, widths[index] ?? 0, columns[index], index + 1 < row.length),
      )
      .join('  '),
  )
}

const plain = (text: string): Cell => ({ text })

/** Versions, statistics and error lines come from a server: they must be escaped for a terminal. */
const safe = ({ text, mark }: Cell): Cell => ({ text: escaped(text, MAX_CELL_CHARACTERS), mark })

const MAX_CELL_CHARACTERS = 400

function padded(cell: Cell, width: number, column: Column | undefined, hasNext: boolean): string {
  const blanks = ' '.repeat(Math.max(0, width - [...cell.text].length))
  const text = cell.mark === undefined ? cell.text : cell.mark(cell.text)
  if (column?.isNumber === true) return blanks + text
  return hasNext ? text + blanks : text
}

/**
 * Formats JSON for a terminal. Also escapes the control characters that JSON.stringify leaves.
 * Writes a bigint as text, because JSON has none.
 */
export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(
    value,
    (_, member) => (typeof member === 'bigint' ? String(member) : member),
    indent,
  )
  return text.replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => {
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
    },
  )
}

/** Formats a number: `1234567` → `1.2 M`. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '-'
  for (const [size, unit] of [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e4, 'k'],
  ] as const) {
    const scale = unit === 'k' ? 1e3 : size
    if (value >= size) return `${(value / scale).toFixed(1)} ${unit}`
  }
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1)
}

/** Formats bytes: `67108864` → `64.0 MiB`. */
export function bytesText(value: number): string {
  if (!Number.isFinite(value)) return '-'
  for (const [size, unit] of [
    [1024 ** 4, 'TiB'],
    [1024 ** 3, 'GiB'],
    [1024 ** 2, 'MiB'],
    [1024, 'KiB'],
  ] as const) {
    if (value >= size) return `${(value / size).toFixed(1)} ${unit}`
  }
  return `${value.toFixed(0)} B`
}

/** Formats a fraction: `97.3 %`; `-` if it is NaN. */
export function percentText(fraction: number): string {
  return Number.isFinite(fraction) ? `${(fraction * 100).toFixed(1)} %` : '-'
}

/** Formats seconds as `3d 4h`, `4h 5m`, `5m 6s` or `6s`. */
export function ageText(seconds: number): string {
  if (!Number.isFinite(seconds)) return '-'
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [Math.floor(seconds) % 60, 's'],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  const shown = first < 0 ? parts.slice(-1) : parts.slice(first, first + 2)
  return shown.map(([count, unit]) => `${count}${unit}`).join(' ')
}
