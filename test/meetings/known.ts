import type { CellResult } from './table.ts'

/**
 * Whether a cell breaks its law in a way that is known today: close() waits for the requests that
 * are under way, and not for the next ones of an operation that needs several.
 */
export function isKnown({ event, faults }: CellResult): boolean {
  if (event !== 'the client is closed and drains') return false
  return faults.length > 0 && faults.every((fault) => fault.includes('MINTRING_CLOSED'))
}
