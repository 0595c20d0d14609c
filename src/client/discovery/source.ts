import type { RingServer } from '../../ring/server.ts'

/**
 * Fetches the server list from a source. The signal aborts when the result is no longer awaited.
 */
export type Source = (signal: AbortSignal) => Promise<readonly RingServer[]>
