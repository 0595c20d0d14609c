import type { ConnectionOptions } from 'node:tls'
import type { LaneBounds } from '../net/lanes.ts'
import { DEFAULT_MAX_VALUE_BYTES } from '../protocol/limits.ts'
import type { RingOptions } from '../ring/options.ts'
import type { Servers } from './address.ts'

/**
 * A stand-by pool for the keys of ejected hosts. What is written to it lives `ttl` seconds at most.
 */
export interface Gutter {
  /** The stand-by hosts: a ring of their own. */
  readonly gutter: Servers
  /** The longest a value lives there, in seconds. */
  readonly ttl: number
}

/** What becomes of an ejected host's keys. docs/reliability.md compares the choices. */
export type Failover = 'rehash' | 'miss' | 'error' | Gutter

/** Everything a cluster can be told. docs/behaviors.md describes each setting. */
export interface ClusterPolicy extends RingOptions {
  readonly autoEjectHosts: boolean
  /** Incidents in a row that eject a host. */
  readonly serverFailureLimit: number
  /** From ejection to the first probe, and the least time between two. */
  readonly retryTimeoutMs: number
  /** The longest time between two probes. */
  readonly deadTimeoutMs: number
  /** What becomes of a host that replies much more slowly than its peers. */
  readonly slowHosts: 'report' | 'eject' | 'bypass'
  /** Whether the only host is ejected. */
  readonly ejectLoneHost: boolean
  readonly failover: Failover
  readonly ejection: 'skip' | 'rebuild'
  readonly onReturn: 'trust' | 'flush'
  /** Keys that a host is known to owe one by one; beyond that a filter knows them. */
  readonly maxOwedKeys: number
  /** So long after a failed attempt processes may differ on which hosts are down. */
  readonly precautionsMs: number
  /** DNS, TCP, TLS and handshake together. */
  readonly connectTimeoutMs: number
  /** One attempt on one host. */
  readonly requestTimeoutMs: number
  /** How often a safe request may try another place. */
  readonly retries: number
  readonly retryWrites: boolean
  readonly connections: LaneBounds
  /** Requests that wait for one host, written or not. */
  readonly maxQueuedPerHost: number
  /** The largest value a server may send. */
  readonly maxValueBytes: number
  /** `classic` never asks a server whether it has meta commands. */
  readonly protocol: 'auto' | 'meta' | 'classic'
  readonly tls: boolean | ConnectionOptions
  readonly username: string | undefined
  readonly password: string | undefined
  readonly tcpNoDelay: boolean
  /** 0: no keepalive. */
  readonly tcpKeepAliveMs: number
  /** Connections let the process end. */
  readonly unref: boolean
}

/** What a cluster does when it is told nothing. */
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
