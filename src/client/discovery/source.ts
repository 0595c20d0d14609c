import type { RingServer } from '../../ring/server.ts'

/** Asks somebody for the server list. `undefined`: nothing is newer than what was told before. */
export type Source = () => Promise<readonly RingServer[] | undefined>
