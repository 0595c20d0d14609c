/**
 * `mintring/ring`: maps keys to servers as mintring and the other clients of a fleet do. It uses no
 * client, no socket and no clock.
 * @module ring
 */
export { type CompatPreset, compat } from './compat.ts'
export type { Change, Difference } from './difference.ts'
export { distributionNames } from './distributions/registry.ts'
export { type HashName, hashNames, loadHash } from './hashes/registry.ts'
export type { Key } from './key.ts'
export type { DistributionName, RingOptions } from './options.ts'
export type { Live } from './placement.ts'
export { createRing, Location, type LocationData, type ReweightedServer, Ring } from './ring.ts'
export { type ParsedServer, parseServer, type RingServer, type ServerObject } from './server.ts'
