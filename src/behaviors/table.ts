import type { Row } from './row.ts'
import { connectionRows } from './rows/connections.ts'
import { healthRows } from './rows/health.ts'
import { placementRows } from './rows/placement.ts'
import { refillRows } from './rows/refill.ts'
import { valueRows } from './rows/values.ts'

/** A part of the table, with its heading in docs/behaviors.md. */
export interface Section {
  readonly title: string
  readonly rows: readonly Row[]
}

/**
 * All behaviors. The TypeScript type, the checks, the environment variables, `mintring behaviors`
 * and docs/behaviors.md come from this table: run scripts/docs-behaviors.mjs after a change.
 */
export const sections: readonly Section[] = [
  { title: 'Where a key lives', rows: placementRows },
  { title: 'When a host fails', rows: healthRows },
  { title: 'Connections and time', rows: connectionRows },
  { title: 'Values, keys, errors', rows: valueRows },
  { title: 'Refills', rows: refillRows },
]

/** All behaviors in one list. */
export const rows: readonly Row[] = sections.flatMap((section) => section.rows)

const byName: ReadonlyMap<string, Row> = new Map(rows.map((row) => [row.name, row]))

/** Returns the row of a behavior, or undefined if there is none with this name. */
export function rowOf(name: string): Row | undefined {
  return byName.get(name)
}

/**
 * Returns the environment variable of a behavior: `retryTimeoutMs` → `MINTRING_RETRY_TIMEOUT_MS`;
 * of a field: `MINTRING_CONNECTIONS_MAX`.
 */
export function envName(row: Row, field?: Row): string {
  const words = field === undefined ? row.name : `${row.name}_${field.name}`
  return `MINTRING_${words.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()}`
}
