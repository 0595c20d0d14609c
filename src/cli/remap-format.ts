/** Formats a fraction: `10.0 %`. */
export function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(1)} %`
}

/** Formats a number with separators: `100,000`. */
export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en')
}

/** Formats milliseconds: `15 min`. */
export function duration(ms: number): string {
  if (ms < 60_000) return `${rounded(ms / 1_000)} s`
  return ms < 7_200_000 ? `${rounded(ms / 60_000)} min` : `${rounded(ms / 3_600_000)} h`
}

const rounded = (value: number): number => Math.round(value * 100) / 100

/** Formats a table. Columns are aligned right, except those in the list. */
export function table(
  rows: readonly (readonly string[])[],
  leftColumns: readonly number[],
): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  const lines = rows.map((row) => {
    const cells = row.map((cell, i) => {
      return leftColumns.includes(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)
    })
    return cells.join('  ').trimEnd()
  })
  return `${lines.join('\n')}\n`
}
