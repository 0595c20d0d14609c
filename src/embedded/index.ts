/**
 * `mintring/embedded`: an in-process memcached for demos, development and tests.
 * @module embedded
 */
export { createManualClock, type ManualClock, type ServerClock } from './clock.ts'
export type { EmbeddedServer } from './embedded-server.ts'
export type { Faults } from './faults.ts'
export { type ServerOptions, startServer } from './server.ts'
