// The width of pictures. Narrow, so that text is readable on a phone; elsewhere pictures scale up.
export const WIDTH = 400

/** Returns an SVG picture for a page with `chartStyle`. */
export function svg(height: number, label: string, content: string): string {
  const box = `viewBox="0 0 ${WIDTH} ${height}"`
  return `<svg class="chart" ${box} role="img" aria-label="${markup(label)}">${content}</svg>`
}

/** Returns the SVG element of a bar, with `kind` as its CSS class. */
export function rect(kind: string, x: number, y: number, width: number, height: number): string {
  const place = `x="${round(x)}" y="${round(y)}"`
  return `<rect class="${kind}" ${place} width="${round(width)}" height="${round(height)}"/>`
}

/** Returns the SVG element of a text, with `kind` as its CSS class. */
export function text(x: number, y: number, anchor: string, content: string, kind = ''): string {
  return `<text class="${kind}" x="${x}" y="${y}" text-anchor="${anchor}">${content}</text>`
}

/** Rounds a coordinate to two decimals, which is enough for a picture. */
export function round(value: number): number {
  return Math.round(value * 100) / 100
}

/** Escapes text for HTML and SVG. */
export function markup(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
