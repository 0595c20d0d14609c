const UNIT_SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3_600,
  d: 86_400,
  w: 604_800,
}

const DURATION = /^(\d{1,15})([smhdw])$/

/** Converts a whole number with a unit to seconds: `'5m'` → 300. Returns NaN for any other text. */
export function secondsIn(text: string): number {
  const match = DURATION.exec(text)
  return match === null ? Number.NaN : Number(match[1]) * UNIT_SECONDS[match[2]!]!
}
