/**
 * `mintring/simulate`: simulates caches and fleets. Results are counted in virtual time, not
 * measured.
 * @module simulate
 */
export type { EntryState, RefillEntry, StaleBecause } from '../refill/finding.ts'
export type { OnWaitTimeout, RefillPolicy, Seconds } from '../refill/policy.ts'
export type { Dialect } from '../refill/store.ts'
export type { Difference } from '../ring/difference.ts'
export type { HashName } from '../ring/hashes/registry.ts'
export type { Key } from '../ring/key.ts'
export type { DistributionName, RingOptions } from '../ring/options.ts'
export type { RingServer, ServerObject } from '../ring/server.ts'
export type { Tags, TagsOf } from '../tags/names.ts'
export type { ChangeCost, ChangeOverTime } from './change-cost.ts'
export type { ChangeTraffic } from './change-traffic.ts'
export { type FleetReport, fleet } from './fleet.ts'
export type { FleetInput } from './fleet-plan.ts'
export { type HandoverInput, handover, type PlacementOf } from './handover.ts'
export { type RemapReport, remap } from './remap.ts'
export { generatedServers, type RemapChange } from './remap-change.ts'
export { countShard, type Placing, type RemapShard } from './remap-count.ts'
export type { RemapInput } from './remap-input.ts'
export { keysOfLines, noSkippedLines, type SkippedLines } from './remap-keys.ts'
export { type DumpOptions, metadumpKeys } from './remap-metadump.ts'
export type { Balance, OriginLoad, RemapResult } from './remap-result.ts'
export {
  type KeySample,
  type SampledServer,
  type SampleOptions,
  sampleKeys,
} from './remap-sample.ts'
export {
  type Protection,
  type StampedeInput,
  type StampedeReport,
  stampede,
} from './stampede.ts'
export type { WriteKind } from './stampede-fleet.ts'
