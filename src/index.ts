/**
 * `mintring`: the client, its settings, and the types they use.
 * @module mintring
 */
export type { Behaviors, BehaviorsInput, DurationName } from './behaviors/behaviors.ts'
export type { BehaviorsFrom } from './behaviors/behaviors-from.ts'
export { behaviorsFrom } from './behaviors/behaviors-from.ts'
export type { NpmMemcachedOptions } from './behaviors/dialects/npm-memcached.ts'
export type { PylibmcBehaviors } from './behaviors/dialects/pylibmc.ts'
export type { TranslatedBehaviors } from './behaviors/dialects/translation.ts'
export type { TwemproxyPool } from './behaviors/dialects/twemproxy.ts'
export type { Environment } from './behaviors/env.ts'
export type { Discovery, Previous, Serializer } from './behaviors/types.ts'
export type {
  ConfigureMessage,
  EjectMessage,
  HandoverMessage,
  ProbeMessage,
  RefillMessage,
  ReturnMessage,
  SlowMessage,
} from './channels.ts'
export type {
  FlushOptions,
  LruChange,
  LruCrawlerChange,
  ShutdownOptions,
  SlabsChange,
} from './client/admin.ts'
export { MemcachedClient } from './client/client.ts'
export type { ClientEvents, Listener, WarningMessage } from './client/events.ts'
export type { ChangeOptions } from './client/handovers.ts'
export type { KeyMapping } from './client/keys.ts'
export type {
  BufferOptions,
  OperationOptions,
  ReadOptions,
  StoreOptions,
} from './client/options.ts'
export type { Outcomes } from './client/outcomes.ts'
export type { CopyProgress } from './client/pump.ts'
export type { CloseOptions } from './client/settings.ts'
export type { Ttl } from './client/ttl.ts'
export type { Body, Codec, Encoded } from './client/values/codec.ts'
export type { CounterOptions } from './client/verbs/arithmetic.ts'
export type {
  DumpedItem,
  DumpedKey,
  DumpOptions,
  WatchEvent,
  WatchOptions,
} from './client/verbs/dumps.ts'
export type { Entries } from './client/verbs/entries.ts'
export type { Stats, StatValue } from './client/verbs/hosts.ts'
export type { MetaCommands, MetaKey, MetaOptions, MetaReply } from './client/verbs/meta.ts'
export type { RawReply, RawWord } from './client/verbs/raw.ts'
export type { Entry } from './client/verbs/retrieval.ts'
export type { CasOutcome } from './client/verbs/storage.ts'
export type { ClientView, ViewOptions } from './client/view.ts'
export type { WarmLoader, WarmOptions, WarmProgress } from './client/warm-options.ts'
export type { CopyOptions } from './client/warm-previous.ts'
export type { ErrorCode, ErrorDetails, ErrorJson } from './errors.ts'
export { isMintringError, MintringError } from './errors.ts'
export type { Servers } from './hosts/address.ts'
export type { HandoverSnapshot } from './hosts/handover.ts'
export type { Location } from './hosts/places.ts'
export type { Failover, Gutter } from './hosts/policy.ts'
export type { HostSnapshot } from './hosts/snapshot.ts'
export type { LaneBounds } from './net/lanes.ts'
export type { CrawlRange, WatchTopic } from './protocol/admin.ts'
export type { CommonFlags, MaFlags, MdFlags, MgFlags, MsFlags, StoreMode } from './protocol/meta.ts'
export type { CallerOptions } from './refill/caller.ts'
export type { Defined, Definition } from './refill/define.ts'
export type { EntryState, RefillEntry, StaleBecause } from './refill/finding.ts'
export type { Loader, LoaderContext, WaitUntil } from './refill/loader.ts'
export type { ManyContext, ManyLoader } from './refill/many.ts'
export type { OnWaitTimeout, RefillDefaults, RefillPolicy, Seconds } from './refill/policy.ts'
export type { RefillOptions, TagInvalidation } from './refill/refill.ts'
export type { RefillCounters } from './refill/tally.ts'
export { compat } from './ring/compat.ts'
export type { HashName } from './ring/hashes/registry.ts'
export type { DistributionName, RingOptions } from './ring/options.ts'
export type { RingServer, ServerObject } from './ring/server.ts'
export type { Tags, TagsOf } from './tags/names.ts'
