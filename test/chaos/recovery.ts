import { startMemcached } from '../support/memcached.ts'
import { recover } from './recover.ts'

/**
 * Recovery times for leases of 2, 4 and 10 seconds:
 * `node --import ./scripts/typescript.mjs test/chaos/recovery.ts`.
 */
const memcached = await startMemcached()
try {
  for (const lease of [2, 4, 10]) {
    for (const temperature of ['cold', 'stale'] as const) {
      for (const protocol of ['meta', 'classic'] as const) {
        const recovery = await recover(memcached.port, temperature, lease, protocol)
        console.log(JSON.stringify({ lease, temperature, protocol, ...recovery }))
      }
    }
  }
} finally {
  await memcached.stop()
}
