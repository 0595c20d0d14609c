import type { RingServer } from '../../ring/server.ts'

/** Asks a source for the server list. The signal fires when the answer is not awaited any more. */
export type Source = (signal: AbortSignal) => Promise<readonly RingServer[]>
