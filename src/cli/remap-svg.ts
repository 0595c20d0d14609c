// Narrow, so that its text can be read on a phone; it scales up elsewhere.
export const WIDTH = 400

/** A picture of its own, for a page that has `chartStyle`. */
export function svg(height: number, label: string, content: string): string {
  const box = `viewBox="0 0 ${WIDTH} ${height}"`
  return `<svg class="chart" ${box} role="img" aria-label="${markup(label)}">${content}</svg>`
}

/** A bar. */
export function rect(kind: string, x: number, y: number, width: number, height: number): string {
  const place = `x="${round(x)}" y="${round(y)}"`
  return `<rect class="${kind}" ${place} width="${round(width)}" height="${round(height)}"/>`
}

/** A label. */
export function text(x: number, y: number, anchor: string, content: string, kind = ''): string {
  return `<text class="${kind}" x="${x}" y="${y}" text-anchor="${anchor}">${content}</text>`
}

/** Two digits are enough for a picture. */
export function round(value: number): number {
  return Math.round(value * 100) / 100
}

/** Text for markup. */
export function markup(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
