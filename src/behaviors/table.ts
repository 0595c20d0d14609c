import type { Row } from './row.ts'
import { connectionRows } from './rows/connections.ts'
import { healthRows } from './rows/health.ts'
import { placementRows } from './rows/placement.ts'
import { refillRows } from './rows/refill.ts'
import { valueRows } from './rows/values.ts'

/** A part of the table, with the heading it has in docs/behaviors.md. */
export interface Section {
  readonly title: string
  readonly rows: readonly Row[]
}

/**
 * Every behavior there is. The TypeScript type, validation, names in the environment, `mintring
 * behaviors` and docs/behaviors.md all come from here; run `npm run behaviors` after a change.
 */
export const sections: readonly Section[] = [
  { title: 'Where a key lives', rows: placementRows },
  { title: 'When a host fails', rows: healthRows },
  { title: 'Connections and time', rows: connectionRows },
  { title: 'Values, keys, errors', rows: valueRows },
  { title: 'Refills', rows: refillRows },
]

/** All rows in one list. */
export const rows: readonly Row[] = sections.flatMap((section) => section.rows)

const byName: ReadonlyMap<string, Row> = new Map(rows.map((row) => [row.name, row]))

/** The row of a behavior, if there is one of that name. */
export function rowOf(name: string): Row | undefined {
  return byName.get(name)
}

/** `retryTimeoutMs` → `MINTRING_RETRY_TIMEOUT_MS`; of a field, `MINTRING_CONNECTIONS_MAX`. */
export function envName(row: Row, field?: Row): string {
  const words = field === undefined ? row.name : `${row.name}_${field.name}`
  return `MINTRING_${words.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()}`
}
