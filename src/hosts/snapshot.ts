import type { MintringError } from '../errors.ts'

/** A row of `hosts()`. */
export interface HostSnapshot {
  /** `name`, else `host:port` or the path of a socket. */
  readonly name: string
  /** `host:port`, or the path of a socket. */
  readonly address: string
  /** `suspect`: it failed, and is still in the ring. `ejected` and `probing`: it is out. */
  readonly state: 'up' | 'suspect' | 'ejected' | 'probing'
  /** Its share of the keys, relative to the other hosts. */
  readonly weight: number
  /** Incidents in a row. */
  readonly failures: number
  /** Why it failed last; undefined when it never did. */
  readonly lastError: MintringError | undefined
  /** Unix time in milliseconds of the next probe; undefined when none is due. */
  readonly nextProbeAtMs: number | undefined
  /** Connections, those being made included. */
  readonly lanes: number
  /** Commands that were sent and not yet answered. */
  readonly inFlight: number
  /** Commands that were not yet sent. */
  readonly queued: number
  /** Keys that it must be told were changed elsewhere before it is believed for them. */
  readonly owed: number
  /** How long its replies took on average of late, in milliseconds; undefined for too few. */
  readonly replyMs: number | undefined
  /** It has replied much more slowly than its peers for some seconds. */
  readonly isSlow: boolean
}
