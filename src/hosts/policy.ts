import type { ConnectionOptions } from 'node:tls'
import type { LaneBounds } from '../net/lanes.ts'
import { DEFAULT_MAX_VALUE_BYTES } from '../protocol/limits.ts'
import type { RingOptions } from '../ring/options.ts'
import type { Servers } from './address.ts'

/**
 * Stand-by hosts for the keys of ejected hosts. Values stored on them live `ttl` seconds at most.
 */
export interface Gutter {
  /** The stand-by hosts, which have a ring of their own. */
  readonly gutter: Servers
  /** The maximum lifetime of values on stand-by hosts, in seconds. */
  readonly ttl: number
}

/** How the keys of an ejected host are served. docs/reliability.md compares the choices. */
export type Failover = 'rehash' | 'miss' | 'error' | Gutter

/** All settings of a cluster. docs/behaviors.md describes each of them. */
export interface ClusterPolicy extends RingOptions {
  readonly autoEjectHosts: boolean
  /** How many consecutive incidents eject a host. */
  readonly serverFailureLimit: number
  /** The time from an ejection to the first probe, and the minimum between two probes. */
  readonly retryTimeoutMs: number
  /** The maximum time between two probes. */
  readonly deadTimeoutMs: number
  /** How to treat a host that replies much more slowly than its peers. */
  readonly slowHosts: 'report' | 'eject' | 'bypass'
  /** Whether to eject a host that is the only one. */
  readonly ejectLoneHost: boolean
  readonly failover: Failover
  readonly ejection: 'skip' | 'rebuild'
  readonly onReturn: 'trust' | 'flush'
  /**
   * How many missed changes per host are recorded exactly. Keys of further ones go to a Bloom
   * filter.
   */
  readonly maxOwedKeys: number
  /** How long after a failed attempt other processes may disagree about which hosts are down. */
  readonly precautionsMs: number
  /**
   * How long fallback hosts count the keys that a host missed, in seconds, for processes that start
   * later. 0: they do not.
   */
  readonly missedTtl: number
  /** For how many seconds a restarted host gets values from its fallback hosts. 0: it does not. */
  readonly handover: number
  /** The time limit for DNS, TCP, TLS and handshake together. */
  readonly connectTimeoutMs: number
  /** The time limit of one attempt on one host. */
  readonly requestTimeoutMs: number
  /** How many times a request that is safe to repeat is retried on another host. */
  readonly retries: number
  readonly retryWrites: boolean
  readonly connections: LaneBounds
  /** The maximum number of requests per host, sent or queued. */
  readonly maxQueuedPerHost: number
  /** The maximum size of a value that a server may send. */
  readonly maxValueBytes: number
  /** `classic` never probes a server for meta commands. */
  readonly protocol: 'auto' | 'meta' | 'classic'
  readonly tls: boolean | ConnectionOptions
  readonly username: string | undefined
  readonly password: string | undefined
  readonly tcpNoDelay: boolean
  /** The keepalive delay; 0 disables keepalive. */
  readonly tcpKeepAliveMs: number
  /** Whether open connections let the process exit. */
  readonly unref: boolean
}

/** The settings of a cluster by default. */
export const defaultClusterPolicy: ClusterPolicy = Object.freeze({
  distribution: 'ketama',
  hash: undefined,
  hashTag: undefined,
  autoEjectHosts: true,
  serverFailureLimit: 2,
  retryTimeoutMs: 2_000,
  deadTimeoutMs: 30_000,
  slowHosts: 'report',
  ejectLoneHost: false,
  failover: 'rehash',
  ejection: 'skip',
  onReturn: 'trust',
  maxOwedKeys: 100_000,
  precautionsMs: 10_000,
  missedTtl: 3_600,
  handover: 600,
  connectTimeoutMs: 500,
  requestTimeoutMs: 500,
  retries: 1,
  retryWrites: true,
  connections: Object.freeze({ min: 1, max: 2, idleMs: 60_000 }),
  maxQueuedPerHost: 10_000,
  maxValueBytes: DEFAULT_MAX_VALUE_BYTES,
  protocol: 'auto',
  tls: false,
  username: undefined,
  password: undefined,
  tcpNoDelay: true,
  tcpKeepAliveMs: 30_000,
  unref: false,
})
