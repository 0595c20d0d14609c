import type { RingServer } from '../../ring/server.ts'

/** Asks somebody for the server list. The signal fires when nobody waits for the answer any more. */
export type Source = (signal: AbortSignal) => Promise<readonly RingServer[]>
